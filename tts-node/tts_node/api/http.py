"""ASGI tools that every route shares: reading a body, noticing that the client left, rendering errors."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from tts_node.errors import BodyTimeout, ClientGone, MethodNotAllowed, NodeError, NotFound, TooLarge

T = TypeVar("T")


def json_response(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON by msgspec."""
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def error_content(error: NodeError) -> dict[str, Any]:
    """OpenAI's shape, always with all four keys."""
    return {
        "error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code},
    }


def error_response(error: NodeError) -> Response:
    """The one place where errors become HTTP."""
    headers: dict[str, str] = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return json_response(error_content(error), error.status, headers)


async def on_node_error(_request: Request, exc: Exception) -> Response:
    """Starlette's handler for our own tree."""
    assert isinstance(exc, NodeError)
    return error_response(exc)


async def on_route_error(request: Request, exc: Exception) -> Response:
    """Starlette's own 404 and 405, in the same shape."""
    where = f"{request.method} {request.url.path}"
    if getattr(exc, "status_code", 404) == 405:
        response = error_response(MethodNotAllowed(f"{where}: not this method.", code="method_not_allowed"))
        response.headers.update(getattr(exc, "headers", None) or {})
        return response
    return error_response(NotFound(f"{where}: no such route.", code="route_not_found"))


async def on_fault(_request: Request, _exc: Exception) -> Response:
    """Ours. Starlette raises it again afterwards, so that it is logged with its trace."""
    return error_response(NodeError("The node failed; its log says why.", code="internal_error"))


async def on_gone(_request: Request, _exc: Exception) -> Response:
    """For nobody: the client left before its request was whole."""
    return Response(status_code=400)


async def read_body(scope: Scope, receive: Receive, limit_bytes: int, timeout_s: float) -> bytes:
    """The whole body. Raises TooLarge (before reading, when announced), BodyTimeout, ClientGone."""
    announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if announced.isdigit() and int(announced) > limit_bytes:
        raise _too_large(limit_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                body += message.get("body", b"")
                if len(body) > limit_bytes:
                    raise _too_large(limit_bytes)
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError as exc:
        raise BodyTimeout(f"The body did not arrive within {timeout_s:g} s.", code="body_timeout") from exc


async def put(send: Send, message: Message, stall_s: float) -> None:
    """Sends; a client that does not read for so long is as good as gone (ClientGone)."""
    try:
        async with asyncio.timeout(stall_s):
            await send(message)
    except TimeoutError as exc:
        raise ClientGone from exc


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """The work's result; cancels it and raises ClientGone as soon as the client leaves. The body must be read."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.wait((working, watching))


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"The body is longer than {limit_bytes} bytes.", code="body_too_large")
