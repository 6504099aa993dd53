"""The roster's circuits: what opens them, for how long, and the one trial that closes them."""

import asyncio
import contextlib
from dataclasses import replace

import pytest
from fakes import ManualClock, RecordingObserver, chat_card
from rosters import UP, A, RosterHouse, lease
from running import run

from router.circuits import LONGEST_RETRY_AFTER_S, Verdict
from router.domain import Route
from router.errors import (
    ConnectionLost,
    DialRefused,
    HostLost,
    Implausible,
    Malformed,
    NotSent,
    Overloaded,
    Rejected,
    Silent,
    UpstreamFault,
)
from router.health import HostSign, ProviderSign
from router.ports import Probe
from router.roster import Roster


@pytest.mark.parametrize(
    ("fault", "times", "expected"),
    [
        (Rejected("x", upstream_status=500), 2, Verdict.CLOSED),
        (Rejected("x", upstream_status=500), 3, Verdict.OPEN),
        (Rejected("x", upstream_status=404), 3, Verdict.OPEN),
        (Rejected("x", upstream_status=401), 3, Verdict.OPEN),
        (Rejected("x", upstream_status=429), 2, Verdict.CLOSED),
        (Rejected("x", upstream_status=429, retry_after_s=5), 1, Verdict.OPEN),
        (Rejected("x", upstream_status=503, retry_after_s=5), 1, Verdict.OPEN),
        (Rejected("x", upstream_status=500, retry_after_s=5), 1, Verdict.CLOSED),
        (Silent("x"), 3, Verdict.OPEN),
        (Malformed("x"), 3, Verdict.OPEN),
        (Implausible("x"), 9, Verdict.CLOSED),
        (Overloaded("x"), 9, Verdict.CLOSED),
        (HostLost("x"), 9, Verdict.CLOSED),
        (DialRefused("x"), 1, Verdict.OPEN),
        (ConnectionLost("x"), 1, Verdict.OPEN),
        (NotSent("x"), 1, Verdict.OPEN),
    ],
    ids=lambda value: (
        f"{type(value).__name__} {getattr(value, 'upstream_status', '')}"
        if isinstance(value, Exception)
        else str(value)
    ),
)
def test_what_opens_a_circuit(fault: UpstreamFault, times: int, expected: Verdict) -> None:
    """Soft faults in threes, Retry-After and hard faults at once; our own gate, a lost machine and a text of odd
    length never."""
    house = RosterHouse().all_up()
    house.fail(A, fault, times)
    assert expected is house.verdict()


@pytest.mark.parametrize("sign", [ProviderSign.COLD, ProviderSign.LOADING])
def test_silence_while_a_model_loads_is_not_counted(sign: ProviderSign) -> None:
    """It was to be expected; an error status is not."""
    house = RosterHouse()
    house.roster.note_probe("a", replace(UP, provider=sign))
    house.fail(A, Silent("x"), 9)
    before = house.verdict()
    house.fail(A, Rejected("x", upstream_status=500), 3)
    assert (Verdict.CLOSED, Verdict.OPEN) == (before, house.verdict())


def test_models_of_one_server_fail_apart() -> None:
    """The soft circuit is the model's."""
    house = RosterHouse().all_up()
    house.fail(A, Silent("x"), 3)
    assert [Verdict.OPEN, Verdict.CLOSED] == [house.verdict(A), house.verdict(Route("a", "other", 1))]


@pytest.mark.parametrize(
    ("asked_s", "pause_s"), [(5.0, 5.0), (1e9, LONGEST_RETRY_AFTER_S)], ids=["5 s", "for ever"]
)
def test_retry_after_is_obeyed_to_the_second(asked_s: float, pause_s: float) -> None:
    """Then one trial."""
    house = RosterHouse().all_up()
    house.fail(A, Rejected("x", upstream_status=429, retry_after_s=asked_s))
    house.clock.advance(pause_s - 0.01)
    early = house.verdict()
    house.clock.advance(0.01)
    assert (Verdict.OPEN, Verdict.TRIAL) == (early, house.verdict())


@pytest.mark.parametrize(
    ("status", "retry_after_s", "expected"),
    [
        (429, 5.0, Verdict.CLOSED),
        (503, 5.0, Verdict.CLOSED),
        (429, None, Verdict.CLOSED),
        (503, None, Verdict.CLOSED),
        (500, None, Verdict.OPEN),
    ],
)
def test_a_rival_that_has_no_time_is_left_to_the_others(
    status: int, retry_after_s: float | None, expected: Verdict
) -> None:
    """It was asked on suspicion, and only because it seemed to be idle. What is broken is broken all the same."""
    house = RosterHouse().all_up()
    for _ in range(3):
        fault = Rejected("x", upstream_status=status, retry_after_s=retry_after_s)
        house.roster.note_fault(A, fault, is_rival=True)
    assert expected is house.verdict()


def test_a_good_answer_closes_the_models_circuit() -> None:
    """And forgets the failures that had not yet opened it."""
    house = RosterHouse().all_up()
    for failures in (2, 2, 3):
        house.fail(A, Silent("x"), failures)
        house.roster.note_success(A)
    assert Verdict.CLOSED is house.verdict()
    house.fail(A, Silent("x"), 2)
    assert Verdict.CLOSED is house.verdict()


def test_probes_that_succeed_do_not_close_a_models_circuit() -> None:
    """A server whose model fails answers its probes all the same."""
    house = RosterHouse().all_up()
    house.fail(A, Silent("x"), 3)
    house.all_up().all_up()
    assert Verdict.OPEN is house.verdict()


def test_the_providers_return_closes_its_hard_circuit() -> None:
    """Two good probes; no trial inference is needed."""
    house = RosterHouse().all_up()
    house.fail(A, ConnectionLost("reset"), 5)
    verdicts = [house.verdict()]
    for _ in range(2):
        house.roster.note_probe("a", UP)
        verdicts.append(house.verdict())
    assert [Verdict.OPEN, Verdict.OPEN, Verdict.CLOSED] == verdicts


def test_what_is_down_may_be_tried_again_when_its_back_off_has_elapsed() -> None:
    """A quarter of a second, doubling: a last resort must not become a storm."""
    house = RosterHouse(chat_card("a")).all_up()
    waits = []
    for _ in range(3):
        house.fail(A, DialRefused("refused"))
        assert [False] == [candidate.is_eligible for candidate in house.roster.order([A])]
        waits.append(house.roster.standing("a").retry_in_s)
        house.clock.advance(waits[-1])
        assert [True] == [candidate.is_eligible for candidate in house.roster.order([A])]
    assert [pytest.approx(0.25), pytest.approx(0.5), pytest.approx(1.0)] == waits


@pytest.mark.parametrize(
    ("fault", "expected_s"), [(Silent("x"), 2.0), (ConnectionLost("x"), 0.25)], ids=["soft", "hard"]
)
def test_a_burst_of_failures_is_one_opening(fault: UpstreamFault, expected_s: float) -> None:
    """Ten requests that were in flight together are no ten failed trials: only a trial doubles the back-off."""
    house = RosterHouse().all_up()
    house.fail(A, fault, 10)
    assert pytest.approx(expected_s) == house.roster.standing("a", "m").retry_in_s


def test_one_request_at_a_time_tries_what_is_down() -> None:
    """A last resort is a trial as well: the others get their 503 at once."""

    async def main() -> list[bool]:
        house = RosterHouse(chat_card("a")).all_up()
        house.fail(A, DialRefused("refused"))
        house.clock.advance(1)
        eligible = [house.roster.order([A])[0].is_eligible]
        async with lease(house):
            eligible.append(house.roster.order([A])[0].is_eligible)
        eligible.append(house.roster.order([A])[0].is_eligible)
        return eligible

    assert [True, False, True] == run(main())


@pytest.mark.parametrize("is_mended", [True, False])
def test_a_trial_is_claimed_once(is_mended: bool) -> None:
    """Whoever comes while it is under way is sent on; its outcome decides for the rest."""

    async def main() -> list[Verdict]:
        house = RosterHouse().all_up()
        house.fail(A, Silent("x"), 3)
        house.clock.advance(2)
        verdicts = [house.verdict()]
        with contextlib.suppress(Silent):
            async with lease(house):
                verdicts.append(house.verdict())
                with pytest.raises(Overloaded, match="a trial is under way"):
                    async with lease(house):
                        raise AssertionError("two trials at once")
                if not is_mended:
                    house.fail(A, Silent("x"))
                    raise Silent("x")
                house.roster.note_success(A)
        verdicts.append(house.verdict())
        return verdicts

    after = Verdict.CLOSED if is_mended else Verdict.OPEN
    assert [Verdict.TRIAL, Verdict.OPEN, after] == run(main())


def test_a_failed_trial_doubles_the_back_off() -> None:
    """From two seconds to four."""

    async def main() -> list[float]:
        house = RosterHouse().all_up()
        house.fail(A, Silent("x"), 3)
        waits = [house.roster.standing("a", "m").retry_in_s]
        house.clock.advance(2)
        async with lease(house):
            house.fail(A, Silent("x"))
        waits.append(house.roster.standing("a", "m").retry_in_s)
        return waits

    assert [2.0, 4.0] == run(main())


def test_a_trial_whose_client_hung_up_leaves_the_trial_to_the_next() -> None:
    """Nothing was learnt, so nothing changes."""

    async def main() -> Verdict:
        house = RosterHouse().all_up()
        house.fail(A, Silent("x"), 3)
        house.clock.advance(2)
        with contextlib.suppress(asyncio.CancelledError):
            async with lease(house):
                raise asyncio.CancelledError
        return house.verdict()

    assert Verdict.TRIAL is run(main())


def test_a_server_that_answers_5xx_is_tried_often() -> None:
    """Such a trial costs a moment and not a wait, so the server is back soon after it is well; one that charges is
    left alone for longer and longer."""
    waits = {}
    for is_billed in (False, True):
        clock = ManualClock()
        card = chat_card("llm", is_billed=is_billed)
        roster = Roster({"llm": card}, RecordingObserver(), clock, jitter=lambda: 0.0)
        roster.note_probe("llm", Probe(HostSign.ANSWERED, ProviderSign.READY))
        for _ in range(8):
            roster.note_fault(Route("llm", "m", 1), Rejected("down", upstream_status=500))
            wait_s = roster.standing("llm", "m").retry_in_s
            clock.advance(wait_s)
        waits[is_billed] = wait_s
    assert {False: 1.5, True: 60.0} == waits
