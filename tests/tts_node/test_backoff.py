"""When a failed load is tried again."""

import pytest

from tts_node.life.backoff import Backoff


@pytest.mark.parametrize(
    ("failures", "may_be_chance", "expected_s"),
    [
        (0, False, 0),
        (1, False, 2),
        (2, False, 4),
        (5, False, 32),
        (6, False, 60),
        (99, False, 60),
        (1, True, 0),
        (2, True, 2),
        (3, True, 4),
    ],
)
def test_the_wait_doubles_to_a_minute(failures: int, may_be_chance: bool, expected_s: float) -> None:
    """From two seconds; a first death that may be somebody's kill is tried again at once."""
    backoff = Backoff()
    for _ in range(failures):
        backoff.failed("no weights", 100.0, may_be_chance=may_be_chance)
    assert expected_s == backoff.left_s(100.0)
    assert 0.0 == backoff.left_s(100.0 + expected_s)


def test_success_forgets() -> None:
    """The next failure is a first one."""
    backoff = Backoff()
    for _ in range(3):
        backoff.failed("no weights", 100.0, may_be_chance=False)
    backoff.succeeded()
    assert (0, None, 0.0) == (backoff.failures, backoff.reason, backoff.left_s(100.0))
