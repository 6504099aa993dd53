"""What servers of language models answer to a chat: events piece by piece, or a whole; and what ears answer."""

import json
from collections.abc import Iterable
from typing import Any

from fakes import Step, head, whole

from router.errors import ConnectionLost, UpstreamFault
from router.ports import Header

SSE: Header = (b"Content-Type", b"text/event-stream")
REPLY = (
    "Good evening to all of you. The house is quiet, and the lamps are lit. "
    "Somebody left a window open in the kitchen, so it may be cold there. Shall I close it?"
)
SHORT = "A short answer, for once."
LOST = ConnectionLost("gone", had_bytes=True)
Script = list[Step] | UpstreamFault


def data(document: object) -> bytes:
    """One event."""
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def chunk(*choices: dict[str, Any], **more: Any) -> bytes:
    """The event of a streamed chat."""
    known = {"id": "c-1", "object": "chat.completion.chunk", "created": 7, "model": "m"}
    return data({**known, "choices": choices, **more})


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return chunk({"index": 0, "delta": delta, "finish_reason": finish})


USAGE = (
    b'data: {"id":"c-1","object":"chat.completion.chunk","created":7,"model":"m","choices":[],'
    b'"usage":{"prompt_tokens":4,"completion_tokens":9,"total_tokens":13}}\n\n'
)
DONE = b"data: [DONE]\n\n"
BEGINNING = event({"role": "assistant", "content": ""})
END = event({}, "stop")


def pieces(text: str, size: int = 4) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def words(texts: Iterable[str]) -> list[Step]:
    return [event({"content": text}) for text in texts]


def streams(*events: Step) -> list[Step]:
    """A model that sends these, from their head on."""
    return [head(200, SSE), *events]


def writes(text: str = REPLY, size: int = 4, *, finish: str = "stop") -> list[Step]:
    """A model that writes `text`, so many characters at a time."""
    return streams(BEGINNING, *words(pieces(text, size)), event({}, finish), USAGE, DONE)


def answers(text: str = REPLY) -> list[Step]:
    """A server that does not stream, though it was asked to."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    document = {"id": "c-1", "object": "chat.completion", "created": 7, "model": "m", "choices": [choice]}
    return whole(json.dumps(document).encode())


def hears(text: str) -> list[Step]:
    """A server that writes down what it hears."""
    return whole(json.dumps({"text": text}).encode())
