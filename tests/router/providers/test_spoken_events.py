"""Speech that comes as server-sent events."""

import base64
import io
import json
import re
import tracemalloc
import wave
from typing import Any

import pytest
from fakes import ManualClock, pcm, speech_card
from hypothesis import given
from hypothesis import strategies as st
from loopback import Peer, Script, answering, ok, serving
from running import run

from router.domain import Segment, Utterance
from router.errors import Malformed, Rejected
from router.events import MAX_LINES
from router.providers.openai import OpenAIServer
from router.providers.origin import Address, Origin
from router.providers.spoken_events import MAX_EVENT_BYTES, MAX_SILENT_EVENTS, SpokenEvents

SSE = "Content-Type: text/event-stream; charset=utf-8"


def _wav(seconds: float) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes(pcm(seconds))
    return out.getvalue()


def _event(end: bytes = b"\n\n", **fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + end


def _deltas(audio: bytes, size: int, end: bytes = b"\n\n") -> bytes:
    parts = [audio[at : at + size] for at in range(0, len(audio), size)]
    return b"".join(
        _event(end, type="speech.audio.delta", audio=base64.b64encode(part).decode()) for part in parts
    )


DONE = _event(type="speech.audio.done", usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3})


def _kept(text: str) -> str:
    return text.replace("secret", "[key]")


def _audio_of(body: bytes, *, at_once: int = 65_536, max_bytes: int = 2**26) -> bytes:
    """As it comes, `at_once` bytes at a time."""
    events = SpokenEvents(_kept, max_bytes)
    for at in range(0, len(body), at_once):
        events.feed(body[at : at + at_once])
    return events.audio


@given(
    st.binary(max_size=2000),
    st.integers(1, 999),
    st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r", b"\r\n\n"]),
    st.integers(1, 5000),
)
def test_the_audio_is_what_its_pieces_are(audio: bytes, size: int, end: bytes, at_once: int) -> None:
    """However it is cut, however it comes, and however lines end; what comes after the end is not read."""
    body = b": hello" + end + _deltas(audio, size, end) + DONE.strip() + end + b"data: noise\n\n"
    assert audio == _audio_of(body, at_once=at_once)


def test_an_event_may_have_several_lines() -> None:
    """Of which those with data are one text, and the others are names and comments."""
    body = b'event: speech.audio.delta\n: hi\ndata: {"type":\ndata:"speech.audio.delta",\ndata:"audio":"YWJj"}\n\n'
    assert b"abc" == _audio_of(body + DONE, at_once=1)


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (b"\n", f"more than {MAX_SILENT_EVENTS} events without audio"),
        (b":\n\n", f"more than {MAX_SILENT_EVENTS} events without audio"),
        (b"data: {}\n\n", f"more than {MAX_SILENT_EVENTS} events without audio"),
        (_event(type="speech.audio.delta", audio=""), f"more than {MAX_SILENT_EVENTS} events without audio"),
        (b":\n", f"more than {MAX_EVENT_BYTES} bytes"),
        (b"x", f"more than {MAX_EVENT_BYTES} bytes"),
        (_event(type="speech.audio.delta", audio="QUFB" * 100), "more than 1000000 bytes of audio"),
    ],
    ids=["newlines", "comments", "empty", "no audio", "lines", "no end", "audio"],
)
def test_a_flood_is_cut_off(noise: bytes, message: str) -> None:
    """Nobody waits for the end of 64 MB that say nothing, nor are they ever in memory."""
    flood = noise * (65_536 // len(noise))
    events = SpokenEvents(_kept, 1_000_000)

    def pour() -> None:
        for _ in range(1000):
            events.feed(flood)

    tracemalloc.start()
    try:
        with pytest.raises(Malformed, match=message):
            pour()
        assert tracemalloc.get_traced_memory()[1] < 1.3 * MAX_EVENT_BYTES
    finally:
        tracemalloc.stop()


def test_an_event_has_so_many_lines_at_most() -> None:
    """As each costs more than its bytes."""
    with pytest.raises(Malformed, match=f"more than {MAX_LINES} lines"):
        _audio_of(b"data: 1\n" * 2 * MAX_LINES + b"\n")


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (b"", Malformed, "ended before it was done"),
        (_deltas(b"abc", 2), Malformed, "ended before it was done"),
        (_deltas(b"abc", 2) + DONE[:-2], Malformed, "ended before it was done"),
        (_deltas(b"abc", 2) + b"data: [DONE]\n\n", Malformed, "ended before it was done"),
        (b"data: noise\n\n" + DONE, Malformed, "an event that is none"),
        (b"data: \xff\n\n" + DONE, Malformed, "an event that is none"),
        (b"data: " + b"[" * 100_000 + b"\n\n", Malformed, "an event that is none"),
        (_event(type="speech.audio.delta", audio="%%%"), Malformed, "no base64"),
        (_event(type="speech.audio.delta", audio=7), Malformed, "an event that is none"),
        (
            _event(type="error", error={"message": "no secret VRAM"}),
            Rejected,
            "failed while it spoke: no [key] VRAM",
        ),
        (_deltas(b"abc", 2) + _event(error={"message": "out"}) + DONE, Rejected, "failed while it spoke: out"),
        (_event(type="error"), Rejected, "failed while it spoke"),
    ],
)
def test_what_is_no_whole_audio_is_a_fault(body: bytes, kind: type[Exception], message: str) -> None:
    """A cut never passes for an end."""
    with pytest.raises(kind, match=re.escape(message)):
        _audio_of(body)


async def _spoken(answer: bytes, *, speaks_in_events: bool) -> tuple[Utterance, dict[str, Any]]:
    return await _asked(answering(answer), speaks_in_events=speaks_in_events)


async def _asked(script: Script, *, speaks_in_events: bool = True) -> tuple[Utterance, dict[str, Any]]:
    async with serving(script) as upstream:
        address = Address("http", "127.0.0.1", upstream.port, "/v1")
        origin = Origin(address, api_key="k", connect_s=1, clock=ManualClock())
        server = OpenAIServer(speech_card("s"), origin, speaks_in_events=speaks_in_events)
        try:
            spoken = await server.speak(Segment("Hello.", "nova", 1.0, None, 7), "m", "id-1")
        finally:
            await server.aclose()
        return spoken, json.loads(upstream.requests[0].body)


@pytest.mark.parametrize("speaks_in_events", [True, False])
def test_a_server_that_answers_in_events_is_understood(speaks_in_events: bool) -> None:
    """Whether it was asked for them or not."""
    body = _deltas(_wav(0.5), 1000) + DONE
    spoken, asked = run(_spoken(ok(body, SSE), speaks_in_events=speaks_in_events))
    assert pcm(0.5) == spoken.pcm
    assert ("sse" if speaks_in_events else None) == asked.get("stream_format")


def test_a_server_that_sends_audio_when_asked_for_events_is_understood_too() -> None:
    """What it says it sends counts."""
    spoken, _ = run(_spoken(ok(_wav(0.5), "Content-Type: audio/wav"), speaks_in_events=True))
    assert pcm(0.5) == spoken.pcm


def test_a_server_that_floods_is_left() -> None:
    """While it still sends, and not when it has ended."""

    async def flooding(peer: Peer) -> None:
        await peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + b"\n" * 1_000_000)
        await peer.until_closed()

    with pytest.raises(Malformed, match="events without audio"):
        run(_asked(flooding))
