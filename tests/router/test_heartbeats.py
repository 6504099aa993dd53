"""Heartbeats that are held: what is told when they come, stay away, end, and come again."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest
from fakes import FakeSpeech, RecordingObserver, speech_card
from hurried import hurry

from router.domain import Route, Utterance
from router.errors import ConnectionLost, DialRefused, DialTimeout, Malformed, Rejected, UpstreamFault
from router.health import HostSign, HostState, ProviderSign, ProviderState
from router.heartbeats import AFTER_A_BUG_S, NO_HEARTBEAT_S, Heartbeats
from router.ports import Beat, Probe
from router.roster import Roster

UP = Probe(HostSign.ANSWERED, ProviderSign.READY)
GONE = Probe(HostSign.SILENT, None, "no answer to a dial")
MUTE = Probe(HostSign.ANSWERED, ProviderSign.MUTE, "answers nothing")
REFUSED = Probe(HostSign.ANSWERED, ProviderSign.FAULT, "refused")


class _Pulse:
    """Beats when told."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[Beat | UpstreamFault] = asyncio.Queue()
        self.is_closed = False

    async def beat(self, within_s: float) -> Beat | None:
        try:
            async with asyncio.timeout(within_s):
                said = await self.said.get()
        except TimeoutError:
            return None
        if isinstance(said, UpstreamFault):
            raise said
        return said

    def close(self) -> None:
        self.is_closed = True


class _Node(FakeSpeech):
    """Can be listened to while `absent` is None, and answers touches by `touching`."""

    def __init__(self, name: str = "a", host: str = "pc") -> None:
        super().__init__(speech_card(name, host=host), lambda _: Utterance(b""))
        self.absent: Exception | None = None
        self.touching: Probe | None = UP
        self.touch_s = 0.3
        self.touches = 0
        self.pulses: list[_Pulse] = []
        self.dials: list[float] = []
        self.catches = 0
        self.catching: asyncio.Event | UpstreamFault | None = None

    async def listen(self) -> _Pulse:
        self.dials.append(asyncio.get_running_loop().time())
        if isinstance(self.absent, DialTimeout):
            await asyncio.sleep(60)
        if self.absent is not None:
            raise self.absent
        self.pulses.append(_Pulse())
        return self.pulses[-1]

    async def touch(self) -> Probe | None:
        self.touches += 1
        if self.touching is None or self.touching in {GONE, MUTE}:
            await asyncio.sleep(self.touch_s)
        return self.touching

    async def catch_up(self) -> None:
        self.catches += 1
        if isinstance(self.catching, asyncio.Event):
            await self.catching.wait()
        if isinstance(self.catching, UpstreamFault):
            raise self.catching

    def say(self, probe: Probe = UP, **more: bool) -> None:
        self.pulses[-1].said.put_nowait(Beat(probe, **more))

    def break_off(self, fault: UpstreamFault) -> None:
        self.pulses[-1].said.put_nowait(fault)


@dataclass
class _Scene:
    """A roster whose nodes are listened to; `log`: what happened in flight, and when after `began`."""

    roster: Roster
    observer: RecordingObserver
    began: float = 0.0
    log: list[tuple[str, float]] = field(default_factory=list)

    def note(self, what: str) -> None:
        self.log.append((what, round(asyncio.get_running_loop().time() - self.began, 2)))

    @contextlib.asynccontextmanager
    async def in_flight(self, name: str = "a") -> AsyncIterator[None]:
        doubt = lambda: self.note(f"{name} in doubt")  # noqa: E731
        async with self.roster.lease(Route(name, "m", 1), lambda _: self.note(f"{name} lost"), doubt):
            self.began = asyncio.get_running_loop().time()
            yield

    def states(self, name: str = "a") -> tuple[ProviderState, HostState]:
        standing = self.roster.standing(name)
        return standing.state, standing.host_state


@contextlib.asynccontextmanager
async def _listening(*nodes: _Node) -> AsyncIterator[_Scene]:
    """The first beat of each has come, unless it cannot be listened to."""
    observer = RecordingObserver()
    clock = asyncio.get_running_loop().time
    roster = Roster({node.card.id: node.card for node in nodes}, observer, clock)
    heartbeats = Heartbeats({node.card.id: node for node in nodes}, roster, lambda _low, _high: 1.0)
    before = asyncio.all_tasks()
    async with heartbeats.running():
        await asyncio.sleep(0)
        for node in nodes:
            if node.pulses:
                node.say()
        await asyncio.sleep(0.001)
        yield _Scene(roster, observer)
    assert before == asyncio.all_tasks()
    assert all(pulse.is_closed for node in nodes for pulse in node.pulses)


BACK = (ProviderState.UP, HostState.REACHABLE)


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
        node = _Node()
        async with _listening(node) as scene:
            node.say(replace(UP, provider=sign))
            await asyncio.sleep(0.001)
            return scene.states()[0]

    assert state is hurry(main())


def test_while_beats_come_nothing_is_asked() -> None:
    """For a minute."""

    async def main() -> tuple[int, int, bool]:
        node = _Node()
        async with _listening(node) as scene:
            for _ in range(240):
                await asyncio.sleep(0.25)
                node.say()
            return len(node.dials), node.touches, scene.roster.is_beating("a")

    assert (1, 0, True) == hurry(main())


@pytest.mark.parametrize(
    ("touching", "states"),
    [(GONE, (ProviderState.DOWN, HostState.UNREACHABLE)), (MUTE, (ProviderState.DOWN, HostState.REACHABLE))],
    ids=["unplugged", "hung"],
)
def test_silence_is_a_doubt_and_then_a_loss(touching: Probe, states: tuple[ProviderState, HostState]) -> None:
    """0.35 s after the last beat, and 0.3 s later."""

    async def main() -> tuple[list[tuple[str, float]], tuple[ProviderState, HostState], HostState]:
        node = _Node()
        async with _listening(node) as scene, scene.in_flight():
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
        node, other = _Node("a"), _Node("b")
        other.absent = Rejected("no /events", upstream_status=404)
        async with _listening(node, other) as scene, scene.in_flight("b"):
            node.touching = touching
            await asyncio.sleep(0.8)
            return [what for what, _ in scene.log]

    assert (["b in doubt", "b lost"], ["b in doubt"]) == (hurry(main(GONE)), hurry(main(MUTE)))


def test_two_hearts_on_one_machine_that_miss_a_beat_at_once_are_one_doubt() -> None:
    """One silence is not two misses."""

    async def main() -> HostState:
        nodes = [_Node("a"), _Node("b")]
        async with _listening(*nodes) as scene:
            for node in nodes:
                node.touching = None
            await asyncio.sleep(0.5)
            return scene.states()[1]

    assert HostState.SUSPECT is hurry(main())


def test_a_late_beat_ends_the_doubt() -> None:
    """It was the network's hiccup: nothing is lost, nothing dialled anew."""

    async def main() -> tuple[list[tuple[str, float]], tuple[ProviderState, HostState], int]:
        node = _Node()
        async with _listening(node) as scene, scene.in_flight():
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
        node = _Node()
        async with _listening(node) as scene, scene.in_flight():
            await asyncio.sleep(1.5)
            is_beating = scene.roster.is_beating("a")
            await asyncio.sleep(0.5)
            return [what for what, _ in scene.log], scene.states(), len(node.dials), is_beating

    assert (["a in doubt"], BACK, 2, False) == hurry(main())


def test_a_touch_that_tells_nothing_counts_for_nothing() -> None:
    """This process was starved itself."""

    async def main() -> tuple[list[str], ProviderState]:
        node = _Node()
        async with _listening(node) as scene, scene.in_flight():
            node.touching = None
            await asyncio.sleep(1.2)
            return [what for what, _ in scene.log], scene.states()[0]

    assert (["a in doubt"], ProviderState.UP) == hurry(main())


def test_lateness_of_our_own_is_no_silence() -> None:
    """A timer that fires far too late tells of this process: the beats may lie unread."""

    async def main() -> tuple[list[str], HostState]:
        loop = asyncio.get_running_loop()
        node = _Node()
        async with _listening(node) as scene, scene.in_flight():
            node.touching = GONE
            loop.now += 5.0  # type: ignore[attr-defined]
            await asyncio.sleep(0.1)
            node.say()
            await asyncio.sleep(0.1)
            return [what for what, _ in scene.log], scene.states()[1]

    assert ([], HostState.REACHABLE) == hurry(main())


@pytest.mark.parametrize("fault", [ConnectionLost("reset"), Malformed("noise")])
def test_a_connection_that_ends_without_a_goodbye_is_a_fault_at_once(fault: UpstreamFault) -> None:
    """kill -9. What is in flight is told of the doubt; its own connections tell the rest."""

    async def main() -> tuple[list[tuple[str, float]], tuple[ProviderState, HostState], str]:
        node = _Node()
        async with _listening(node) as scene, scene.in_flight():
            node.absent = DialRefused("refused")
            node.break_off(fault)
            await asyncio.sleep(0.1)
            return scene.log, scene.states(), scene.roster.standing("a").detail

    log, states, detail = hurry(main())
    assert [("a in doubt", 0.0)] == log
    assert ((ProviderState.DOWN, HostState.REACHABLE), fault.message) == (states, detail)


def test_a_connection_that_ends_while_it_is_touched_is_a_fault_too() -> None:
    """Whatever comes first."""

    async def main() -> ProviderState:
        node = _Node()
        async with _listening(node) as scene:
            node.touching = None
            await asyncio.sleep(0.5)
            node.break_off(ConnectionLost("reset"))
            await asyncio.sleep(0.01)
            return scene.states()[0]

    assert ProviderState.DOWN is hurry(main())


def test_a_refused_touch_says_that_the_process_is_gone() -> None:
    """Its connection may have been lost on the way."""

    async def main() -> tuple[ProviderState, bool]:
        node = _Node()
        async with _listening(node) as scene:
            node.touching = REFUSED
            node.absent = DialRefused("refused")
            await asyncio.sleep(0.5)
            return scene.states()[0], scene.roster.is_beating("a")

    assert (ProviderState.DOWN, False) == hurry(main())


def test_a_goodbye_is_no_fault() -> None:
    """It drains, for the reason it gives; what is in flight may finish."""

    async def main() -> tuple[list[str], ProviderState, str, bool]:
        node = _Node()
        async with _listening(node) as scene, scene.in_flight():
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
        node = _Node()
        async with _listening(node) as scene:
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
        node = _Node()
        async with _listening(node):
            node.touching = MUTE
            await asyncio.sleep(60)
            return len(node.dials)

    assert hurry(main()) <= 31


@pytest.mark.parametrize("status", [404, 401])
def test_a_node_without_a_heartbeat_is_left_to_its_probes(status: int) -> None:
    """It is asked again, now and then: it may have been updated."""

    async def main() -> tuple[list[float], ProviderState]:
        node = _Node()
        node.absent = Rejected("no", upstream_status=status)
        async with _listening(node) as scene:
            await asyncio.sleep(2.5 * NO_HEARTBEAT_S)
            return [round(b - a) for a, b in zip(node.dials, node.dials[1:], strict=False)], scene.states()[0]

    assert ([NO_HEARTBEAT_S, NO_HEARTBEAT_S], ProviderState.UNKNOWN) == hurry(main())


def test_flapping_leaves_nothing_behind() -> None:
    """Two seconds up, two seconds down, for ten minutes: one connection at a time, each of them closed."""

    async def main() -> tuple[int, int, int]:
        node = _Node()
        open_at_once, tasks = 0, 0
        async with _listening(node):
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
        node = _Node()
        node.catching = asyncio.Event()
        async with _listening(node) as scene:
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
        node = _Node()
        node.catching = fault or asyncio.Event()
        async with _listening(node) as scene:
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
        node = _Node()
        node.absent = ZeroDivisionError("ours")
        async with _listening(node) as scene:
            await asyncio.sleep(10.5 * AFTER_A_BUG_S)
            dials, node.absent = len(node.dials), None
            await asyncio.sleep(AFTER_A_BUG_S)
            node.say()
            await asyncio.sleep(0.001)
            return dials, scene.roster.is_beating("a")

    with caplog.at_level(logging.ERROR):
        assert (11, True) == hurry(main())
    assert ["following the heartbeat of a failed"] == [record.message for record in caplog.records]
