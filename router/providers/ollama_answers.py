"""What Ollama's OpenAI routes leave out of an answer that fails, and who waits for an answer's beginning and end.

A failure in the middle of a stream is swallowed there: a chunk without a model's name is written, and the body
ends as a whole one does, but without `[DONE]` (middleware/openai.go of 2026-08-21, fb30760). So such an end is a
fault.
"""

from collections.abc import Callable
from typing import Final

from router.errors import Malformed, UpstreamFault
from router.ports import ResponseHead, Sink

_DONE: Final = b"[DONE]"
_TAIL_BYTES: Final = 32  # `data: [DONE]` and the ends of its lines, be it cut in two
_BEGIN: Final = b"data:"
_NAMELESS: Final = b'"model":""'  # in a text its quotes would be escaped


class WatchedAnswer:
    """Implements `ports.Sink` before another. `ends_with_done`: its events end with `[DONE]`. `begun` is told the
    head of a good answer, `over` that it is whole."""

    __slots__ = ("_begun", "_ends_with_done", "_fault", "_is_good", "_over", "_sink", "_tail")

    def __init__(
        self, sink: Sink, *, ends_with_done: bool, begun: Callable[[ResponseHead], None], over: Callable[[], None]
    ) -> None:
        self._sink = sink
        self._ends_with_done = ends_with_done
        self._begun = begun
        self._over = over
        self._is_good = False
        self._fault = False
        self._tail = b""

    def head(self, head: ResponseHead) -> None:
        self._is_good = head.status == 200
        self._ends_with_done = (
            self._ends_with_done and self._is_good and head.content_type.startswith(b"text/event-stream")
        )
        self._begun(head)
        self._sink.head(head)

    def data(self, chunk: bytes) -> None:
        if self._fault:
            return
        if self._ends_with_done:
            if (at := chunk.find(_NAMELESS)) >= 0:
                before = chunk[: max(0, chunk.rfind(_BEGIN, 0, at))]
                if before:
                    self._sink.data(before)
                self._fail()
                return
            self._tail = chunk[-_TAIL_BYTES:] if len(chunk) >= _TAIL_BYTES else (self._tail + chunk)[-_TAIL_BYTES:]
        self._sink.data(chunk)

    def end(self) -> None:
        if self._fault:
            return
        if self._ends_with_done and _DONE not in self._tail:
            self._fail()
            return
        self._sink.end()
        if self._is_good:
            self._over()

    def error(self, fault: UpstreamFault) -> None:
        if not self._fault:
            self._sink.error(fault)

    def _fail(self) -> None:
        self._fault = True
        self._sink.error(Malformed("failed while it answered, and does not say why; its own log does"))
