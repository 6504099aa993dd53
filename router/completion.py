"""A chat completion as it is streamed: its chunks, and the whole that they make (OpenAI API reference, "The chat
completion chunk object"). Pure.

Nothing is dropped that a server says besides: whatever field it has, it is passed on.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from router.answers import error_message
from router.errors import InvalidRequest, Malformed, Rejected, RouterError

DONE: Final = b"[DONE]"
CHUNK: Final = "chat.completion.chunk"  # clients drop others
_SAID_ONCE: Final = frozenset({"role", "id", "type", "name", "index", "object"})  # some servers repeat them
_HEAD: Final = ("id", "object", "created", "model", "system_fingerprint")
_CALLERS: Final = frozenset({400, 413, 422})  # statuses that blame the request, also within a stream
_OF_CHUNKS: Final = frozenset({"choices", "usage", "object"})


class Chunk:
    """One event of the stream; `document` is its JSON."""

    __slots__ = ("delta", "document", "finish_reason")

    def __init__(self, document: Mapping[str, Any]) -> None:
        choice = _first_choice(document)
        delta = choice.get("delta")
        self.document = document
        self.delta: Mapping[str, Any] = delta if isinstance(delta, dict) else {}
        self.finish_reason: object = choice.get("finish_reason") or None

    @property
    def has_choices(self) -> bool:
        """Else it tells of usage, or of nothing."""
        return bool(self.document.get("choices"))

    @property
    def text(self) -> str:
        """What the model says. Refusals, tool calls and thoughts are in fields of their own."""
        content = self.delta.get("content")
        if isinstance(content, list):  # in parts, as some servers have it
            return "".join(_text_in(part) for part in content)
        return content if isinstance(content, str) else ""

    def say(self, text: str) -> None:
        """Its text is another."""
        self.delta = {**self.delta, "content": text}
        self.document = self.with_delta(self.delta, self.finish_reason)

    @property
    def says_something(self) -> bool:
        """More than that an answer begins."""
        return self.finish_reason is not None or any(
            value for name, value in self.delta.items() if name not in _SAID_ONCE
        )

    def with_delta(self, delta: Mapping[str, Any], finish_reason: object = None) -> dict[str, Any]:
        """The document with another delta, and all that it says besides."""
        choice = {**_first_choice(self.document), "index": 0, "delta": delta, "finish_reason": finish_reason}
        return {**self.document, "object": CHUNK, "choices": [choice]}

    def beside(self, delta: Mapping[str, Any], finish_reason: object = None) -> dict[str, Any]:
        """A chunk of the same answer that says nothing again."""
        head = {name: self.document[name] for name in _HEAD if name in self.document}
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return {**head, "object": CHUNK, "choices": [choice]}


def chunk_of(data: bytes) -> Chunk:
    """An event's data. Raises Malformed; for an event that says that the answer failed Rejected, or InvalidRequest
    where it blames the request."""
    document = _document(data)
    error = document.get("error")
    if error is not None:
        raise _failure(error, error_message(data))
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


class Characters:
    """Puts the characters together that a server has cut in two (RFC 8259 §8.2)."""

    def __init__(self) -> None:
        self._half = ""

    def whole(self, text: str) -> str:
        """`text` with what was kept of the last one, and without the half at its end."""
        if not self._half and (text.isascii() or not any("\ud800" <= each <= "\udfff" for each in text)):
            return text
        text = self._half + text
        self._half = text[-1] if "\ud800" <= text[-1:] <= "\udbff" else ""
        text = text.removesuffix(self._half) if self._half else text
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Completion:
    """Adds the chunks of one answer up."""

    def __init__(self) -> None:
        self.finish_reason: object = None
        self._message: dict[str, Any] = {}
        self._texts: dict[str, list[str]] = {}
        self._said: list[str] = []
        self._choice: dict[str, Any] = {}
        self._document: dict[str, Any] = {}
        self._usage: object = None

    def add(self, chunk: Chunk) -> None:
        """One more."""
        document = chunk.document
        self._said.append(chunk.text)
        self._document |= {name: value for name, value in document.items() if name not in _OF_CHUNKS}
        self._usage = document.get("usage") or self._usage
        if not chunk.has_choices:
            return
        for name, value in chunk.delta.items():
            if isinstance(value, str) and name not in _SAID_ONCE:
                self._texts.setdefault(name, []).append(value)  # thoughts are long, and a sum of sums is slow
            else:
                _merge(self._message, {name: value})
        self.finish_reason = chunk.finish_reason or self.finish_reason
        choice = _first_choice(document)
        _merge(self._choice, {n: v for n, v in choice.items() if n not in {"delta", "finish_reason"}})

    @property
    def message(self) -> dict[str, Any]:
        """What the model's message is so far."""
        return {**self._message, **{name: "".join(parts) for name, parts in self._texts.items()}}

    @property
    def text(self) -> str:
        """All that it says."""
        return "".join(self._said)

    def document(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """The whole answer, with `message` as what was said."""
        choice = {"index": 0, "logprobs": None, **self._choice, "message": message}
        choice["finish_reason"] = self.finish_reason or "stop"
        whole = {**self._document, "object": "chat.completion", "choices": [choice]}
        return whole if self._usage is None else {**whole, "usage": self._usage}


def _failure(error: object, said: str) -> RouterError:
    told = {error.get("status"), error.get("code")} if isinstance(error, dict) else set[object]()
    if status := next((each for each in told if isinstance(each, int) and each in _CALLERS), None):
        return InvalidRequest(said or f"status {status}", code="rejected_by_provider")
    return Rejected(f"failed while it answered: {said}", upstream_status=500)


def _text_in(part: object) -> str:
    text = part.get("text") if isinstance(part, dict) else None
    return text if isinstance(text, str) else ""


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = _decoded(data)
    except (ValueError, RecursionError) as exc:
        raise Malformed(f"sent a chunk that is none: {exc}") from exc
    if not isinstance(document, dict):
        raise Malformed("sent a chunk that is no object")
    return document


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return json.loads(data)  # which takes half of a surrogate pair: its other half is in the next chunk


def _first_choice(document: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = document.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _merge(whole: dict[str, Any], part: Mapping[str, Any]) -> None:
    """`part` into `whole`: texts grow, lists of numbered parts each by its number, other lists at their end."""
    for name, value in part.items():
        before = whole.get(name)
        if name in _SAID_ONCE:
            whole[name] = _numbered(value) if value or before is None else before  # repeated empty, by some
        elif before is None or value is None:
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
        same = _grown_by(whole, part) if isinstance(part, dict) else None
        if same is not None:
            _merge(same, part)
        else:
            whole.append(_numbered(part))


def _grown_by(parts: Sequence[Any], part: Mapping[str, Any]) -> dict[str, Any] | None:
    """The one that `part` goes on with: of its number and, as some servers number all alike, of its id."""
    number, name = part.get("index"), part.get("id")
    if number is None:
        return None
    for each in reversed(parts):
        if isinstance(each, dict) and each.get("index") == number:
            return each if not name or each.get("id") in (None, "", name) else None
    return None
