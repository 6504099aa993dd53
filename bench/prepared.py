"""The mock upstream's answers, prepared before anybody asks, so that giving one costs a write and no thought."""

import functools
import json
import random
from dataclasses import dataclass
from typing import Final

from bench.cases import AUDIO_BYTES, EMBEDDING_INPUTS, EVENTS_PER_BURST, LARGE_AUDIO_BYTES, MODELS

WIDE_PATH: Final = b"/wide/"  # .../NN/v1: as many providers as are asked for, each with models of its own
MODELS_PER_WIDE: Final = 500
_SERVING_WIDE: Final = (
    2  # that many of them list the benchmark's models too: two candidates, as in the small house
)
_DIMENSIONS: Final = 1536
_AS_OF: Final = "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: mock\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A whole answer, head and all; `events`: how many are in it."""

    content: bytes
    events: int = 0


def whole(content_type: str, body: bytes) -> bytes:
    """An answer of 200 with its length told beforehand."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{_AS_OF}"
    return head.encode() + body


def chunk(body: bytes) -> bytes:
    """A piece of a chunked answer (RFC 9112, 7.1)."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def event(stamp_ns: int) -> bytes:
    """A chat completion chunk. The stamp (CLOCK_MONOTONIC, when it was sent) is part of the text, because some
    gateways write events anew and lose every field that they do not know."""
    return (
        b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1767225600,"model":"bench",'
        b'"choices":[{"index":0,"delta":{"content":" @%d"},"finish_reason":null}]}\n\n' % stamp_ns
    )


@functools.cache
def listing(path: bytes) -> bytes:
    """What `GET /v1/models` says."""
    names = list(MODELS)
    if path.startswith(WIDE_PATH):
        number = int(path.split(b"/", 3)[2])
        own = [f"house-{number:02}/model-{n:03}" for n in range(MODELS_PER_WIDE)]
        names = own + (names if number < _SERVING_WIDE else [])
    document = {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}
    return whole("application/json", json.dumps(document).encode())


def _completion() -> bytes:
    message = {"role": "assistant", "content": "The first one that is awake. " * 8}
    document = {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1767225600,
        "model": "bench",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 37, "completion_tokens": 56, "total_tokens": 93},
    }
    return json.dumps(document).encode()


def _embeddings() -> bytes:
    """About 1 MB: many inputs at once, a thousand and a half numbers for each."""
    numbers = random.Random(2)  # noqa: S311  any numbers do
    data = [
        {
            "object": "embedding",
            "index": n,
            "embedding": [round(numbers.uniform(-0.1, 0.1), 6) for _ in range(_DIMENSIONS)],
        }
        for n in range(EMBEDDING_INPUTS)
    ]
    usage = {"prompt_tokens": 1024, "total_tokens": 1024}
    document = {"object": "list", "data": data, "model": "bench-embeddings", "usage": usage}
    return json.dumps(document, separators=(",", ":")).encode()


def _audio(size: int) -> bytes:
    return whole("audio/mpeg", random.Random(1).randbytes(size))  # noqa: S311  as dense as audio is


STREAM_HEAD: Final = (
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    f"Transfer-Encoding: chunked\r\nX-Accel-Buffering: no\r\n{_AS_OF}"
).encode()
STREAM_END: Final = chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
_BURST: Final = STREAM_HEAD + b"".join(chunk(event(0)) for _ in range(EVENTS_PER_BURST - 1)) + STREAM_END
WHOLE: Final = {
    b"bench-json": Prepared(whole("application/json", _completion())),
    b"bench-burst": Prepared(_BURST, EVENTS_PER_BURST),
    b"bench-audio": Prepared(_audio(AUDIO_BYTES)),
    b"bench-large": Prepared(_audio(LARGE_AUDIO_BYTES)),
    b"bench-embeddings": Prepared(whole("application/json", _embeddings())),
}
