"""Embeddings on their way to a client of Ollama's: `/api/embed`, and the older `/api/embeddings` with one text.
Numbers are passed on as they were written (ollama/ollama docs/api.md, 2026-08-21)."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from router.answers import error_message
from router.api.call import Reply
from router.api.ollama_reply import JSON, MAX_REFUSAL_BYTES, nanoseconds
from router.errors import Malformed
from router.ports import Header, Monotonic, Record

MAX_BODY_BYTES: Final = 64 * 1024 * 1024


class _Vector(msgspec.Struct):
    embedding: msgspec.Raw
    index: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0


class _Vectors(msgspec.Struct):
    data: list[_Vector]
    usage: _Usage | None = None


_decoder: Final = msgspec.json.Decoder(_Vectors)


class VectorReply:
    """Implements `forward.Reply` before the client's own. `is_older`: one vector, and nothing besides."""

    def __init__(self, reply: Reply, model: str, record: Record, clock: Monotonic, *, is_older: bool) -> None:
        self._reply = reply
        self._model = model
        self._record = record
        self._clock = clock
        self._is_older = is_older
        self._status = 0
        self._body = bytearray()

    @property
    def is_started(self) -> bool:
        return self._reply.is_started

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        """An answer begins; another's beginning is forgotten."""
        del headers
        self._status, self._body = status, bytearray()

    def push(self, chunk: bytes) -> bool:
        """Never at once: see `send`."""
        del chunk
        return False

    async def send(self, chunk: bytes, *, is_last: bool = False) -> None:
        """Raises Malformed."""
        self._body += chunk
        most = MAX_BODY_BYTES if self._status == 200 else MAX_REFUSAL_BYTES
        if len(self._body) > most:
            raise Malformed(f"answered with more than {most} bytes")
        if not is_last:
            return
        if self._status != 200:
            said = error_message(bytes(self._body)) or f"status {self._status}"
            await self._reply.whole(self._status, [JSON], msgspec.json.encode({"error": said}))
            return
        await self._reply.whole(200, [JSON], msgspec.json.encode(self._document()))

    def _document(self) -> dict[str, Any]:
        try:
            found = _decoder.decode(self._body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise Malformed(f"answered with other than embeddings: {exc}") from exc
        vectors = [each.embedding for each in sorted(found.data, key=lambda each: each.index)]
        if not vectors or not all(bytes(each).startswith(b"[") for each in vectors):
            raise Malformed("answered with embeddings that are no lists of numbers")
        if self._is_older:
            return {"embedding": vectors[0]}
        return embedded(
            self._model,
            vectors,
            took_s=self._clock() - self._record.started,
            tokens=found.usage.prompt_tokens if found.usage is not None else 0,
        )


def embedded(model: str, vectors: Sequence[object], *, took_s: float = 0.0, tokens: int = 0) -> dict[str, Any]:
    """`/api/embed`'s answer."""
    told: dict[str, Any] = {"model": model, "embeddings": vectors, "total_duration": nanoseconds(took_s)}
    return told | {"load_duration": 0, "prompt_eval_count": tokens}
