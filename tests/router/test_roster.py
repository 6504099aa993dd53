"""The roster: what signs and faults do to providers and hosts, what is in flight there, and who is told."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from fakes import ManualClock, RecordingObserver, chat_card, speech_card
from running import run, until

from router.circuits import LONGEST_RETRY_AFTER_S, Verdict
from router.domain import Modality, Model, ProviderCard, Route, Voice
from router.errors import (
    ConnectionLost,
    DialRefused,
    DialTimeout,
    HostLost,
    Malformed,
    NotSent,
    Overloaded,
    Rejected,
    Silent,
    UpstreamFault,
)
from router.health import HostSign, HostState, ProviderSign, ProviderState
from router.ports import Probe
from router.roster import Roster

UP = Probe(HostSign.ANSWERED, ProviderSign.READY)
GONE = Probe(HostSign.SILENT, None, "no answer to a dial")
A, B, C = Route("a", "m", 1), Route("b", "m", 1), Route("c", "m", 1)


class _House:
    """A roster of `a` and `b` on the machine `pc` and `c` on `nas`, its clock and its observer."""

    def __init__(self, *cards: ProviderCard, drained: set[str] | None = None) -> None:
        self.clock = ManualClock()
        self.observer = RecordingObserver()
        usual = [chat_card("a", host="pc"), chat_card("b", host="pc"), chat_card("c", host="nas")]
        self.cards = {card.id: card for card in cards or usual}
        self.roster = Roster(self.cards, self.observer, self.clock, jitter=lambda: 0.0, drained=drained)

    def all_up(self) -> "_House":
        for name in self.cards:
            self.roster.note_probe(name, UP)
        return self

    def look(self, name: str, *probes: Probe) -> None:
        for probe in probes:
            self.roster.note_probe(name, probe)

    def fail(self, route: Route, fault: UpstreamFault, times: int = 1) -> None:
        for _ in range(times):
            self.roster.note_fault(route, fault)

    def verdict(self, route: Route = A) -> Verdict:
        return self.roster.standing(route.provider, route.model).verdict


def _nobody(_: HostLost) -> None:
    raise AssertionError("nobody was to be told")


def test_everybody_begins_unknown_on_a_reachable_host() -> None:
    """And the observer is told, so that the metrics have a line from the start."""
    house = _House()
    roster, observer = house.roster, house.observer
    assert [(name, ProviderState.UNKNOWN, "not probed yet") for name in "abc"] == observer.providers
    assert {("pc", HostState.REACHABLE), ("nas", HostState.REACHABLE)} == set(observer.hosts)
    assert "<Roster a=unknown, b=unknown, c=unknown>" == repr(roster)


@pytest.mark.parametrize(
    ("fault", "state", "host"),
    [
        (DialTimeout("silent"), ProviderState.DOWN, HostState.SUSPECT),
        (DialRefused("refused"), ProviderState.DOWN, HostState.REACHABLE),
        (ConnectionLost("reset"), ProviderState.DOWN, HostState.REACHABLE),
        (NotSent("no name"), ProviderState.DOWN, HostState.REACHABLE),
        (Silent("slow"), ProviderState.UP, HostState.REACHABLE),
        (Malformed("noise"), ProviderState.UP, HostState.REACHABLE),
        (Rejected("busy", upstream_status=429), ProviderState.UP, HostState.REACHABLE),
        (HostLost("gone"), ProviderState.UP, HostState.REACHABLE),
        (Overloaded("full"), ProviderState.UP, HostState.REACHABLE),
        (UpstreamFault("late"), ProviderState.UP, HostState.REACHABLE),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_what_a_failed_attempt_shows(fault: UpstreamFault, state: ProviderState, host: HostState) -> None:
    """Hard faults count at once, soft ones do not; only silence at the dial speaks against the machine."""
    roster = _House().roster
    roster.note_probe("a", UP)
    roster.note_fault(A, fault)
    standing = roster.standing("a")
    assert (state, host) == (standing.state, standing.host_state)


def test_a_silent_dial_counts_against_everybody_on_the_machine() -> None:
    """Two misses, whoever made them; what is on other machines is untouched."""
    house = _House()
    roster, observer = house.roster, house.observer
    for name in "abc":
        roster.note_probe(name, UP)
    roster.note_fault(A, DialTimeout("silent"))
    before = [roster.standing(name).is_available for name in "abc"]
    roster.note_fault(B, DialTimeout("silent"))
    assert ([False, True, True], HostState.UNREACHABLE, True) == (
        before,
        roster.standing("a").host_state,
        roster.standing("c").is_available,
    )
    assert [("pc", HostState.SUSPECT), ("pc", HostState.UNREACHABLE)] == observer.hosts[2:]


def test_two_answers_bring_a_machine_and_its_provider_back() -> None:
    """No trial inference is needed."""
    roster = _House().roster
    for _ in range(2):
        roster.note_fault(A, DialTimeout("silent"))
    available = []
    for _ in range(2):
        roster.note_probe("a", UP)
        available.append(roster.standing("a").is_available)
    assert ([False, True], HostState.REACHABLE) == (available, roster.standing("a").host_state)


def test_the_observer_is_told_of_changes_only() -> None:
    """A probe a second must not be a line a second."""
    house = _House()
    roster, observer = house.roster, house.observer
    for _ in range(3):
        roster.note_probe("a", UP)
    assert [("a", ProviderState.UP, "")] == observer.providers[3:]


def test_reports_outlive_a_fault_and_are_replaced_by_newer_ones() -> None:
    """A model does not become unknown because its server is down; None says nothing new."""
    roster = _House().roster
    one, two, voice = Model("one"), Model("two"), Voice("v", "V")
    roster.note_probe("a", Probe(HostSign.ANSWERED, ProviderSign.READY, "", (one, two), (voice,)))
    roster.note_probe("a", Probe(HostSign.SILENT, ProviderSign.FAULT, "gone"))
    assert ({"one": one, "two": two}, (voice,)) == (roster.models_of("a"), roster.voices_of("a"))
    roster.note_probe("a", Probe(HostSign.ANSWERED, ProviderSign.READY, "", (two,), ()))
    assert ({"two": two}, ()) == (roster.models_of("a"), roster.voices_of("a"))


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
    """Soft faults in threes, Retry-After and hard faults at once; our own gate and a lost machine never."""
    house = _House().all_up()
    house.fail(A, fault, times)
    assert expected is house.verdict()


@pytest.mark.parametrize("sign", [ProviderSign.COLD, ProviderSign.LOADING])
def test_silence_while_a_model_loads_is_not_counted(sign: ProviderSign) -> None:
    """It was to be expected; an error status is not."""
    house = _House()
    house.roster.note_probe("a", replace(UP, provider=sign))
    house.fail(A, Silent("x"), 9)
    before = house.verdict()
    house.fail(A, Rejected("x", upstream_status=500), 3)
    assert (Verdict.CLOSED, Verdict.OPEN) == (before, house.verdict())


def test_models_of_one_server_fail_apart() -> None:
    """The soft circuit is the model's."""
    house = _House().all_up()
    house.fail(A, Silent("x"), 3)
    assert [Verdict.OPEN, Verdict.CLOSED] == [house.verdict(A), house.verdict(Route("a", "other", 1))]


@pytest.mark.parametrize(
    ("asked_s", "pause_s"), [(5.0, 5.0), (1e9, LONGEST_RETRY_AFTER_S)], ids=["5 s", "for ever"]
)
def test_retry_after_is_obeyed_to_the_second(asked_s: float, pause_s: float) -> None:
    """Then one trial."""
    house = _House().all_up()
    house.fail(A, Rejected("x", upstream_status=429, retry_after_s=asked_s))
    house.clock.advance(pause_s - 0.01)
    early = house.verdict()
    house.clock.advance(0.01)
    assert (Verdict.OPEN, Verdict.TRIAL) == (early, house.verdict())


def test_a_good_answer_closes_the_models_circuit() -> None:
    """And forgets the failures that had not yet opened it."""
    house = _House().all_up()
    for failures in (2, 2, 3):
        house.fail(A, Silent("x"), failures)
        house.roster.note_success(A)
    assert Verdict.CLOSED is house.verdict()
    house.fail(A, Silent("x"), 2)
    assert Verdict.CLOSED is house.verdict()


def test_probes_that_succeed_do_not_close_a_models_circuit() -> None:
    """A server whose model fails answers its probes all the same."""
    house = _House().all_up()
    house.fail(A, Silent("x"), 3)
    house.all_up().all_up()
    assert Verdict.OPEN is house.verdict()


def test_the_providers_return_closes_its_hard_circuit() -> None:
    """Two good probes; no trial inference is needed."""
    house = _House().all_up()
    house.fail(A, ConnectionLost("reset"), 5)
    verdicts = [house.verdict()]
    for _ in range(2):
        house.roster.note_probe("a", UP)
        verdicts.append(house.verdict())
    assert [Verdict.OPEN, Verdict.OPEN, Verdict.CLOSED] == verdicts


def test_what_is_down_may_be_tried_again_when_its_back_off_has_elapsed() -> None:
    """A quarter of a second, doubling: a last resort must not become a storm."""
    house = _House(chat_card("a")).all_up()
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
    house = _House().all_up()
    house.fail(A, fault, 10)
    assert pytest.approx(expected_s) == house.roster.standing("a", "m").retry_in_s


def test_one_request_at_a_time_tries_what_is_down() -> None:
    """A last resort is a trial as well: the others get their 503 at once."""

    async def main() -> list[bool]:
        house = _House(chat_card("a")).all_up()
        house.fail(A, DialRefused("refused"))
        house.clock.advance(1)
        eligible = [house.roster.order([A])[0].is_eligible]
        async with _lease(house):
            eligible.append(house.roster.order([A])[0].is_eligible)
        eligible.append(house.roster.order([A])[0].is_eligible)
        return eligible

    assert [True, False, True] == run(main())


def _lease(
    house: _House, route: Route = A, on_lost: Callable[[HostLost], None] = _nobody
) -> contextlib.AbstractAsyncContextManager[None]:
    return house.roster.lease(route, on_lost)


def test_in_flight_is_counted_also_when_it_fails() -> None:
    """Whatever ends a request."""

    async def main() -> tuple[int, int]:
        house = _House()
        during = 0

        async def fail() -> None:
            nonlocal during
            async with _lease(house), _lease(house):
                during = house.roster.standing("a").in_flight
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        return during, house.roster.standing("a").in_flight

    assert (2, 0) == run(main())


def test_order_is_the_selections_on_the_state_as_it_is() -> None:
    """The busier comes later."""

    async def main() -> tuple[list[str], list[str]]:
        house = _House()
        async with _lease(house):
            during = [candidate.route.provider for candidate in house.roster.order([A, C])]
        return during, [candidate.route.provider for candidate in house.roster.order([A, C])]

    assert (["c", "a"], ["a", "c"]) == run(main())


@pytest.mark.parametrize("is_mended", [True, False])
def test_a_trial_is_claimed_once(is_mended: bool) -> None:
    """Whoever comes while it is under way is sent on; its outcome decides for the rest."""

    async def main() -> list[Verdict]:
        house = _House().all_up()
        house.fail(A, Silent("x"), 3)
        house.clock.advance(2)
        verdicts = [house.verdict()]
        with contextlib.suppress(Silent):
            async with _lease(house):
                verdicts.append(house.verdict())
                with pytest.raises(Overloaded, match="a trial is under way"):
                    async with _lease(house):
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
        house = _House().all_up()
        house.fail(A, Silent("x"), 3)
        waits = [house.roster.standing("a", "m").retry_in_s]
        house.clock.advance(2)
        async with _lease(house):
            house.fail(A, Silent("x"))
        waits.append(house.roster.standing("a", "m").retry_in_s)
        return waits

    assert [2.0, 4.0] == run(main())


def test_a_trial_whose_client_hung_up_leaves_the_trial_to_the_next() -> None:
    """Nothing was learnt, so nothing changes."""

    async def main() -> Verdict:
        house = _House().all_up()
        house.fail(A, Silent("x"), 3)
        house.clock.advance(2)
        with contextlib.suppress(asyncio.CancelledError):
            async with _lease(house):
                raise asyncio.CancelledError
        return house.verdict()

    assert Verdict.TRIAL is run(main())


def test_who_waited_behind_the_gate_for_a_circuit_that_opened_is_sent_on() -> None:
    """The state is looked at when its turn comes."""

    async def main() -> None:
        house = _House(chat_card("a", concurrency=1)).all_up()

        async def second() -> None:
            async with _lease(house):
                raise AssertionError("it went in all the same")

        async with _lease(house):
            waiting = asyncio.ensure_future(second())
            await until(lambda: house.roster.standing("a").in_flight == 2)
            house.fail(A, Silent("x"), 3)
        with pytest.raises(Overloaded):
            await waiting
        assert 0 == house.roster.standing("a").in_flight

    run(main())


def test_a_full_queue_is_told_to_the_selection_and_to_who_comes_all_the_same() -> None:
    """Concurrency one, nobody may wait."""

    async def main() -> tuple[bool, bool]:
        house = _House(chat_card("a", concurrency=1, queue_limit=0)).all_up()
        async with _lease(house):
            during = house.roster.standing("a").is_queue_full
            with pytest.raises(Overloaded):
                async with _lease(house):
                    raise AssertionError("it went in all the same")
        return during, house.roster.standing("a").is_queue_full

    assert (True, False) == run(main())


@pytest.mark.parametrize(
    ("probes", "told"),
    [
        ([("a", GONE)], []),
        ([("a", GONE), ("b", GONE)], ["a", "b"]),
        ([("a", GONE), ("c", GONE)], []),
        ([("a", GONE), ("b", UP), ("a", GONE)], []),
        ([("a", GONE), ("a", GONE), ("a", GONE)], ["a", "b"]),
        ([("c", GONE), ("c", GONE)], ["c"]),
        ([("a", Probe(HostSign.ANSWERED, ProviderSign.MUTE))], []),
        ([("a", Probe(HostSign.ANSWERED, ProviderSign.MUTE, "hung"))] * 2, ["a"]),
        ([("a", Probe(HostSign.ANSWERED, ProviderSign.MUTE)), ("a", UP)] * 2, []),
        ([("a", Probe(HostSign.ANSWERED, ProviderSign.SLOW))] * 9, []),
        ([("a", Probe(HostSign.ANSWERED, ProviderSign.FAULT, "500"))] * 3, []),
        ([("a", Probe(HostSign.ANSWERED, ProviderSign.YIELDED))], []),
        ([("a", Probe(HostSign.ANSWERED, ProviderSign.DRAINING))], []),
    ],
    ids=[
        "one miss",
        "two misses, two servers",
        "two machines",
        "an answer in between",
        "told once",
        "another machine",
        "mute once",
        "mute twice",
        "mute apart",
        "slow",
        "fault",
        "yielded",
        "draining",
    ],
)
def test_who_is_in_flight_is_told_when_machine_or_server_is_lost(
    probes: list[tuple[str, Probe]], told: list[str]
) -> None:
    """Two misses take everybody on the machine, a hang only those at that server; slow is not dead."""

    async def main() -> list[str]:
        house, lost = _House().all_up(), list[str]()
        async with (
            house.roster.lease(A, lambda _: lost.append("a")),
            house.roster.lease(B, lambda _: lost.append("b")),
            house.roster.lease(C, lambda _: lost.append("c")),
        ):
            for name, probe in probes:
                house.roster.note_probe(name, probe)
        house.roster.note_probe("a", GONE)
        house.roster.note_probe("a", GONE)
        return lost

    assert told == run(main())


def test_silent_dials_of_requests_interrupt_what_is_in_flight_too() -> None:
    """Whoever made the misses; and the words say what happened."""

    async def main() -> list[str]:
        house, lost = _House().all_up(), list[str]()
        async with house.roster.lease(B, lambda fault: lost.append(fault.message)):
            house.fail(A, DialTimeout("pc:1 did not answer"), 2)
        return lost

    assert ["its machine fell silent: pc:1 did not answer"] == run(main())


def test_a_touch_of_the_machine_says_nothing_of_the_server() -> None:
    """An LLM server that is down does not come up because its machine answers a dial."""
    house = _House()
    house.roster.note_probe("a", Probe(HostSign.ANSWERED, ProviderSign.FAULT, "refused"))
    for _ in range(3):
        house.roster.note_probe("a", Probe(HostSign.ANSWERED, None))
    standing = house.roster.standing("a")
    assert (ProviderState.DOWN, "refused") == (standing.state, standing.detail)


def test_until_busy_waits_for_somebody_in_flight_on_the_machine() -> None:
    """And names the providers it is at."""

    async def main() -> tuple[bool, list[str], list[str], bool]:
        house = _House()
        waiting = asyncio.ensure_future(house.roster.until_busy("pc"))
        async with _lease(house, C):
            await asyncio.sleep(0)
            early = waiting.done()
        async with _lease(house, B):
            first = await waiting
            async with _lease(house, A):
                both = await house.roster.until_busy("pc")
        idle = asyncio.ensure_future(house.roster.until_busy("pc"))
        await asyncio.sleep(0)
        is_idle = not idle.done()
        idle.cancel()
        await asyncio.gather(idle, return_exceptions=True)
        return early, first, both, is_idle

    assert (False, ["b"], ["a", "b"], True) == run(main())


def test_who_waits_for_a_place_is_not_yet_in_flight_on_the_machine() -> None:
    """Nothing was sent for it, so there is nothing to interrupt."""

    async def main() -> list[str]:
        house, lost = _House(chat_card("a", concurrency=1)).all_up(), list[str]()

        async def second() -> None:
            async with house.roster.lease(A, lambda _: lost.append("second")):
                pass

        async with house.roster.lease(A, lambda _: lost.append("first")):
            waiting = asyncio.ensure_future(second())
            await until(lambda: house.roster.standing("a").in_flight == 2)
            house.roster.note_probe("a", GONE)
            house.roster.note_probe("a", GONE)
        await asyncio.gather(waiting, return_exceptions=True)
        return lost

    assert ["first"] == run(main())


def test_a_drained_provider_gets_nothing_new_until_it_is_resumed() -> None:
    """Whatever it says of itself; what is in flight finishes."""

    async def main() -> list[tuple[ProviderState, str, bool]]:
        house = _House().all_up()
        seen = []
        async with _lease(house):
            for step in (house.roster.drain, lambda _: house.all_up(), house.roster.resume):
                step("a")
                standing = house.roster.standing("a")
                seen.append((standing.state, standing.detail, house.roster.order([A])[0].is_eligible))
        return seen

    drained = (ProviderState.DRAINING, "drained by an administrator", False)
    assert [drained, drained, (ProviderState.UP, "", True)] == run(main())


def test_who_is_drained_is_kept_where_a_reload_finds_it() -> None:
    """The set belongs to the house, not to one configuration."""
    kept: set[str] = set()
    _House(drained=kept).roster.drain("a")
    again = _House(drained=kept).all_up()
    assert ({"a"}, ProviderState.DRAINING) == (kept, again.roster.standing("a").state)


def test_observers_are_told_whether_chat_and_speech_can_be_served() -> None:
    """From the start, and at every change; the demo does not count."""
    demo = ProviderCard("demo", "demo", "demo", frozenset({Modality.CHAT}), is_demo=True)
    house = _House(chat_card("a"), speech_card("s"), demo)
    told = house.observer.modalities
    chat, speech = Modality.CHAT, Modality.SPEECH
    assert {(chat, True), (speech, True)} == set(told)
    steps: list[Callable[[], object]] = [
        lambda: house.roster.note_probe("a", replace(UP, provider=ProviderSign.FAULT)),
        lambda: house.roster.drain("s"),
        lambda: house.look("a", UP, UP),
        lambda: house.roster.resume("s"),
        lambda: house.look("s", GONE, GONE),
    ]
    seen = []
    for step in steps:
        told.clear()
        step()
        seen.append(dict(told))
    assert [
        {chat: False, speech: True},
        {chat: False, speech: False},
        {chat: True, speech: False},
        {chat: True, speech: True},
        {chat: True, speech: False},
    ] == seen
    assert [True, False] == [house.roster.can_serve(modality) for modality in (chat, speech)]


@pytest.mark.parametrize(
    ("probe", "took_s", "in_flight", "expected_s"),
    [
        (UP, 4.0, 0, 0.0),
        (UP, 4.0, 2, 2.0),
        (UP, 4.0, 3, 4.0),
        (replace(UP, queued=3), 4.0, 1, 4.0),
        (replace(UP, queued=1), 4.0, 1, 0.0),
        (replace(UP, queued=3), None, 2, 0.0),
        (replace(UP, eta_s=9.0), 4.0, 0, 0.0),
        (replace(UP, provider=ProviderSign.COLD, eta_s=9.0), None, 0, 9.0),
        (replace(UP, provider=ProviderSign.LOADING, eta_s=3.0), 4.0, 2, 5.0),
        (replace(UP, provider=ProviderSign.COLD), 4.0, 0, 0.0),
    ],
    ids=[
        "free",
        "full: one of two must end",
        "one waits already",
        "others have queued there",
        "what is queued there is ours",
        "nothing measured yet",
        "an ETA of a loaded model",
        "cold",
        "loading and full",
        "cold, who knows",
    ],
)
def test_the_first_output_is_predicted(
    probe: Probe, took_s: float | None, in_flight: int, expected_s: float
) -> None:
    """The load, then the queue at the pace that was measured, over the places there are (two)."""

    async def main() -> float:
        house = _House(chat_card("a", concurrency=2))
        if took_s is not None:
            async with _lease(house):
                house.clock.advance(took_s)
        house.roster.note_probe("a", probe)
        async with contextlib.AsyncExitStack() as stack:
            done = asyncio.Event()

            async def hold() -> None:
                async with _lease(house):
                    await done.wait()

            tasks = [asyncio.ensure_future(hold()) for _ in range(in_flight)]
            stack.push_async_callback(asyncio.wait_for, asyncio.gather(*tasks), 5)
            stack.callback(done.set)
            await until(lambda: house.roster.standing("a").in_flight == in_flight)
            return house.roster.standing("a").predicted_s

    assert pytest.approx(expected_s) == run(main())


def test_a_request_that_failed_teaches_nothing_of_the_pace() -> None:
    """A refusal in a millisecond does not make a provider quick."""

    async def main() -> float:
        house = _House(chat_card("a", concurrency=1)).all_up()
        for took_s, fault in ((4.0, None), (0.0, Silent("x")), (0.0, Silent("x"))):
            with contextlib.suppress(Silent):
                async with _lease(house):
                    house.clock.advance(took_s)
                    if fault is not None:
                        raise fault
        house.roster.note_success(A)
        async with _lease(house):
            return house.roster.standing("a").predicted_s

    assert pytest.approx(4.0) == run(main())


@pytest.mark.parametrize(
    ("rounds", "told", "state"),
    [
        ([{"a": GONE, "b": GONE}], [], HostState.SUSPECT),
        ([{"a": GONE, "b": GONE}, {"a": GONE, "b": GONE}], ["a", "b"], HostState.UNREACHABLE),
        ([{"a": GONE, "b": UP}, {"a": GONE, "b": UP}], [], HostState.REACHABLE),
        ([{"a": GONE}, {"b": UP}, {"a": GONE}], [], HostState.SUSPECT),
    ],
    ids=["one round", "two rounds", "one answers", "an answer in between"],
)
def test_a_round_of_touches_is_one_sign_of_the_machine(
    rounds: list[dict[str, Probe]], told: list[str], state: HostState
) -> None:
    """However many servers it has: two misses are two rounds; whoever answers, answers for all."""

    async def main() -> tuple[list[str], HostState]:
        house, lost = _House().all_up(), list[str]()
        async with (
            house.roster.lease(A, lambda _: lost.append("a")),
            house.roster.lease(B, lambda _: lost.append("b")),
        ):
            for touches in rounds:
                house.roster.note_touches("pc", touches)
        return lost, house.roster.standing("a").host_state

    assert (told, state) == run(main())


def test_when_a_machine_is_lost_its_providers_are_down() -> None:
    """Each comes back by two good probes of its own, like after any fault."""
    house = _House().all_up()
    house.look("a", GONE, GONE)
    before = [house.roster.standing(name).state for name in "abc"]
    house.look("a", UP, UP)
    assert [ProviderState.DOWN, ProviderState.DOWN, ProviderState.UP] == before
    assert [ProviderState.UP, ProviderState.DOWN] == [house.roster.standing(name).state for name in "ab"]
