"""Answers of the servers behind a router, as they go over the wire. (`bench.instructions` has its own: figures
that are compared for months must not change with these.)"""

import json
import time
from typing import Final


def whole(content_type: str, body: bytes, more: str = "") -> bytes:
    """An answer of 200 with its length told beforehand; `more`: lines of its head."""
    return head_of(content_type, len(body), more) + body


def head_of(content_type: str, size: int, more: str = "") -> bytes:
    """The head of an answer of 200 whose body has `size` bytes."""
    return f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {size}\r\n{more}\r\n".encode()


def json_of(document: object) -> bytes:
    """An answer that is JSON."""
    return whole("application/json", json.dumps(document).encode())


def stream_head(more: str = "") -> bytes:
    """Of a stream of events."""
    return (
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
        f"Transfer-Encoding: chunked\r\n{more}\r\n"
    ).encode()


def chunk(data: bytes) -> bytes:
    """A piece of a chunked answer (RFC 9112, 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(document: object) -> bytes:
    """A chunk that is one event of a stream."""
    return chunk(b"data: " + json.dumps(document).encode() + b"\n\n")


STREAM_END: Final = chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def chat_event(content: str) -> bytes:
    """A chat completion chunk, in its chunk."""
    return chunk(
        b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1767225600,"model":"bench",'
        b'"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}\n\n' % content.encode()
    )


def stamped_event() -> bytes:
    """One that says when it was sent (CLOCK_MONOTONIC, ns). The stamp is part of the text, because some gateways
    write events anew and lose every field that they do not know."""
    return chat_event(f" @{time.monotonic_ns()}")


def completion(model: str = "bench", content: str = "The first one that is awake. " * 8) -> dict[str, object]:
    """What a chat is answered with."""
    message = {"role": "assistant", "content": content}
    return {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1767225600,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 37, "completion_tokens": 56, "total_tokens": 93},
    }


def models(*names: str, **more: str) -> dict[str, object]:
    """What `GET /v1/models` says; `more`: of each."""
    return {"object": "list", "data": [{"id": name, "object": "model", **more} for name in names]}
