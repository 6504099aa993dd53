"""The plain proxies: `python -m bench.plain_proxy plain|seed PORT UPSTREAM_PORT`.

Litestar handlers and httpx, as the documents that the router grew from show it for speech: the request is read as
JSON, sent on with `httpx.AsyncClient`, and the answer given back. `seed` makes a client for each request, as they
do; `plain` has one for all. Streams are passed on as they come, or there would be nothing to compare.
"""

import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import httpx
import uvicorn
from litestar import Litestar, Request, Response, post
from litestar.response import Stream

_TIMEOUT_S: Final = 120.0


def application(upstream_url: str, is_pooled: bool) -> Litestar:
    """The proxy before `upstream_url`, which has no slash at its end."""
    # Unlimited, for the default of 100 connections would let 256 streams wait for each other.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    pool = httpx.AsyncClient(timeout=_TIMEOUT_S, limits=limits) if is_pooled else None

    def client() -> AbstractAsyncContextManager[httpx.AsyncClient]:
        return contextlib.nullcontext(pool) if pool is not None else httpx.AsyncClient(timeout=_TIMEOUT_S)

    async def events(url: str, body: object) -> AsyncIterator[bytes]:
        async with client() as upstream, upstream.stream("POST", url, json=body) as answer:
            async for piece in answer.aiter_bytes():
                yield piece

    @post("/v1/{path:path}", status_code=200)
    async def forward(request: Request[Any, Any, Any], path: str) -> Response[bytes] | Stream:
        body = await request.json()
        url = f"{upstream_url}/v1{path}"
        if body.get("stream"):
            return Stream(events(url, body), media_type="text/event-stream")
        async with client() as upstream:
            answer = await upstream.post(url, json=body)
        media_type = answer.headers.get("content-type")
        return Response(answer.content, status_code=answer.status_code, media_type=media_type)

    async def close() -> None:
        if pool is not None:
            await pool.aclose()

    return Litestar([forward], openapi_config=None, on_shutdown=[close], request_max_body_size=None)


def main() -> None:
    """Serve until the process is ended."""
    name, port, upstream_port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    app = application(f"http://127.0.0.1:{upstream_port}", is_pooled=name == "plain")
    uvicorn.run(app, port=port, log_level="warning", access_log=False, loop="uvloop", http="httptools")


if __name__ == "__main__":
    main()
