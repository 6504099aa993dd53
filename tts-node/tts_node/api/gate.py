"""The outermost ASGI layer: names each request, lets in who may, and answers who may not."""

import re
import uuid
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tts_node.api.access import Access
from tts_node.api.http import error_response
from tts_node.domain import Outcome
from tts_node.errors import NodeError

_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


def request_id_of(headers: list[tuple[bytes, bytes]]) -> bytes:
    """The client's own X-Request-Id when it is sane, else a new one."""
    for name, value in headers:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return value
    return uuid.uuid4().hex.encode()


class Gate:
    """Pure ASGI. Every answer carries X-Request-Id, and `scope["state"]` its text."""

    def __init__(self, app: ASGIApp, access: Access, on_denied: Callable[[Outcome], None]) -> None:
        self._app = app
        self._access = access
        self._on_denied = on_denied

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        assert scope["type"] == "http"  # the server is started without lifespan and websockets
        request_id = request_id_of(scope["headers"])
        scope.setdefault("state", {})["request_id"] = request_id.decode()

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id)]
            await send(message)

        try:
            self._access.check(scope["method"], scope["path"], scope["headers"])
        except NodeError as exc:
            self._on_denied(exc.outcome)
            await error_response(exc)(scope, receive, send_named)
            return
        await self._app(scope, receive, send_named)
