"""A tts-node of this project: it speaks segments, and is warmed. `test_tts_node_probes.py` looks at it,
`test_tts_node_beats.py` listens to it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from fakes import pcm
from loopback import Loopback, answering, nobody, ok, serving
from running import run
from scripted_node import node_at

from router.domain import Priority, Segment, Utterance
from router.errors import Malformed

SEGMENT = Segment("Hello there.", "fable", 1.0, "en", 7)
pytestmark = pytest.mark.usefixtures("_patient")


async def _speak(audio: bytes, segment: Segment = SEGMENT) -> tuple[Utterance, str, dict[str, Any], str | None]:
    async with serving(answering(ok(audio, "X-Generation-Time: 0.1", "X-TTS-Engine: espeak"))) as upstream:
        node = node_at(upstream)
        try:
            spoken = await node.speak(segment, "turbo", "id-1")
        finally:
            await node.aclose()
        request = upstream.requests[0]
        return spoken, request.line, json.loads(request.body), request.get("authorization")


@pytest.mark.proves(provider="tts-node", feature="speech", what="segments as PCM, with its figures")
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


@pytest.mark.parametrize("answer", [ok(b"{}"), b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", b"noise\r\n\r\n"])
def test_warming_asks_and_never_raises(answer: bytes) -> None:
    """Whatever the node says to it."""

    async def main() -> list[str]:
        async with serving(answering(answer)) as upstream:
            node = node_at(upstream)
            await node.warm()
            await node.aclose()
            return [request.line for request in upstream.requests]

    assert ["POST /warm HTTP/1.1"] == run(main())


def test_one_of_its_models_is_warmed_by_name() -> None:
    """Quoted, whatever it is called."""

    async def main() -> str:
        async with serving(answering(ok(b"{}"))) as upstream:
            node = node_at(upstream)
            await node.warm("a b&c/d")
            await node.aclose()
            return upstream.requests[0].line

    assert "POST /warm?model=a%20b%26c%2Fd HTTP/1.1" == run(main())


def test_warming_a_node_that_is_not_there_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits for it."""

    async def main() -> None:
        with nobody() as port:
            node = node_at(Loopback(port))
            await node.warm()
            await node.aclose()

    with caplog.at_level("INFO"):
        run(main())
    assert caplog.messages[0].startswith("gpu could not be warmed: nothing listens on")
