"""A chat completion as it is streamed: its chunks, and the whole that they make (OpenAI API reference, "The chat
completion chunk object"). Pure.

Nothing is dropped that a server says besides: whatever field it has, it is passed on.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from router.answers import error_message
from router.errors import Malformed, Rejected

DONE: Final = b"[DONE]"
CHUNK: Final = "chat.completion.chunk"  # clients drop others
_SAID_ONCE: Final = frozenset({"role", "id", "type", "name", "index", "object"})  # some servers repeat them
_OF_CHUNKS: Final = frozenset({"choices", "usage", "object"})


class Chunk:
    """One event of the stream; `document` is its JSON."""

    __slots__ = ("delta", "document", "finish_reason")

    def __init__(self, document: Mapping[str, Any]) -> None:
        choice = _first_choice(document)
        delta = choice.get("delta")
        self.document = document
        self.delta: Mapping[str, Any] = delta if isinstance(delta, dict) else {}
        self.finish_reason: object = choice.get("finish_reason")

    @property
    def has_choices(self) -> bool:
        """Else it tells of usage, or of nothing."""
        return bool(self.document.get("choices"))

    @property
    def text(self) -> str:
        """What the model says. Refusals, tool calls and thoughts are in fields of their own."""
        content = self.delta.get("content")
        return content if isinstance(content, str) else ""

    @property
    def says_something(self) -> bool:
        """More than that an answer begins."""
        return self.finish_reason is not None or any(
            value for name, value in self.delta.items() if name not in _SAID_ONCE
        )

    def with_choice(self, delta: Mapping[str, Any], finish_reason: object = None) -> dict[str, Any]:
        """The document with another delta."""
        choice = {**_first_choice(self.document), "index": 0, "delta": delta, "finish_reason": finish_reason}
        return {**self.document, "object": CHUNK, "choices": [choice]}


def chunk_of(data: bytes) -> Chunk:
    """An event's data. Raises Malformed, Rejected for an event that says that the answer failed."""
    document = _document(data)
    if document.get("error") is not None:
        raise Rejected(f"failed while it answered: {error_message(data)}", upstream_status=500)
    return Chunk(document)


def chunk_of_whole(body: bytes) -> Chunk:
    """An answer that was not streamed, as its only chunk. Raises Malformed, Rejected."""
    document = chunk_of(body).document
    choice = _first_choice(document)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise Malformed("answered without a message")
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        numbered = [{"index": index, **call} for index, call in enumerate(calls) if isinstance(call, dict)]
        message = {**message, "tool_calls": numbered}
    rest = {name: value for name, value in choice.items() if name != "message"}
    return Chunk({**document, "object": CHUNK, "choices": [{**rest, "delta": message}]})


class Completion:
    """Adds the chunks of one answer up."""

    def __init__(self) -> None:
        self.message: dict[str, Any] = {}
        self.finish_reason: object = None
        self._choice: dict[str, Any] = {}
        self._document: dict[str, Any] = {}
        self._usage: object = None

    def add(self, chunk: Chunk) -> None:
        """One more."""
        document = chunk.document
        self._document |= {name: value for name, value in document.items() if name not in _OF_CHUNKS}
        self._usage = document.get("usage") or self._usage
        if not chunk.has_choices:
            return
        _merge(self.message, chunk.delta)
        self.finish_reason = chunk.finish_reason or self.finish_reason
        choice = _first_choice(document)
        _merge(self._choice, {n: v for n, v in choice.items() if n not in {"delta", "finish_reason"}})

    def document(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """The whole answer, with `message` as what was said."""
        choice = {"index": 0, "logprobs": None, **self._choice, "message": message}
        choice["finish_reason"] = self.finish_reason or "stop"
        whole = {**self._document, "object": "chat.completion", "choices": [choice]}
        return whole if self._usage is None else {**whole, "usage": self._usage}


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Malformed(f"sent a chunk that is none: {exc}") from exc
    if not isinstance(document, dict):
        raise Malformed("sent a chunk that is no object")
    return document


def _first_choice(document: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = document.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _merge(whole: dict[str, Any], part: Mapping[str, Any]) -> None:
    """`part` into `whole`: texts grow, lists of numbered parts each by its number, other lists at their end."""
    for name, value in part.items():
        before = whole.get(name)
        if before is None or value is None or name in _SAID_ONCE:
            whole[name] = before if value is None else _numbered(value)
        elif isinstance(before, str) and isinstance(value, str):
            whole[name] = before + value
        elif isinstance(before, dict) and isinstance(value, dict):
            _merge(before, value)
        elif isinstance(before, list) and isinstance(value, list):
            _extend(before, value)
        else:
            whole[name] = value


def _numbered(value: Any) -> Any:
    """A copy that may grow."""
    if isinstance(value, dict):
        return {name: _numbered(each) for name, each in value.items()}
    if isinstance(value, list):
        grown: list[Any] = []
        _extend(grown, value)
        return grown
    return value


def _extend(whole: list[Any], parts: Sequence[Any]) -> None:
    for part in parts:
        same = _with_number(whole, part.get("index")) if isinstance(part, dict) else None
        if same is not None:
            _merge(same, part)
        else:
            whole.append(_numbered(part))


def _with_number(parts: Sequence[Any], number: object) -> dict[str, Any] | None:
    if number is None:
        return None
    return next((each for each in parts if isinstance(each, dict) and each.get("index") == number), None)
