"""Heartbeats that stay away: the doubt, the touch that follows it, and what ends either."""

import asyncio

import pytest
from hurried import hurry
from pulses import BACK, GONE, MUTE, REFUSED, Node, listening

from router.errors import ConnectionLost, DialRefused, DialTimeout, Rejected
from router.health import HostState, ProviderState
from router.ports import Probe


@pytest.mark.parametrize(
    ("touching", "states"),
    [(GONE, (ProviderState.DOWN, HostState.UNREACHABLE)), (MUTE, (ProviderState.DOWN, HostState.REACHABLE))],
    ids=["unplugged", "hung"],
)
def test_silence_is_a_doubt_and_then_a_loss(touching: Probe, states: tuple[ProviderState, HostState]) -> None:
    """0.35 s after the last beat, and 0.3 s later."""

    async def main() -> tuple[list[tuple[str, float]], tuple[ProviderState, HostState], HostState]:
        node = Node()
        async with listening(node) as scene, scene.in_flight():
            node.touching = touching
            node.absent = DialTimeout("silent")
            await asyncio.sleep(0.5)
            suspect = scene.states()[1]
            await asyncio.sleep(1)
            return scene.log, scene.states(), suspect

    log, after, suspect = hurry(main())
    assert [("a in doubt", 0.35), ("a lost", 0.65)] == log
    assert (states, HostState.SUSPECT) == (after, suspect)


def test_whoever_else_is_on_the_machine_is_lost_with_it_and_not_when_only_the_node_hangs() -> None:
    """The machine's silence is everybody's."""

    async def main(touching: Probe) -> list[str]:
        node, other = Node("a"), Node("b")
        other.absent = Rejected("no /events", upstream_status=404)
        async with listening(node, other) as scene, scene.in_flight("b"):
            node.touching = touching
            await asyncio.sleep(0.8)
            return [what for what, _ in scene.log]

    assert (["b in doubt", "b lost"], ["b in doubt"]) == (hurry(main(GONE)), hurry(main(MUTE)))


def test_two_hearts_on_one_machine_that_miss_a_beat_at_once_are_one_doubt() -> None:
    """One silence is not two misses."""

    async def main() -> HostState:
        nodes = [Node("a"), Node("b")]
        async with listening(*nodes) as scene:
            for node in nodes:
                node.touching = None
            await asyncio.sleep(0.5)
            return scene.states()[1]

    assert HostState.SUSPECT is hurry(main())


def test_a_late_beat_ends_the_doubt() -> None:
    """It was the network's hiccup: nothing is lost, nothing dialled anew."""

    async def main() -> tuple[list[tuple[str, float]], tuple[ProviderState, HostState], int]:
        node = Node()
        async with listening(node) as scene, scene.in_flight():
            node.touching = GONE
            await asyncio.sleep(0.6)
            node.say()
            for _ in range(8):
                await asyncio.sleep(0.25)
                node.say()
            await asyncio.sleep(0.001)
            return scene.log, scene.states(), len(node.dials)

    assert ([("a in doubt", 0.35)], BACK, 1) == hurry(main())


def test_an_answered_touch_ends_the_doubt_too_and_a_heart_that_stays_still_is_dialled_anew() -> None:
    """The node lives; only its stream is stuck. That is no fault."""

    async def main() -> tuple[list[str], tuple[ProviderState, HostState], int, bool]:
        node = Node()
        async with listening(node) as scene, scene.in_flight():
            await asyncio.sleep(1.5)
            is_beating = scene.roster.is_beating("a")
            await asyncio.sleep(0.5)
            return [what for what, _ in scene.log], scene.states(), len(node.dials), is_beating

    assert (["a in doubt"], BACK, 2, False) == hurry(main())


def test_a_touch_that_tells_nothing_counts_for_nothing() -> None:
    """This process was starved itself."""

    async def main() -> tuple[list[str], ProviderState]:
        node = Node()
        async with listening(node) as scene, scene.in_flight():
            node.touching = None
            await asyncio.sleep(1.2)
            return [what for what, _ in scene.log], scene.states()[0]

    assert (["a in doubt"], ProviderState.UP) == hurry(main())


def test_lateness_of_our_own_is_no_silence() -> None:
    """A timer that fires far too late tells of this process: the beats may lie unread."""

    async def main() -> tuple[list[str], HostState]:
        loop = asyncio.get_running_loop()
        node = Node()
        async with listening(node) as scene, scene.in_flight():
            node.touching = GONE
            loop.now += 5.0  # type: ignore[attr-defined]
            await asyncio.sleep(0.1)
            node.say()
            await asyncio.sleep(0.1)
            return [what for what, _ in scene.log], scene.states()[1]

    assert ([], HostState.REACHABLE) == hurry(main())


def test_a_connection_that_ends_while_it_is_touched_is_a_fault_too() -> None:
    """Whatever comes first."""

    async def main() -> ProviderState:
        node = Node()
        async with listening(node) as scene:
            node.touching = None
            await asyncio.sleep(0.5)
            node.break_off(ConnectionLost("reset"))
            await asyncio.sleep(0.01)
            return scene.states()[0]

    assert ProviderState.DOWN is hurry(main())


def test_a_refused_touch_says_that_the_process_is_gone() -> None:
    """Its connection may have been lost on the way."""

    async def main() -> tuple[ProviderState, bool]:
        node = Node()
        async with listening(node) as scene:
            node.touching = REFUSED
            node.absent = DialRefused("refused")
            await asyncio.sleep(0.5)
            return scene.states()[0], scene.roster.is_beating("a")

    assert (ProviderState.DOWN, False) == hurry(main())
