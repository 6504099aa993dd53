"""The tables of soft and hard circuits."""

import pytest

from router import circuits
from router.circuits import CLOSED, Circuit, Verdict


def after(failures: int, *, now: float = 100.0, jitter: float = 0.0) -> Circuit:
    circuit = CLOSED
    for _ in range(failures):
        circuit = circuits.after_failure(circuit, now, jitter)
    return circuit


@pytest.mark.parametrize(
    ("failures", "verdict"), [(0, Verdict.CLOSED), (1, Verdict.CLOSED), (2, Verdict.CLOSED), (3, Verdict.OPEN)]
)
def test_third_soft_failure_in_a_row_opens(failures: int, verdict: Verdict) -> None:
    """Two may be chance, three are not."""
    assert verdict == after(failures).verdict(100.0)


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0.0, Verdict.OPEN), (1.99, Verdict.OPEN), (2.0, Verdict.TRIAL), (99.0, Verdict.TRIAL)],
)
def test_back_off_ends_in_a_trial(seconds: float, verdict: Verdict) -> None:
    """After the first back-off of two seconds one inference may try."""
    assert verdict == after(3).verdict(100.0 + seconds)


def test_only_one_trial_at_a_time() -> None:
    """While a trial is under way nobody else goes."""
    trial = circuits.on_trial(after(3))
    assert trial.verdict(1000.0) == Verdict.OPEN
    assert circuits.trial_abandoned(trial).verdict(1000.0) == Verdict.TRIAL


@pytest.mark.parametrize(
    ("failed_trials", "back_off_s"), [(0, 2.0), (1, 4.0), (2, 8.0), (3, 16.0), (4, 32.0), (5, 60.0), (30, 60.0)]
)
def test_failed_trials_double_the_back_off(failed_trials: int, back_off_s: float) -> None:
    """Up to a minute; jitter aside."""
    circuit, now = after(3), 100.0
    for _ in range(failed_trials):
        now += circuit.opens_in_s(now)  # when the trial is due
        circuit = circuits.after_failure(circuits.on_trial(circuit), now, 0.0)
    assert pytest.approx(back_off_s) == circuit.opens_in_s(now)


@pytest.mark.parametrize("passed_s", [0.0, 1.0, 1.99])
def test_stragglers_of_the_same_burst_change_nothing(passed_s: float) -> None:
    """They were sent before the circuit opened, so they are no trials."""
    opened = after(3)
    later = circuits.after_failure(opened, 100.0 + passed_s, 0.0)
    assert pytest.approx(2.0 - passed_s) == later.opens_in_s(100.0 + passed_s)
    hard = circuits.after_hard_fault(CLOSED, 100.0, 0.0)
    assert pytest.approx(0.25) == circuits.after_hard_fault(hard, 100.0, 0.0).opens_in_s(100.0)


def test_jitter_stretches_by_up_to_half() -> None:
    """So that routers do not return in step."""
    assert pytest.approx(2.5) == after(3, jitter=0.5).opens_in_s(100.0)


@pytest.mark.parametrize(("asked_s", "pause_s"), [(-1.0, 0.0), (5.0, 5.0), (99_999.0, 600.0)])
def test_retry_after_is_obeyed_at_once_and_bounded(asked_s: float, pause_s: float) -> None:
    """One such answer is enough, and no provider can send itself away for ever."""
    circuit = circuits.after_retry_after(CLOSED, 100.0, asked_s)
    assert pytest.approx(pause_s) == circuit.opens_in_s(100.0)


def test_hard_fault_opens_at_once_and_briefly() -> None:
    """Probes bring the provider back; the back-off only spaces what is tried meanwhile."""
    circuit = circuits.after_hard_fault(CLOSED, 100.0, 0.0)
    assert circuit.verdict(100.1) == Verdict.OPEN
    assert circuit.verdict(100.25) == Verdict.TRIAL
