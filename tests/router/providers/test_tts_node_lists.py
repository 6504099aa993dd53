"""When a tts-node's lists of models and voices are read: once, and again when it is another process."""

import asyncio
import json
from typing import Any

import pytest
from fakes import ManualClock
from loopback import Loopback, Peer, ok, serving
from running import run
from scripted_node import MODELS, VOICES, node_at

from router.domain import Model
from router.ports import Beat
from router.providers.tts_node import TtsNode

pytestmark = pytest.mark.usefixtures("_patient")
OTHERS = {"data": [{"id": "nano", "state": "cold"}]}


class _Machine:
    """A node's process, and the next one. Both say that their voices are of the same revision."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.began_at = self.clock() - 100.0
        self.models = MODELS
        self._leaving = asyncio.Event()

    def restart(self, models: Any, *, up_for_s: float = 0.0) -> None:
        """Its connections end; another answers from now on."""
        self.began_at, self.models = self.clock() - up_for_s, models
        self._leaving.set()
        self._leaving = asyncio.Event()

    def status(self) -> bytes:
        uptime_s = self.clock() - self.began_at
        told = {"type": "beat", "state": "up", "voices_revision": "1", "uptime_s": uptime_s}
        return json.dumps(told).encode()

    async def script(self, peer: Peer) -> None:
        path = (await peer.request()).line.split()[1]
        if path == "/events":
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            peer.send(b"data: " + self.status() + b"\n\n")
            await self._leaving.wait()
            return
        lists = {"/v1/models": self.models, "/v1/audio/voices": VOICES}
        peer.send(ok(self.status() if path == "/health" else json.dumps(lists[path]).encode()))
        await peer.until_closed()


async def _first_beat(node: TtsNode) -> Beat:
    pulse = await node.listen()
    try:
        beat = await pulse.beat(5)
        assert beat is not None
        return beat
    finally:
        pulse.close()


def _reads(upstream: Loopback) -> int:
    paths = [request.line.split()[1] for request in upstream.requests]
    assert paths.count("/v1/models") == paths.count("/v1/audio/voices")
    return paths.count("/v1/models")


def test_what_a_probe_has_read_the_heartbeat_does_not_read_again() -> None:
    """At start, and after a connection that broke while the process lived: the first beat tells what is known."""

    async def main() -> list[tuple[bool, list[str], int]]:
        machine, seen = _Machine(), []
        async with serving(machine.script) as upstream:
            node = node_at(upstream, machine.clock)
            await node.probe()
            for passed_s in (0.2, 3600.0):
                machine.clock.advance(passed_s)
                beat = await _first_beat(node)
                seen.append((beat.is_news, [m.id for m in beat.probe.models or ()], _reads(upstream)))
            await node.aclose()
        return seen

    assert [(False, ["turbo", "espeak"], 1)] * 2 == run(main())


@pytest.mark.parametrize("passed_s", [2.0, 3600.0])
def test_another_process_is_news_though_its_revision_is_the_same(passed_s: float) -> None:
    """It was started with another engine, which has the same voices. Until its lists are read it is news."""

    async def main() -> tuple[list[bool], tuple[Model, ...] | None]:
        machine = _Machine()
        async with serving(machine.script) as upstream:
            node = node_at(upstream, machine.clock)
            await node.probe()
            await _first_beat(node)
            machine.clock.advance(passed_s)
            machine.restart(OTHERS)
            news = [await _first_beat(node), await _first_beat(node)]
            await node.catch_up()
            known = await _first_beat(node)
            await node.aclose()
            return [beat.is_news for beat in (*news, known)], known.probe.models

    assert ([True, True, False], (Model("nano", "cold"),)) == run(main())


def test_another_process_is_read_anew_by_a_probe_too() -> None:
    """Which may be there before the heartbeat is held again."""

    async def main() -> tuple[tuple[Model, ...] | None, bool, int]:
        machine = _Machine()
        async with serving(machine.script) as upstream:
            node = node_at(upstream, machine.clock)
            await node.probe()
            await _first_beat(node)
            machine.clock.advance(2.0)
            machine.restart(OTHERS)
            probe = await node.probe()
            beat = await _first_beat(node)
            await node.aclose()
            return probe.models, beat.is_news, _reads(upstream)

    assert ((Model("nano", "cold"),), False, 2) == run(main())


def test_a_process_begun_while_this_one_slept_is_another() -> None:
    """A clock that stands still while its machine is suspended passes less time than the node was up."""

    async def main() -> bool:
        machine = _Machine()
        async with serving(machine.script) as upstream:
            node = node_at(upstream, machine.clock)
            await node.probe()
            machine.clock.advance(1)
            machine.restart(OTHERS, up_for_s=7200.0)
            beat = await _first_beat(node)
            await node.aclose()
            return beat.is_news

    assert run(main())


@pytest.mark.parametrize("uptime", ["1e999", "-5", "NaN", "9" * 400, "null"])
def test_an_uptime_that_cannot_be_is_as_if_it_was_not_told(uptime: str) -> None:
    """The node is read as an older one is: with every new connection."""
    document = f'{{"type": "beat", "state": "up", "voices_revision": "1", "uptime_s": {uptime}}}'.encode()

    async def main() -> tuple[bool, int]:
        machine = _Machine()
        machine.status = lambda: document  # type: ignore[method-assign]
        async with serving(machine.script) as upstream:
            node = node_at(upstream, machine.clock)
            await node.probe()
            await node.probe()
            beat = await _first_beat(node)
            await node.aclose()
            return beat.is_news, _reads(upstream)

    assert (True, 1) == run(main())
