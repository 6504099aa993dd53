"""A built-in stand-in for a language model: it answers every chat by telling how to connect a real one.

It goes through the same dispatch as any other upstream, paced like one, so it also shows that the router, a
client and a page work before any model is installed. It is never a fallback for another model.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec

from router.domain import Endpoint, Model, ProviderCard
from router.health import HostSign, ProviderSign
from router.ports import Exchange, Header, Probe, ResponseHead, Sink

MODEL: Final = "demo"
ANSWER: Final = (
    "Hello from Local AI Router! The router works; this answer is built in, because no language model was asked "
    "for. To connect a real one, start an LLM server on this machine, for example Ollama: install it, then run "
    "`ollama pull llama3.2`. The router finds it within a second, and GET /v1/models lists its models. An LLM "
    "on another machine goes into config/providers.yaml."
)
_CREATED: Final = 1_767_225_600  # 2026-01-01: the demo does not change
_SERVES: Final = frozenset({Endpoint.CHAT, Endpoint.COMPLETIONS})


class Demo:
    """Implements `ports.ForwardProvider`."""

    def __init__(self, card: ProviderCard, words_per_s: float) -> None:
        self.card = card
        self._pause_s = 1 / words_per_s
        self._tasks: set[asyncio.Task[None]] = set()

    async def probe(self) -> Probe:
        return Probe(HostSign.ANSWERED, ProviderSign.READY, "", (Model(MODEL),))

    async def touch(self) -> Probe:
        return await self.probe()

    async def warm(self) -> None:
        """Nothing to load."""

    async def send(self, endpoint: Endpoint, headers: Sequence[Header], body: bytes, sink: Sink) -> Exchange:
        """See `ports.ForwardProvider.send`."""
        del headers  # nothing in them changes the answer
        request = msgspec.json.decode(body)
        answer = _Answer(endpoint, bool(request.get("stream")), request.get("stream_options") or {})
        exchange = _DemoExchange(answer, self._pause_s, sink)
        task = asyncio.get_running_loop().create_task(exchange.run())
        exchange.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return exchange

    async def aclose(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Answer:
    """The bytes of one answer, in OpenAI's shapes."""

    def __init__(self, endpoint: Endpoint, is_streamed: bool, stream_options: Any) -> None:
        self.endpoint = endpoint
        self.is_streamed = is_streamed
        self.words = [word + " " for word in ANSWER.split(" ")]
        self.words[-1] = self.words[-1].rstrip()
        self.wants_usage = isinstance(stream_options, dict) and bool(stream_options.get("include_usage"))

    @property
    def usage(self) -> dict[str, int]:
        return {"prompt_tokens": 0, "completion_tokens": len(self.words), "total_tokens": len(self.words)}

    def whole(self) -> bytes:
        if self.endpoint is Endpoint.CHAT:
            message = {"role": "assistant", "content": ANSWER}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return self._document("chat.completion", [choice], usage=self.usage)
        choice = {"index": 0, "text": ANSWER, "finish_reason": "stop", "logprobs": None}
        return self._document("text_completion", [choice], usage=self.usage)

    async def events(self, pause_s: float) -> AsyncIterator[bytes]:
        for index, word in enumerate(self.words):
            yield _event(self._chunk(word, is_first=index == 0))
            await asyncio.sleep(pause_s)
        yield _event(self._chunk(None))
        if self.wants_usage:
            yield _event(self._document(self._kind, [], usage=self.usage))
        yield _event(b"[DONE]")

    @property
    def _kind(self) -> str:
        return "chat.completion.chunk" if self.endpoint is Endpoint.CHAT else "text_completion"

    def _chunk(self, word: str | None, *, is_first: bool = False) -> bytes:
        finish = "stop" if word is None else None
        if self.endpoint is Endpoint.CHAT:
            delta = {"role": "assistant"} if is_first else {}
            if word is not None:
                delta["content"] = word
            choice: dict[str, object] = {"index": 0, "delta": delta, "finish_reason": finish}
        else:
            choice = {"index": 0, "text": word or "", "finish_reason": finish, "logprobs": None}
        return self._document(self._kind, [choice])

    def _document(self, kind: str, choices: list[dict[str, object]], **more: object) -> bytes:
        document = {
            "id": "demo",
            "object": kind,
            "created": _CREATED,
            "model": MODEL,
            "choices": choices,
            **more,
        }
        return msgspec.json.encode(document)


class _DemoExchange:
    """An answer on its way to a sink."""

    def __init__(self, answer: _Answer, pause_s: float, sink: Sink) -> None:
        self._answer = answer
        self._pause_s = pause_s
        self._sink = sink
        self._may_run = asyncio.Event()
        self._may_run.set()
        self.task: asyncio.Task[None] | None = None

    def pause(self) -> None:
        self._may_run.clear()

    def resume(self) -> None:
        self._may_run.set()

    def abort(self) -> None:
        if self.task is not None:
            self.task.cancel()

    async def run(self) -> None:
        answer, sink = self._answer, self._sink
        if answer.endpoint not in _SERVES:
            self._send_whole(
                404,
                b'{"error":{"message":"The demo only chats.","type":"invalid_request_error",'
                b'"param":"model","code":"model_not_found"}}',
            )
            return
        if not answer.is_streamed:
            self._send_whole(200, answer.whole())
            return
        sink.head(ResponseHead(200, [(b"content-type", b"text/event-stream; charset=utf-8")]))
        async for event in answer.events(self._pause_s):
            await self._may_run.wait()
            sink.data(event)
        sink.end()

    def _send_whole(self, status: int, body: bytes) -> None:
        length = str(len(body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        self._sink.head(ResponseHead(status, headers))
        self._sink.data(body)
        self._sink.end()


def _event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"
