"""A tts-node of this project."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from fakes import ManualClock, RecordingObserver, pcm, speech_card
from loopback import Loopback, Peer, Script, answering, free_port, ok, serving
from running import run

from router.domain import Model, Priority, Segment, Utterance, Voice
from router.errors import ConnectionLost, DialRefused, Malformed, Rejected, UpstreamFault
from router.health import HostSign, ProviderSign
from router.ports import Beat, Probe
from router.providers import tts_node
from router.providers.origin import Address, Origin
from router.providers.tts_node import TtsNode
from router.roster import Roster

SEGMENT = Segment("Hello there.", "fable", 1.0, "en", 7)
MODELS = {"data": [{"id": "turbo", "state": "cold"}, {"id": "espeak"}]}
VOICES = {"voices": [{"id": "fable", "name": "Fable", "language": "en-GB", "gender": "male"}, {"id": "x"}]}
pytestmark = pytest.mark.usefixtures("_patient")


def _node(upstream: Loopback) -> TtsNode:
    origin = Origin(Address("http", "127.0.0.1", upstream.port, ""), api_key="k", connect_s=1, clock=ManualClock())
    return TtsNode(speech_card("gpu", first_byte_s=60, stall_s=60), origin)


def _telling(*healths: Any, models: Any = MODELS, voices: Any = VOICES) -> Script:
    """A node whose /health says one of `healths` after the other."""
    said = list(healths)

    async def script(peer: Peer) -> None:
        path = (await peer.request()).line.split()[1]
        document = {"/v1/models": models, "/v1/audio/voices": voices}.get(path)
        if path == "/health":
            document = said.pop(0) if len(said) > 1 else said[0]
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        peer.send(ok(body))
        await peer.until_closed()

    return script


async def _probes(count: int, script: Script) -> tuple[list[Probe], list[str]]:
    async with serving(script) as upstream:
        node = _node(upstream)
        probes = [await node.probe() for _ in range(count)]
        await node.aclose()
        return probes, [request.line.split()[1] for request in upstream.requests]


@pytest.mark.parametrize(
    ("state", "sign"),
    [
        ("up", ProviderSign.READY),
        ("cold", ProviderSign.COLD),
        ("loading", ProviderSign.LOADING),
        ("yielded", ProviderSign.YIELDED),
        ("draining", ProviderSign.DRAINING),
    ],
)
def test_the_nodes_word_is_taken(state: str, sign: ProviderSign) -> None:
    """With its lists, the first time."""
    (probe,), _ = run(_probes(1, _telling({"state": state, "voices_revision": "1"})))
    voices = (Voice("fable", "Fable", "en-GB", "male"), Voice("x", "x"))
    assert Probe(HostSign.ANSWERED, sign, "", (Model("turbo", "cold"), Model("espeak")), voices) == probe


@pytest.mark.parametrize("revision", [{}, {"voices_revision": "1"}])
def test_lists_are_fetched_only_when_they_changed(revision: dict[str, str]) -> None:
    """A probe a second must stay cheap."""
    probes, paths = run(_probes(3, _telling({"state": "up", **revision})))
    assert ["/health", "/v1/models", "/v1/audio/voices", "/health", "/health"] == paths
    assert Probe(HostSign.ANSWERED, ProviderSign.READY) == probes[2]


def test_a_new_revision_fetches_them_again() -> None:
    """A voice was added."""
    healths = [{"state": "up", "voices_revision": revision} for revision in ("1", "1", "2")]
    probes, _ = run(_probes(3, _telling(*healths)))
    assert [True, False, True] == [probe.voices is not None for probe in probes]


def test_after_a_fault_the_lists_are_fetched_again() -> None:
    """It may have come back as another node."""
    healths = [{"state": "up", "voices_revision": "1"}, b"broken", {"state": "up", "voices_revision": "1"}]
    probes, _ = run(_probes(3, _telling(*healths)))
    assert [ProviderSign.READY, ProviderSign.FAULT, ProviderSign.READY] == [probe.provider for probe in probes]
    assert [True, False, True] == [probe.models is not None for probe in probes]


@pytest.mark.parametrize(
    "script",
    [
        _telling({"state": "asleep"}),
        _telling({"state": 5}),
        _telling({}),
        _telling([]),
        _telling(b"<html>"),
        _telling({"state": "up"}, models={"models": []}),
        _telling({"state": "up"}, voices=["fable"]),
        answering(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"),
    ],
)
def test_whatever_is_no_node_is_a_fault(script: Script) -> None:
    """Told, never raised."""
    (probe,), _ = run(_probes(1, script))
    assert (HostSign.ANSWERED, ProviderSign.FAULT, True) == (probe.host, probe.provider, bool(probe.detail))


TOLD = {
    "turbo": {"state": "loading", "eta_s": 4.5, "rtf": 0.3, "queue": {"depth": 2, "busy": True, "eta_s": 6.0}},
    "espeak": {"state": "up", "queue": {"depth": 0, "busy": False, "eta_s": 0.0}},
}
TOLD_MODELS = (Model("turbo", "loading", False, 4.5, 0.3, 6.0), Model("espeak", "up", wait_s=0.0))


def test_each_models_own_state_is_told() -> None:
    """By newer nodes, with every look; the queue is that of all."""
    probes, _ = run(
        _probes(2, _telling({"state": "loading", "eta_s": 4.5, "voices_revision": "1", "models": TOLD}))
    )
    assert [TOLD_MODELS] * 2 == [probe.models for probe in probes]
    assert [(True, 3)] * 2 == [(probe.tells_models, probe.queued) for probe in probes]


NONSENSE = ["9" * 400, "9" * 5000, "1e300", "1e999", "-5", "-1e999", "NaN", "Infinity", "-Infinity", "null"]


@pytest.mark.parametrize("figure", NONSENSE, ids=lambda figure: figure[:12])
def test_figures_that_cannot_be_are_as_if_they_were_not_said(figure: str) -> None:
    """The rest is believed, and the node stays usable."""
    said = {"state": "up", "queue": {"depth": 2, "busy": True, "eta_s": "@"}, "eta_s": "@", "rtf": "@"}
    queue = {"depth": "@", "busy": True, "eta_s": 3}
    document = {
        "state": "loading",
        "voices_revision": "1",
        "eta_s": "@",
        "models": {"turbo": said, "espeak": {"state": "up", "rtf": 0.5, "queue": queue}},
    }
    (probe,), _ = run(_probes(1, _telling(json.dumps(document).replace('"@"', figure).encode())))
    assert (ProviderSign.LOADING, None, 4) == (probe.provider, probe.eta_s, probe.queued)
    assert (Model("turbo", "up"), Model("espeak", "up", rtf=0.5, wait_s=3)) == probe.models


def test_a_node_of_an_absurd_queue_serves_all_the_same() -> None:
    """What is predicted from its beat can be computed."""
    document = json.dumps({"state": "up", "queue": {"depth": 10**400}}).encode()
    (probe,), _ = run(_probes(1, _telling(document, models={"data": []})))
    roster = Roster({"gpu": speech_card("gpu")}, RecordingObserver(), ManualClock())
    roster.note_beat("gpu", probe)
    assert (True, 0.0) == (roster.standing("gpu").is_idle, roster.standing("gpu").predicted_s)


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
        node = _node(upstream)
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
        node = _node(Loopback(free_port()))
        with pytest.raises(DialRefused):
            await node.listen()
        await node.aclose()

    run(main())


@pytest.mark.parametrize(("scheme", "expected"), [("http", True), ("https", False)])
def test_only_a_node_in_the_house_is_listened_to(scheme: str, expected: bool) -> None:
    """A quarter of a second says nothing on the internet."""
    origin = Origin(Address(scheme, "h", 1, ""), api_key="", connect_s=1, clock=ManualClock())
    assert expected is TtsNode(speech_card("n"), origin).has_heartbeat


async def _speak(audio: bytes, segment: Segment = SEGMENT) -> tuple[Utterance, str, dict[str, Any], str | None]:
    async with serving(answering(ok(audio, "X-Generation-Time: 0.1", "X-TTS-Engine: espeak"))) as upstream:
        node = _node(upstream)
        try:
            spoken = await node.speak(segment, "turbo", "id-1")
        finally:
            await node.aclose()
        request = upstream.requests[0]
        return spoken, request.line, json.loads(request.body), request.get("authorization")


def test_a_segment_is_spoken_as_pcm() -> None:
    """Marked as a segment, so that the node does not cut it again."""
    spoken, line, body, key = run(_speak(pcm(0.5)))
    assert Utterance(pcm(0.5), 0.1, "espeak") == spoken
    assert ("POST /v1/audio/speech HTTP/1.1", "Bearer k") == (line, key)
    assert {
        "model": "turbo",
        "input": "Hello there.",
        "voice": "fable",
        "language": "en",
        "response_format": "pcm",
        "speed": 1.0,
        "seed": 7,
        "segment": True,
    } == body


def test_what_nobody_waits_for_yet_says_so() -> None:
    """So that at the node whoever listens goes first."""
    _, _, body, _ = run(_speak(pcm(0.5), replace(SEGMENT, priority=Priority.BATCH)))
    assert "batch" == body["priority"]


def test_half_a_sample_is_malformed() -> None:
    """PCM has no framing of its own; an odd byte shows that something is missing."""
    with pytest.raises(Malformed):
        run(_speak(pcm(0.5) + b"\x00"))


async def _touched(script: Script) -> tuple[Probe | None, list[str]]:
    async with serving(script) as upstream:
        node = _node(upstream)
        probe = await node.touch()
        await node.aclose()
        return probe, [request.line.split()[1] for request in upstream.requests]


async def _mute(peer: Peer) -> None:
    await peer.until_closed()


def test_a_touch_asks_for_health_alone_and_tells_load_and_queue() -> None:
    """Lists can wait while requests are in flight."""
    health = {"state": "loading", "eta_s": 4.5, "queue": {"depth": 2, "busy": True}, "voices_revision": "1"}
    expected = Probe(HostSign.ANSWERED, ProviderSign.LOADING, eta_s=4.5, queued=3)
    assert (expected, ["/health"]) == run(_touched(_telling(health)))


def test_a_node_that_accepts_and_says_nothing_is_mute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its health route never waits for its model, so silence is a sign, of the server and not of the machine."""
    monkeypatch.setattr(tts_node, "TOUCH_DEADLINE_S", 1.0)
    probe, _ = run(_touched(_mute))
    assert probe is not None
    assert (HostSign.ANSWERED, ProviderSign.MUTE) == (probe.host, probe.provider)


def test_a_node_on_the_internet_is_not_touched() -> None:
    """A third of a second says nothing there."""
    origin = Origin(Address("https", "h", 1, ""), api_key="", connect_s=1, clock=ManualClock())
    assert None is run(TtsNode(speech_card("far"), origin).touch())


@pytest.mark.parametrize("answer", [ok(b"{}"), b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", b"noise\r\n\r\n"])
def test_warming_asks_and_never_raises(answer: bytes) -> None:
    """Whatever the node says to it."""

    async def main() -> list[str]:
        async with serving(answering(answer)) as upstream:
            node = _node(upstream)
            await node.warm()
            await node.aclose()
            return [request.line for request in upstream.requests]

    assert ["POST /warm HTTP/1.1"] == run(main())


def test_one_of_its_models_is_warmed_by_name() -> None:
    """Quoted, whatever it is called."""

    async def main() -> str:
        async with serving(answering(ok(b"{}"))) as upstream:
            node = _node(upstream)
            await node.warm("a b&c/d")
            await node.aclose()
            return upstream.requests[0].line

    assert "POST /warm?model=a%20b%26c%2Fd HTTP/1.1" == run(main())


def test_warming_a_node_that_is_not_there_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits for it."""

    async def main() -> None:
        node = _node(Loopback(free_port()))
        await node.warm()
        await node.aclose()

    with caplog.at_level("INFO"):
        run(main())
    assert caplog.messages[0].startswith("gpu could not be warmed: nothing listens on")
