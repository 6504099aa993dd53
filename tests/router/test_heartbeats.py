"""Heartbeats that are held: what is told when they come, end, and come again.

`test_heartbeats_silence.py` is about those that stay away.
"""

import asyncio
import logging
from dataclasses import replace

import pytest
from hurried import hurry
from pulses import BACK, GONE, MUTE, UP, Node, listening

from router.errors import ConnectionLost, DialRefused, DialTimeout, Malformed, Rejected, UpstreamFault
from router.health import HostSign, HostState, ProviderSign, ProviderState
from router.heartbeats import AFTER_A_BUG_S, NO_HEARTBEAT_S
from router.ports import Probe


@pytest.mark.parametrize(
    ("sign", "state"),
    [
        (ProviderSign.READY, ProviderState.UP),
        (ProviderSign.COLD, ProviderState.COLD),
        (ProviderSign.LOADING, ProviderState.LOADING),
        (ProviderSign.YIELDED, ProviderState.YIELDED),
    ],
)
def test_a_beat_is_believed_at_once(sign: ProviderSign, state: ProviderState) -> None:
    """Whatever it tells."""

    async def main() -> ProviderState:
        node = Node()
        async with listening(node) as scene:
            node.say(replace(UP, provider=sign))
            await asyncio.sleep(0.001)
            return scene.states()[0]

    assert state is hurry(main())


def test_while_beats_come_nothing_is_asked() -> None:
    """For a minute."""

    async def main() -> tuple[int, int, bool]:
        node = Node()
        async with listening(node) as scene:
            for _ in range(240):
                await asyncio.sleep(0.25)
                node.say()
            return len(node.dials), node.touches, scene.roster.is_beating("a")

    assert (1, 0, True) == hurry(main())


@pytest.mark.parametrize("fault", [ConnectionLost("reset"), Malformed("noise")])
def test_a_connection_that_ends_without_a_goodbye_is_a_fault_at_once(fault: UpstreamFault) -> None:
    """kill -9. What is in flight is told of the doubt; its own connections tell the rest."""

    async def main() -> tuple[list[tuple[str, float]], tuple[ProviderState, HostState], str]:
        node = Node()
        async with listening(node) as scene, scene.in_flight():
            node.absent = DialRefused("refused")
            node.break_off(fault)
            await asyncio.sleep(0.1)
            return scene.log, scene.states(), scene.roster.standing("a").detail

    log, states, detail = hurry(main())
    assert [("a in doubt", 0.0)] == log
    assert ((ProviderState.DOWN, HostState.REACHABLE), fault.message) == (states, detail)


def test_a_goodbye_is_no_fault() -> None:
    """It drains, for the reason it gives; what is in flight may finish."""

    async def main() -> tuple[list[str], ProviderState, str, bool]:
        node = Node()
        async with listening(node) as scene, scene.in_flight():
            node.absent = DialRefused("refused")
            node.say(Probe(HostSign.ANSWERED, ProviderSign.DRAINING, "says goodbye: shutdown"), is_goodbye=True)
            node.break_off(ConnectionLost("the end"))
            await asyncio.sleep(0.3)
            standing = scene.roster.standing("a")
            return [w for w, _ in scene.log], standing.state, standing.detail, scene.roster.is_beating("a")

    assert (["a in doubt"], ProviderState.DRAINING, "says goodbye: shutdown", False) == hurry(main())


@pytest.mark.parametrize(
    "absent", [DialRefused("refused"), DialTimeout("silent")], ids=["process gone", "machine gone"]
)
def test_a_node_that_returns_is_back_with_its_first_beat(absent: UpstreamFault) -> None:
    """It is dialled for ever, at least once a second; machine and provider are back at once."""

    async def main() -> tuple[tuple[ProviderState, HostState], float, tuple[ProviderState, HostState]]:
        loop = asyncio.get_running_loop()
        node = Node()
        async with listening(node) as scene:
            node.touching, node.absent = GONE, absent
            await asyncio.sleep(3600)
            away, node.absent = scene.states(), None
            returned, count = loop.time(), len(node.pulses)
            while len(node.pulses) == count:  # noqa: ASYNC110  time passes by sleeping
                await asyncio.sleep(0.01)
            node.say()
            await asyncio.sleep(0.001)
            return away, loop.time() - returned, scene.states()

    away, took_s, states = hurry(main())
    assert (ProviderState.DOWN, BACK) == (away[0], states)
    assert took_s < 1.1


def test_a_process_that_hangs_is_not_dialled_more_often_than_it_can_accept() -> None:
    """It answers no dial and takes none: each waits for it a while."""

    async def main() -> int:
        node = Node()
        async with listening(node):
            node.touching = MUTE
            await asyncio.sleep(60)
            return len(node.dials)

    assert hurry(main()) <= 31


@pytest.mark.parametrize("status", [404, 401])
def test_a_node_without_a_heartbeat_is_left_to_its_probes(status: int) -> None:
    """It is asked again, now and then: it may have been updated."""

    async def main() -> tuple[list[float], ProviderState]:
        node = Node()
        node.absent = Rejected("no", upstream_status=status)
        async with listening(node) as scene:
            await asyncio.sleep(2.5 * NO_HEARTBEAT_S)
            return [round(b - a) for a, b in zip(node.dials, node.dials[1:], strict=False)], scene.states()[0]

    assert ([NO_HEARTBEAT_S, NO_HEARTBEAT_S], ProviderState.UNKNOWN) == hurry(main())


def test_flapping_leaves_nothing_behind() -> None:
    """Two seconds up, two seconds down, for ten minutes: one connection at a time, each of them closed."""

    async def main() -> tuple[int, int, int]:
        node = Node()
        open_at_once, tasks = 0, 0
        async with listening(node):
            before = len(asyncio.all_tasks())
            for _ in range(150):
                node.touching, node.absent = UP, None
                for _ in range(8):
                    node.say()
                    await asyncio.sleep(0.25)
                    open_at_once = max(open_at_once, sum(not pulse.is_closed for pulse in node.pulses))
                node.touching, node.absent = GONE, DialTimeout("silent")
                await asyncio.sleep(2)
                tasks = max(tasks, len(asyncio.all_tasks()) - before)
        return open_at_once, tasks, len(node.pulses)

    open_at_once, tasks, pulses = hurry(main())
    assert (1, 0) == (open_at_once, tasks)
    assert pulses > 100


def test_news_are_read_once_at_a_time_while_the_beats_go_on() -> None:
    """However often they are announced."""

    async def main() -> tuple[int, bool, int]:
        node = Node()
        node.catching = asyncio.Event()
        async with listening(node) as scene:
            for _ in range(12):
                node.say(is_news=True)
                await asyncio.sleep(0.25)
            during, is_beating = node.catches, scene.roster.is_beating("a")
            node.catching.set()
            await asyncio.sleep(0.25)
            node.say(is_news=True)
            await asyncio.sleep(0.25)
            return during, is_beating, node.catches

    assert (1, True, 2) == hurry(main())


@pytest.mark.parametrize("fault", [Rejected("500", upstream_status=500), None], ids=["fails", "hangs"])
def test_news_that_cannot_be_read_are_tried_again_and_are_no_fault(fault: UpstreamFault | None) -> None:
    """Once a second at most: its pulse tells how the node is."""

    async def main() -> tuple[int, ProviderState]:
        node = Node()
        node.catching = fault or asyncio.Event()
        async with listening(node) as scene:
            for _ in range(48):
                node.say(is_news=True)
                await asyncio.sleep(0.25)
            return node.catches, scene.states()[0]

    catches, state = hurry(main())
    assert ProviderState.UP is state
    assert 2 <= catches <= 13


def test_a_bug_of_ours_does_not_end_the_listening(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged once; the node is dialled again, in no haste."""

    async def main() -> tuple[int, bool]:
        node = Node()
        node.absent = ZeroDivisionError("ours")
        async with listening(node) as scene:
            await asyncio.sleep(10.5 * AFTER_A_BUG_S)
            dials, node.absent = len(node.dials), None
            await asyncio.sleep(AFTER_A_BUG_S)
            node.say()
            await asyncio.sleep(0.001)
            return dials, scene.roster.is_beating("a")

    with caplog.at_level(logging.ERROR):
        assert (11, True) == hurry(main())
    assert ["following the heartbeat of a failed"] == [record.message for record in caplog.records]
