"""A chat completion on its way to a client of Ollama's: each event as a line of JSON, or all of it as a document.
What Ollama itself says passes as it is, under the name that was asked.

The forwarder's other end (`forward.Reply`). Nothing is sent before the model has said something; until then
another may begin anew. Ollama's docs/api.md and api/types.go of 2026-08-21.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from router.answers import error_message, is_event_stream
from router.api.call import Reply
from router.api.ollama_body import Asked, Shape
from router.completion import CHUNK, DONE, Characters, Chunk, Completion, chunk_of, chunk_of_whole
from router.domain import Endpoint
from router.errors import Malformed, Rejected
from router.events import EventReader
from router.ports import Header, Monotonic, Record, ResponseHead

MAX_EVENT_BYTES: Final = 4 * 1024 * 1024
MAX_BODY_BYTES: Final = 16 * 1024 * 1024
MAX_REFUSAL_BYTES: Final = 64 * 1024
JSON: Final[Header] = (b"content-type", b"application/json; charset=utf-8")
NDJSON: Final[Header] = (b"content-type", b"application/x-ndjson")


@dataclass(slots=True)
class _Sofar:
    """What one server has answered. `body`: of an answer that is no stream; `lines`: of one that is Ollama's own,
    the beginning of the next."""

    body: bytearray | None = None
    lines: bytearray | None = None
    refusal: int | None = None
    events: EventReader = field(default_factory=lambda: EventReader(MAX_EVENT_BYTES))
    completion: Completion = field(default_factory=Completion)
    said: Characters = field(default_factory=Characters)
    thought: Characters = field(default_factory=Characters)
    first_at: float | None = None
    finish_reason: object = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    is_done: bool = False


class OllamaReply:
    """Implements `forward.Reply` before the client's own."""

    def __init__(self, reply: Reply, asked: Asked, record: Record, clock: Monotonic) -> None:
        self._reply = reply
        self._asked = asked
        self._record = record
        self._clock = clock
        self._began_at = clock()
        self._sofar = _Sofar()

    # forward.Reply

    @property
    def is_started(self) -> bool:
        return self._reply.is_started

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        """An answer begins; another's beginning is forgotten."""
        self._began_at, self._sofar = self._clock(), _Sofar()
        if status != 200:
            if status < 400:
                raise Malformed(f"answered with status {status}, which is no answer")
            self._sofar.refusal, self._sofar.body = status, bytearray()
            return
        head = ResponseHead(status, headers)
        if head.content_type.startswith(NDJSON[1]):
            self._sofar.lines = bytearray()
        elif not is_event_stream(head):
            self._sofar.body = bytearray()

    def push(self, chunk: bytes) -> bool:
        """Never at once: see `send`."""
        del chunk
        return False

    async def send(self, chunk: bytes, *, is_last: bool = False) -> None:
        """Raises UpstreamFault; InvalidRequest where the answer blames the request."""
        sofar = self._sofar
        if sofar.is_done:
            return
        if sofar.body is not None:
            await self._read_whole(sofar.body, chunk, is_last=is_last)
            return
        if sofar.lines is not None:
            await self._pass_lines(sofar.lines, chunk, is_last=is_last)
            return
        lines = [self._line_of(data) for data in sofar.events.feed(chunk) if data and not self._is_end(data)]
        text = b"".join(lines)
        if text:
            await self._send_lines(text)
        if sofar.is_done or is_last:
            await self._finish()

    async def _pass_lines(self, coming: bytearray, chunk: bytes, *, is_last: bool) -> None:
        """Ollama's own, under the name that was asked."""
        coming += chunk
        *whole, rest = bytes(coming).split(b"\n")
        if len(rest) > MAX_EVENT_BYTES:
            raise Malformed(f"sent a line of more than {MAX_EVENT_BYTES} bytes")
        coming[:] = rest
        if is_last and rest:
            whole.append(rest)
        lines = b"".join(_line(self._own(line)) for line in whole if line and not self._sofar.is_done)
        if is_last and not self._sofar.is_done:
            raise Malformed("ended its answer before it was finished")
        if lines:
            await self._send_lines(lines, is_last=self._sofar.is_done)

    def _own(self, data: bytes) -> dict[str, Any]:
        """A document of Ollama's own. Raises Malformed; Rejected for one that says that the answer failed."""
        try:
            document = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise Malformed(f"sent a line that is no JSON: {exc}") from exc
        if not isinstance(document, dict):
            raise Malformed("sent a line that is no object")
        if "error" in document:
            raise Rejected(f"failed while it answered: {error_message(data)}", upstream_status=500)
        if document.get("done"):
            self._sofar.is_done = True
            self._record.tokens_in = _number(document.get("prompt_eval_count"))
            self._record.tokens_out = _number(document.get("eval_count"))
        return {**document, "model": self._asked.model}

    async def _read_whole(self, body: bytearray, chunk: bytes, *, is_last: bool) -> None:
        sofar = self._sofar
        body += chunk
        most = MAX_BODY_BYTES if sofar.refusal is None else MAX_REFUSAL_BYTES
        if len(body) > most:
            raise Malformed(f"answered with more than {most} bytes")
        if not is_last:
            return
        if sofar.refusal is not None:
            self._record.streamed = False
            said = error_message(bytes(body)) or f"status {sofar.refusal}"
            await self._reply.whole(sofar.refusal, [JSON], msgspec.json.encode({"error": said}))
            return
        if not _is_openais(bytes(body)):
            document = self._own(bytes(body))
            if not sofar.is_done:
                raise Malformed("answered with what is no answer")
            await self._reply.whole(200, [JSON], _encoded(document))
            return
        said, thought = self._take(self._chunk_of_whole(bytes(body)))
        sofar.is_done = True
        await self._finish(self._line_with(said, thought))

    def _is_end(self, data: bytes) -> bool:
        """Whether nothing that comes from here on is of the answer."""
        self._sofar.is_done = self._sofar.is_done or data == DONE
        return self._sofar.is_done

    def _line_of(self, data: bytes) -> bytes:
        """What an event is to the client; nothing, if it says nothing."""
        chunk = chunk_of(data)
        if self._asked.endpoint is Endpoint.COMPLETIONS:
            chunk = _of_text(chunk)
        return self._line_with(*self._take(chunk))

    def _line_with(self, said: str, thought: str) -> bytes:
        if not (self._asked.is_streamed and (said or thought)):
            return b""
        return _line({**self._head(), **self._words(said, thought), "done": False})

    def _chunk_of_whole(self, body: bytes) -> Chunk:
        return _of_text(chunk_of(body)) if self._asked.endpoint is Endpoint.COMPLETIONS else chunk_of_whole(body)

    def _take(self, chunk: Chunk) -> tuple[str, str]:
        """What is new of what the model says, and of what it thinks."""
        sofar = self._sofar
        usage = chunk.document.get("usage")
        sofar.usage = usage if isinstance(usage, dict) else sofar.usage
        sofar.finish_reason = chunk.finish_reason or sofar.finish_reason
        if sofar.first_at is None and chunk.says_something:
            sofar.first_at = self._clock()
        said, thought = sofar.said.whole(chunk.text), sofar.thought.whole(_thoughts(chunk.delta))
        if not self._asked.is_streamed or chunk.delta.get("tool_calls"):
            sofar.completion.add(chunk)
        return said, thought

    async def _send_lines(self, lines: bytes, *, is_last: bool = False) -> None:
        if not self._reply.is_started:
            self._record.streamed = True
            await self._reply.start(200, [NDJSON])
        await self._reply.send(lines, is_last=is_last)

    async def _finish(self, lines: bytes = b"") -> None:
        """The last line, behind `lines`, or the one document. Raises Malformed for an answer that is not whole."""
        sofar = self._sofar
        if not sofar.is_done and sofar.finish_reason is None:
            raise Malformed("ended its answer before it was finished")
        sofar.is_done = True
        calls = _calls(sofar.completion.message.get("tool_calls"))
        if not self._asked.is_streamed:
            self._record.streamed = False
            message = sofar.completion.message
            words = self._words(sofar.completion.text, _thoughts(message), calls)
            await self._reply.whole(200, [JSON], _encoded({**self._head(), **words, **self._end()}))
            return
        lines += _line({**self._head(), **self._words("", "", calls), "done": False}) if calls else b""
        lines += _line({**self._head(), **self._words("", ""), **self._end()})
        await self._send_lines(lines, is_last=True)

    def _head(self) -> dict[str, Any]:
        return {"model": self._asked.model, "created_at": now_told()}

    def _words(self, said: str, thought: str, calls: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        more: dict[str, Any] = {"thinking": thought} if thought else {}
        if self._asked.shape is Shape.GENERATE:
            return {"response": said, **more}
        if calls:
            more["tool_calls"] = calls
        return {"message": {"role": "assistant", "content": said, **more}}

    def _end(self) -> dict[str, Any]:
        """What the last line says besides. Durations are nanoseconds: until the first word, as far as this router
        sees it, and from there on. What loading took is part of the former."""
        now, usage = self._clock(), self._sofar.usage
        first_at = self._sofar.first_at or now
        is_cut = self._sofar.finish_reason == "length"
        return {
            "done": True,
            "done_reason": "length" if is_cut else "stop",
            "total_duration": nanoseconds(now - self._record.started),
            "load_duration": 0,
            **_count("prompt_eval_count", usage.get("prompt_tokens")),
            "prompt_eval_duration": nanoseconds(first_at - self._began_at),
            **_count("eval_count", usage.get("completion_tokens")),
            "eval_duration": nanoseconds(now - first_at),
        }


class _Kind(msgspec.Struct):
    choices: msgspec.Raw = msgspec.Raw(b"")


_kinds: Final = msgspec.json.Decoder(_Kind)


def _is_openais(body: bytes) -> bool:
    """Whether a whole answer is OpenAI's; else it is Ollama's own."""
    try:
        return bool(bytes(_kinds.decode(body).choices))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True


def now_told() -> str:
    """RFC 3339, as Ollama has it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def nanoseconds(seconds: float) -> int:
    return max(0, round(seconds * 1e9))


def _count(name: str, count: object) -> dict[str, int]:
    return {name: _number(count)} if _number(count) else {}


def _number(count: object) -> int:
    return count if isinstance(count, int) and count > 0 else 0


def _thoughts(message: Mapping[str, Any]) -> str:
    """Of a thinking model, as Ollama and vLLM name them, or as DeepSeek and llama.cpp do."""
    text = message.get("reasoning") or message.get("reasoning_content")
    return text if isinstance(text, str) else ""


def _of_text(chunk: Chunk) -> Chunk:
    """A chunk, or the whole, of OpenAI's text completion as one of a chat."""
    choices = chunk.document.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return chunk
    choice = {**choices[0], "delta": {"content": choices[0].get("text")}}
    return Chunk({**chunk.document, "object": CHUNK, "choices": [choice]})


def _calls(calls: object) -> list[dict[str, Any]]:
    """Ollama's calls of tools: with objects as arguments. Raises Malformed."""
    found = [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    return [_call(index, call) for index, call in enumerate(found)]


def _call(index: int, call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    told = function if isinstance(function, dict) else {}
    try:
        arguments = json.loads(told.get("arguments") or "{}")
    except (TypeError, ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict) or not isinstance(told.get("name"), str):
        raise Malformed("called a tool with arguments that are no JSON object")
    named = {"index": index, "name": told["name"], "arguments": arguments}
    return {"id": call.get("id") or f"call_{index}", "function": named}


def _line(document: Mapping[str, Any]) -> bytes:
    return _encoded(document) + b"\n"


def _encoded(document: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:  # half of a surrogate pair, escaped by a model in a tool's arguments
        return json.dumps(document).encode()
