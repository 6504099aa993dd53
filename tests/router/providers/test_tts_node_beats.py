"""The beats of a tts-node: how they are read, and what ends them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from fakes import ManualClock, speech_card
from loopback import Loopback, Peer, nobody, ok, serving
from running import run
from scripted_node import MODELS, TOLD, TOLD_MODELS, VOICES, node_at

from router.domain import Voice
from router.errors import ConnectionLost, DialRefused, Malformed, Rejected, UpstreamFault
from router.health import HostSign, ProviderSign
from router.ports import Beat, Probe
from router.providers.origin import Address, Origin
from router.providers.tts_node import TtsNode

pytestmark = pytest.mark.usefixtures("_patient")


def _event(**fields: Any) -> bytes:
    status = {"type": "beat", "reason": None, "state": "up", "voices_revision": "1", "unknown": 1}
    return b"data: " + json.dumps(status | fields).encode() + b"\n\n"


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _heard(
    *parts: bytes | asyncio.Event,
    listen: Callable[[TtsNode], Awaitable[list[Any]]] | None = None,
    head: bytes = STREAM,
) -> list[Any]:
    """What a listener hears of a node that sends `parts` and then closes, until it ends or falls silent."""

    async def script(peer: Peer) -> None:
        path = (await peer.request()).line.split()[1]
        if path != "/events":
            document = {"/v1/models": MODELS, "/v1/audio/voices": VOICES}.get(
                path, {"state": "up", "voices_revision": "1"}
            )
            peer.send(ok(json.dumps(document).encode()))
            await peer.until_closed()
            return
        peer.send(head)
        for part in parts:
            if isinstance(part, asyncio.Event):
                await part.wait()
            else:
                await asyncio.sleep(0.002)  # so that the parts arrive as they are
                peer.send(part)

    async with serving(script) as upstream:
        node = node_at(upstream)
        try:
            return await (listen or _all_beats)(node)
        finally:
            await node.aclose()


async def _all_beats(node: TtsNode) -> list[Any]:
    heard: list[Any] = []
    pulse = await node.listen()
    try:
        while (beat := await pulse.beat(0.5)) is not None:
            heard.append(beat)
    except UpstreamFault as fault:
        heard.append(type(fault))
    finally:
        pulse.close()
        pulse.close()
    return heard


BEAT = Beat(Probe(HostSign.ANSWERED, ProviderSign.READY), is_news=True)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([_chunk(_event())], [BEAT]),
        ([_chunk(_event() + _event())], [BEAT, BEAT]),
        ([_chunk(_event()[:20]), _chunk(_event()[20:] + _event()[:1]), _chunk(_event()[1:])], [BEAT, BEAT]),
        ([_chunk(b": a comment\n\n" + _event(type="later") + _event())], [BEAT]),
        ([_chunk(_event(queue={"depth": 1, "busy": True}))], [replace(BEAT, probe=replace(BEAT.probe, queued=2))]),
        ([], []),
    ],
    ids=["one", "two at once", "in pieces", "what we do not know", "its queue", "none"],
)
def test_beats_are_read_as_they_come(parts: list[bytes], expected: list[Beat]) -> None:
    """However they are cut; an end without a goodbye is a connection lost."""
    assert [*expected, ConnectionLost] == run(_heard(*parts))


@pytest.mark.parametrize("state", ["draining", "up"])
def test_a_goodbye_drains_whatever_the_state(state: str) -> None:
    """And says why."""
    (beat, end) = run(_heard(_chunk(_event(type="goodbye", reason="shutdown", state=state)), b"0\r\n\r\n"))
    probe = Probe(HostSign.ANSWERED, ProviderSign.DRAINING, "says goodbye: shutdown")
    assert (Beat(probe, is_goodbye=True), ConnectionLost) == (beat, end)


@pytest.mark.parametrize(
    "part", [b"data: {}\n\n", b"data: noise\n\n", _event(state="dancing"), b"data: " + b"x" * 70_000]
)
def test_what_is_no_event_of_a_node_is_malformed(part: bytes) -> None:
    """Bounded, too."""
    assert [Malformed] == run(_heard(_chunk(part)))


@pytest.mark.parametrize("status", [404, 401, 503])
def test_a_node_without_a_heartbeat_says_so(status: int) -> None:
    """An older one, or one with too many listeners."""
    assert [Rejected] == run(_heard(head=b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status))


def test_silence_is_told_as_no_beat_and_the_next_is_heard_all_the_same() -> None:
    """Also after somebody who waited was cancelled: nothing that has come is lost."""

    is_time = asyncio.Event()

    async def listen(node: TtsNode) -> list[Any]:
        pulse = await node.listen()
        first = await pulse.beat(1)
        waiting = asyncio.ensure_future(pulse.beat(1))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        silence = await pulse.beat(0.01)
        is_time.set()
        heard = [first, silence, await pulse.beat(1)]
        pulse.close()
        return heard

    half = _event()[:30]
    parts: list[bytes | asyncio.Event] = [_chunk(_event() + half), is_time, _chunk(_event()[30:])]
    assert [BEAT, None, BEAT] == run(_heard(*parts, listen=listen))


def test_lists_that_changed_are_news_until_they_are_read() -> None:
    """Then every beat tells them, so that nothing depends on one that was missed."""

    async def listen(node: TtsNode) -> list[Any]:
        pulse = await node.listen()
        before = await pulse.beat(1)
        await node.catch_up()
        after = await pulse.beat(1)
        pulse.close()
        again = await node.listen()
        fresh = await again.beat(1)
        again.close()
        return [before, after, fresh]

    before, after, fresh = run(_heard(*[_chunk(_event(models=TOLD))] * 9, listen=listen))
    voices = (Voice("fable", "Fable", "en-GB", "male"), Voice("x", "x"))
    assert (True, None) == (before.is_news, before.probe.models)
    assert (False, TOLD_MODELS, voices) == (after.is_news, after.probe.models, after.probe.voices)
    assert (True, TOLD_MODELS) == (fresh.is_news, fresh.probe.models)


def test_who_is_not_there_cannot_be_listened_to() -> None:
    """The dial tells why."""

    async def main() -> None:
        with nobody() as port:
            node = node_at(Loopback(port))
            with pytest.raises(DialRefused):
                await node.listen()
            await node.aclose()

    run(main())


@pytest.mark.parametrize(("scheme", "expected"), [("http", True), ("https", False)])
def test_only_a_node_in_the_house_is_listened_to(scheme: str, expected: bool) -> None:
    """A quarter of a second says nothing on the internet."""
    origin = Origin(Address(scheme, "h", 1, ""), api_key="", connect_s=1, clock=ManualClock())
    assert expected is TtsNode(speech_card("n"), origin).has_heartbeat
