"""Circuits: when trying again would only waste somebody's time. Pure.

Each model at each provider has one, for soft failures; each provider has one, for hard faults.

Soft failures (5xx, a model that is gone, no first byte) open it after three in a row, because one may be chance.
While it is open no inference is sent; when its back-off has elapsed, one *trial* inference is, and its end
decides. Back-off doubles with every failed trial and is spread by jitter, so that routers do not return in step;
where a trial costs nobody a wait (a 5xx comes at once, a tts-node's has a rival beside it), it stays short.
`Retry-After` is obeyed at once: the provider knows best. Probes are not affected: they cost nothing.

The client's own faults, a client that hangs up and a model that must load first are never told here.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

SOFT_FAILURES: Final = 3
FIRST_BACK_OFF_S: Final = 2.0
FIRST_HARD_BACK_OFF_S: Final = 0.25  # probes bring a provider back; this only spaces what is tried meanwhile
OVERDUE_BACK_OFF_S: Final = 0.5
BEATING_BACK_OFF_S: Final = 0.5  # the longest where a heart beats: its trials keep no listener waiting
QUICK_BACK_OFF_S: Final = 1.5  # the longest after a 5xx of a house's own server: a trial costs a moment
LONGEST_BACK_OFF_S: Final = 60.0
LONGEST_RETRY_AFTER_S: Final = 600.0  # a provider that asks for more is asked again after ten minutes all the same


class Verdict(StrEnum):
    """Whether an inference may be sent."""

    CLOSED = "closed"  # as always
    TRIAL = "trial"  # one, to find out
    OPEN = "open"  # none


@dataclass(frozen=True, slots=True)
class Circuit:
    """`failures` and `openings` in a row; `not_before`: monotonic seconds, None while closed."""

    failures: int = 0
    openings: int = 0
    not_before: float | None = None
    is_on_trial: bool = False

    def verdict(self, now: float) -> Verdict:
        """What may be done at `now`."""
        if self.not_before is None:
            return Verdict.CLOSED
        return Verdict.OPEN if self.is_on_trial or now < self.not_before else Verdict.TRIAL

    def opens_in_s(self, now: float) -> float:
        """Seconds until a trial is due; 0 when one is, or when the circuit is closed."""
        return max(0.0, self.not_before - now) if self.not_before is not None else 0.0


CLOSED: Final = Circuit()  # what any good answer makes of one


def after_failure(
    circuit: Circuit, now: float, jitter: float, *, longest_s: float = LONGEST_BACK_OFF_S
) -> Circuit:
    """A soft failure at `now`; `jitter` in [0, 1) stretches the back-off by up to half."""
    if (
        circuit.opens_in_s(now) > 0 and not circuit.is_on_trial
    ):  # one of a burst under way together: no failed trial
        return circuit
    failures = circuit.failures + 1
    if failures < SOFT_FAILURES and circuit.not_before is None:
        return replace(circuit, failures=failures)
    return _opened(circuit, now, jitter, FIRST_BACK_OFF_S, longest_s)


def after_overdue(circuit: Circuit, now: float, jitter: float) -> Circuit:
    """A segment of speech that another had to speak: open at once, because every listener would wait as long, and
    never for long, because a trial keeps nobody waiting: another speaks beside it."""
    if circuit.opens_in_s(now) > 0 and not circuit.is_on_trial:
        return circuit
    return Circuit(circuit.failures + 1, circuit.openings, now + OVERDUE_BACK_OFF_S * (1 + jitter / 2))


def after_hard_fault(circuit: Circuit, now: float, jitter: float) -> Circuit:
    """A dial, DNS, TLS or connection fault at `now`: open at once. A burst of them opens once."""
    if circuit.opens_in_s(now) > 0:
        return circuit
    return _opened(circuit, now, jitter, FIRST_HARD_BACK_OFF_S)


def _opened(
    circuit: Circuit, now: float, jitter: float, first_s: float, longest_s: float = LONGEST_BACK_OFF_S
) -> Circuit:
    back_off_s = min(first_s * 2.0**circuit.openings, longest_s) * (1 + jitter / 2)
    return Circuit(circuit.failures + 1, min(circuit.openings + 1, 16), now + back_off_s)


def after_retry_after(circuit: Circuit, now: float, retry_after_s: float) -> Circuit:
    """The provider asked to be left alone for `retry_after_s`."""
    pause_s = min(max(retry_after_s, 0.0), LONGEST_RETRY_AFTER_S)
    return Circuit(circuit.failures + 1, circuit.openings, now + pause_s)


def due(circuit: Circuit, now: float) -> Circuit:
    """What had failed has begun anew (a new process, a model loaded again): a trial may be sent at once."""
    if circuit.not_before is None or circuit.not_before <= now:
        return circuit
    return replace(circuit, not_before=now)


def on_trial(circuit: Circuit) -> Circuit:
    """A trial has been sent; until it ends nobody else goes."""
    return replace(circuit, is_on_trial=True)


def trial_abandoned(circuit: Circuit) -> Circuit:
    """The trial ended without a verdict (its client hung up): the next request may be the trial."""
    return replace(circuit, is_on_trial=False)
