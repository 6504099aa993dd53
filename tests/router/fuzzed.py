"""A property of random inputs as a test: a few fixed ones each time, or, in a soak, many that nobody has seen."""

import os
import secrets
from collections.abc import Callable
from random import Random
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SOAK_EXAMPLES: Final = int(os.environ.get("HTTP1_FUZZ_EXAMPLES", "0"))


def fuzzed(*, examples: int, share: float) -> Callable[[Callable[[Random], None]], Callable[[], None]]:
    """Run a property `examples` times, or, in a soak, with `share` of all its examples.

    Hypothesis stands behind the `Random` it hands out, so a failure shrinks. Plain seeds cost a tenth of that; the
    seed that fails is told, and `property(Random(seed))` repeats it.
    """

    def test_of(check: Callable[[Random], None]) -> Callable[[], None]:
        def soak() -> None:
            first = secrets.randbits(32)
            for seed in range(first, first + round(share * SOAK_EXAMPLES)):
                try:
                    check(Random(seed))
                except BaseException as exc:
                    exc.add_note(f"seed {seed}")
                    raise

        soak.__name__, soak.__doc__ = check.__name__, check.__doc__
        few = settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        return soak if SOAK_EXAMPLES else few(given(st.randoms(use_true_random=False))(check))

    return test_of
