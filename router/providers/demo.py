"""A built-in stand-in for a language model: it answers every chat by telling how to connect a real one.

It goes through the same dispatch as any other upstream, paced like one, so it also shows that the router, a
client and a page work before any model is installed. It is never a fallback for another model.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from router.domain import Endpoint, Model, ProviderCard
from router.health import HostSign, ProviderSign
from router.ports import Body, Exchange, Header, Probe, ResponseHead, Sink
from router.transport.pumped import PumpedExchange

MODEL: Final = "demo"
ANSWER: Final = (
    "Hello from Local AI Router! The router works; this answer is built in, because no language model was asked "
    "for. To connect a real one, start an LLM server on this machine, for example Ollama: install it, then run "
    "`ollama pull llama3.2`. The router finds it within a second, and GET /v1/models lists its models. An LLM "
    "on another machine goes into config/providers.yaml."
)
_CREATED: Final = 1_767_225_600  # 2026-01-01: the demo does not change
_CHAT_ONLY: Final = (
    b'{"error":{"message":"The demo only chats.","type":"invalid_request_error",'
    b'"param":"model","code":"model_not_found"}}'
)
_SERVES: Final = frozenset({Endpoint.CHAT, Endpoint.COMPLETIONS})


class Demo:
    """Implements `ports.ForwardProvider`."""

    def __init__(self, card: ProviderCard, words_per_s: float) -> None:
        self.card = card
        self._pause_s = 1 / words_per_s
        self._tasks: set[asyncio.Task[None]] = set()

    def redact(self, text: str) -> str:
        return text

    async def probe(self) -> Probe:
        return Probe(HostSign.ANSWERED, ProviderSign.READY, "", (Model(MODEL),))

    async def touch(self) -> Probe:
        return await self.probe()

    async def warm(self, model: str | None = None) -> None:
        """Nothing to load."""

    async def send(
        self, endpoint: Endpoint, headers: Sequence[Header], body: Body, sink: Sink, *, is_once: bool = False
    ) -> Exchange:
        """See `ports.ForwardProvider.send`."""
        del headers, is_once  # nothing in them changes the answer
        assert isinstance(body, bytes), "it only chats"
        request = msgspec.json.decode(body)
        answer = _Answer(endpoint, request)
        exchange = PumpedExchange(sink)

        async def pump() -> None:
            await exchange.pour(answer.head(), answer.chunks(self._pause_s))

        exchange.start(pump, self._tasks)
        return exchange

    async def aclose(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Answer:
    """The bytes of one answer, in OpenAI's shapes (openai-openapi 2.3.0): keys that it requires are there though
    they are null. A word is a token, so that `max_tokens` cuts it short."""

    def __init__(self, endpoint: Endpoint, request: Mapping[str, Any]) -> None:
        stream_options = request.get("stream_options")
        words = ANSWER.split(" ")
        wanted = words[: _most_words(request)]
        self.endpoint = endpoint
        self.is_streamed = bool(request.get("stream"))
        self.words = [word + " " for word in wanted[:-1]] + wanted[-1:]
        self.finish_reason = "stop" if len(wanted) == len(words) else "length"
        self.wants_usage = isinstance(stream_options, dict) and bool(stream_options.get("include_usage"))

    @property
    def text(self) -> str:
        return "".join(self.words)

    @property
    def usage(self) -> dict[str, int]:
        return {"prompt_tokens": 0, "completion_tokens": len(self.words), "total_tokens": len(self.words)}

    def head(self) -> ResponseHead:
        status = 200 if self.endpoint in _SERVES else 404
        media_type = b"text/event-stream; charset=utf-8" if self._is_event_stream else b"application/json"
        headers = [(b"content-type", media_type)]
        if not self._is_event_stream:
            headers.append((b"content-length", str(len(self._body())).encode()))
        return ResponseHead(status, headers)

    async def chunks(self, pause_s: float) -> AsyncIterator[bytes]:
        if self._is_event_stream:
            async for event in self.events(pause_s):
                yield event
        else:
            yield self._body()

    def _body(self) -> bytes:
        return self.whole() if self.endpoint in _SERVES else _CHAT_ONLY

    @property
    def _is_event_stream(self) -> bool:
        return self.is_streamed and self.endpoint in _SERVES

    def whole(self) -> bytes:
        if self.endpoint is Endpoint.CHAT:
            message: dict[str, object] = {
                "role": "assistant",
                "content": self.text,
                "refusal": None,
                "annotations": [],
            }
            choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}
            return self._document("chat.completion", [choice], usage=self.usage)
        choice = {"index": 0, "text": self.text, "finish_reason": self.finish_reason, "logprobs": None}
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
        finish = self.finish_reason if word is None else None
        if self.endpoint is Endpoint.CHAT:
            delta = {"role": "assistant"} if is_first else {}
            if word is not None:
                delta["content"] = word
            choice: dict[str, object] = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        else:
            choice = {"index": 0, "text": word or "", "finish_reason": finish, "logprobs": None}
        return self._document(self._kind, [choice])

    def _document(self, kind: str, choices: list[dict[str, object]], **more: object) -> bytes:
        document = {
            "id": "chatcmpl-demo" if self.endpoint is Endpoint.CHAT else "cmpl-demo",
            "object": kind,
            "created": _CREATED,
            "model": MODEL,
            "choices": choices,
            **more,
        }
        return msgspec.json.encode(document)


def _most_words(request: Mapping[str, Any]) -> int | None:
    """`max_tokens` is the older name, and the only one of `/completions`; what is no number sets no bound."""
    asked = (request.get(name) for name in ("max_completion_tokens", "max_tokens"))
    return next((count for count in asked if type(count) is int and count > 0), None)


def _event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"
