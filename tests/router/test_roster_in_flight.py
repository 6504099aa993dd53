"""The roster's leases: what is in flight is counted, waits its turn, foretells the next, and is told of a loss."""

import asyncio
import contextlib
from dataclasses import replace

import pytest
from fakes import chat_card
from rosters import GONE, UP, A, B, C, RosterHouse, lease
from running import run, until

from router.errors import (
    DialTimeout,
    Overloaded,
    Silent,
)
from router.health import HostSign, HostState, ProviderSign, ProviderState
from router.ports import Probe


def test_in_flight_is_counted_also_when_it_fails() -> None:
    """Whatever ends a request."""

    async def main() -> tuple[int, int]:
        house = RosterHouse()
        during = 0

        async def fail() -> None:
            nonlocal during
            async with lease(house), lease(house):
                during = house.roster.standing("a").in_flight
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        return during, house.roster.standing("a").in_flight

    assert (2, 0) == run(main())


def test_order_is_the_selections_on_the_state_as_it_is() -> None:
    """The busier comes later."""

    async def main() -> tuple[list[str], list[str]]:
        house = RosterHouse()
        async with lease(house):
            during = [candidate.route.provider for candidate in house.roster.order([A, C])]
        return during, [candidate.route.provider for candidate in house.roster.order([A, C])]

    assert (["c", "a"], ["a", "c"]) == run(main())


def test_who_waited_behind_the_gate_for_a_circuit_that_opened_is_sent_on() -> None:
    """The state is looked at when its turn comes."""

    async def main() -> None:
        house = RosterHouse(chat_card("a", concurrency=1)).all_up()

        async def second() -> None:
            async with lease(house):
                raise AssertionError("it went in all the same")

        async with lease(house):
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
        house = RosterHouse(chat_card("a", concurrency=1, queue_limit=0)).all_up()
        async with lease(house):
            during = house.roster.standing("a").is_queue_full
            with pytest.raises(Overloaded):
                async with lease(house):
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
        house, lost = RosterHouse().all_up(), list[str]()
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
        house, lost = RosterHouse().all_up(), list[str]()
        async with house.roster.lease(B, lambda fault: lost.append(fault.message)):
            house.fail(A, DialTimeout("pc:1 did not answer"), 2)
        return lost

    assert ["its machine fell silent: pc:1 did not answer"] == run(main())


def test_a_touch_of_the_machine_says_nothing_of_the_server() -> None:
    """An LLM server that is down does not come up because its machine answers a dial."""
    house = RosterHouse()
    house.roster.note_probe("a", Probe(HostSign.ANSWERED, ProviderSign.FAULT, "refused"))
    for _ in range(3):
        house.roster.note_probe("a", Probe(HostSign.ANSWERED, None))
    standing = house.roster.standing("a")
    assert (ProviderState.DOWN, "refused") == (standing.state, standing.detail)


def test_until_busy_waits_for_somebody_in_flight_on_the_machine() -> None:
    """And names the providers it is at."""

    async def main() -> tuple[bool, list[str], list[str], bool]:
        house = RosterHouse()
        waiting = asyncio.ensure_future(house.roster.until_busy("pc"))
        async with lease(house, C):
            await asyncio.sleep(0)
            early = waiting.done()
        async with lease(house, B):
            first = await waiting
            async with lease(house, A):
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
        house, lost = RosterHouse(chat_card("a", concurrency=1)).all_up(), list[str]()

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
        house = RosterHouse(chat_card("a", concurrency=2))
        if took_s is not None:
            async with lease(house):
                house.clock.advance(took_s)
        house.roster.note_probe("a", probe)
        async with contextlib.AsyncExitStack() as stack:
            done = asyncio.Event()

            async def hold() -> None:
                async with lease(house):
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
        house = RosterHouse(chat_card("a", concurrency=1)).all_up()
        for took_s, fault in ((4.0, None), (0.0, Silent("x")), (0.0, Silent("x"))):
            with contextlib.suppress(Silent):
                async with lease(house):
                    house.clock.advance(took_s)
                    if fault is not None:
                        raise fault
        house.roster.note_success(A)
        async with lease(house):
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
        house, lost = RosterHouse().all_up(), list[str]()
        async with (
            house.roster.lease(A, lambda _: lost.append("a")),
            house.roster.lease(B, lambda _: lost.append("b")),
        ):
            for touches in rounds:
                house.roster.note_touches("pc", touches)
        return lost, house.roster.standing("a").host_state

    assert (told, state) == run(main())
