"""Speech that comes as OpenAI's server-sent events: many a `speech.audio.delta`, then `speech.audio.done`."""

import binascii
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from router.answers import error_message
from router.errors import Malformed, Rejected
from router.ports import ResponseHead

_DELTA: Final = "speech.audio.delta"
_DONE: Final = "speech.audio.done"


class _Event(msgspec.Struct):
    type: str = ""
    audio: str = ""
    error: object = None


def is_events(head: ResponseHead) -> bool:
    """Whether the answer is a stream of events, whatever was asked for."""
    return (head.get(b"content-type") or b"").lower().startswith(b"text/event-stream")


def audio_of(body: bytes, redact: Callable[[str], str]) -> bytes:
    """The audio in a whole answer. Raises Malformed when it ends before it is done, Rejected when it says that it
    failed."""
    audio = bytearray()
    for data in _data(body):
        try:
            event = msgspec.json.decode(data, type=_Event)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise Malformed(f"sent an event that is none: {exc}") from exc
        if event.error is not None or event.type == "error":
            said = redact(error_message(data))
            raise Rejected(f"failed while it spoke{': ' + said if said else ''}", upstream_status=500)
        if event.type == _DELTA:
            try:
                audio += binascii.a2b_base64(event.audio, strict_mode=True)
            except ValueError as exc:
                raise Malformed(f"sent audio that is no base64: {exc}") from exc
        elif event.type == _DONE:
            return bytes(audio)
    raise Malformed("its stream of audio ended before it was done")


def _data(body: bytes) -> Iterator[bytes]:
    """What the events say; a dispatched event ends with an empty line, and lines in three ways (HTML § 9.2.6)."""
    lines: list[bytes] = []
    for line in body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        if line.startswith(b"data:"):
            lines.append(line[len(b"data:") :].removeprefix(b" "))
        elif not line and lines:
            data = b"\n".join(lines)
            lines = []
            if data != b"[DONE]":
                yield data
