"""A tts-node of this project."""

import json
from typing import Any

import pytest
from fakes import ManualClock, pcm, speech_card
from loopback import Loopback, Peer, Script, answering, free_port, ok, serving
from running import run

from router.domain import Model, Segment, Utterance, Voice
from router.errors import Malformed
from router.health import HostSign, ProviderSign
from router.ports import Probe
from router.providers import tts_node
from router.providers.origin import Address, Origin
from router.providers.tts_node import TtsNode

SEGMENT = Segment("Hello there.", "fable", 1.0, "en", 7)
MODELS = {"data": [{"id": "turbo", "state": "cold"}, {"id": "espeak"}]}
VOICES = {"voices": [{"id": "fable", "name": "Fable", "language": "en-GB", "gender": "male"}, {"id": "x"}]}


def _node(upstream: Loopback) -> TtsNode:
    origin = Origin(Address("http", "127.0.0.1", upstream.port, ""), api_key="k", connect_s=1, clock=ManualClock())
    return TtsNode(speech_card("gpu", first_byte_s=1, stall_s=1), origin)


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


async def _speak(audio: bytes) -> tuple[Utterance, str, dict[str, Any], str | None]:
    async with serving(answering(ok(audio, "X-Generation-Time: 0.1", "X-TTS-Engine: espeak"))) as upstream:
        node = _node(upstream)
        try:
            spoken = await node.speak(SEGMENT, "turbo", "id-1")
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
    monkeypatch.setattr(tts_node, "TOUCH_DEADLINE_S", 0.05)
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


def test_warming_a_node_that_is_not_there_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits for it."""

    async def main() -> None:
        node = _node(Loopback(free_port()))
        await node.warm()
        await node.aclose()

    with caplog.at_level("INFO"):
        run(main())
    assert caplog.messages[0].startswith("gpu could not be warmed: nothing listens on")
