"""The one door: an ASGI callable in front of Litestar.

Every request is admitted, numbered, recorded and, should it fail, answered here. The hot routes are served at
once, without a framework in between; everything else goes on to Litestar, under the same rules.

What a configuration made (keys, routes, providers) are its `Rooms`. A reload brings new ones; whoever is inside
the old ones finishes there.
"""

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from router.api.admission import Client, Door, request_id_of, require_admin
from router.api.call import REQUEST_ID, Receive, Reply, Scope, Send, date_header
from router.api.cors import Cors, beside
from router.api.dialects import dialect_of
from router.api.fields import FIELDS, Fields, fields_of
from router.api.hot import HotRoute, HotRoutes
from router.api.limiter import Limiter
from router.api.sockets import SocketRoute, Sockets
from router.domain import Endpoint
from router.errors import ClientGone, MethodNotAllowed, RouterError
from router.outcomes import Outcome, outcome_of, outcome_of_status
from router.ports import Header, Monotonic, Observer, Record

_log = logging.getLogger(__name__)


_LABELS: Final = {endpoint: endpoint.value for endpoint in Endpoint}  # `value` is a property, and slow


def plain_path(path: str) -> str:
    """One spelling for every path, before anybody decides by it: Litestar takes `//admin` for `/admin`."""
    if "//" not in path and not path.endswith("/"):
        return path
    return re.sub("/{2,}", "/", path).rstrip("/") or "/"


@dataclass(slots=True)
class Rooms:
    """What requests of one configuration pass through, and how many are inside."""

    door: Door
    cors: Cors
    limiter: Limiter
    hot: HotRoutes
    _visitors: int = 0
    _is_empty: asyncio.Event | None = None  # while somebody waits for it

    def enter(self) -> None:
        """One more is inside, until it leaves."""
        self._visitors += 1

    def leave(self) -> None:
        self._visitors -= 1
        if self._is_empty is not None and not self._visitors:
            self._is_empty.set()

    async def until_empty(self) -> None:
        """Returns when nobody is inside."""
        if self._visitors:
            self._is_empty = self._is_empty or asyncio.Event()
            await self._is_empty.wait()


class Entry:
    """See the module. `rest` is Litestar."""

    def __init__(
        self,
        rooms: Rooms,
        rest: Any,
        observer: Observer,
        clock: Monotonic,
        sockets: Mapping[str, SocketRoute] | None = None,
    ) -> None:
        self.rooms = rooms
        self._sockets = Sockets(sockets or {}, lambda: self.rooms, observer, clock)
        self._rest = rest
        self._observer = observer
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._serve_other(scope, receive, send)
            return
        path = plain_path(scope["path"])
        if path != scope["path"]:
            scope = {**scope, "path": path}
        rooms = self.rooms
        route = rooms.hot.find(path)
        label = _LABELS[route.endpoint] if route is not None else "other"
        fields = scope.get(FIELDS) or fields_of(scope["headers"])
        record = Record(request_id_of(fields), label, self._clock())
        self._observer.request_started(record)
        rooms.enter()
        try:
            await self._answer(rooms, route, fields, scope, receive, send, record)
        except asyncio.CancelledError:
            record.outcome = Outcome.CALLER_GONE
            raise
        finally:
            rooms.leave()
            record.finished = self._clock()
            self._observer.request_finished(record)

    def is_socket_path(self, path: str) -> bool:
        """Whether a connection may become a WebSocket there."""
        return self._sockets.has(path)

    async def _serve_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._sockets.serve(plain_path(scope["path"]), scope, receive, send)
        else:
            await self._rest(scope, receive, send)

    async def _answer(
        self,
        rooms: Rooms,
        route: HotRoute | None,
        fields: Fields,
        scope: Scope,
        receive: Receive,
        send: Send,
        record: Record,
    ) -> None:
        """Serve, or render what went wrong."""
        path = scope["path"]
        extra = rooms.cors.headers_for(fields) if b"origin" in fields else ()
        reply = Reply(send, record, dialect_of(path, fields), self._clock, extra)
        try:
            if scope["method"] == "OPTIONS":
                preflight = rooms.cors.preflight(fields)
                if preflight is not None:
                    await reply.whole(204, preflight, b"")
                    return
            client = rooms.door.admit(path, fields)
            record.client = client.name
            if route is None:
                await self._serve_rest(scope, receive, send, client, record, extra)
            elif scope["method"] != "POST":
                raise MethodNotAllowed(f"{path} takes POST.", allow="POST")
            else:
                if client.requests_per_minute is not None:
                    rooms.limiter.count(client)
                await rooms.hot.serve(route, client, fields, scope, receive, reply, record)
        except ClientGone:
            record.outcome = Outcome.CALLER_GONE
        except RouterError as error:
            record.outcome = outcome_of(error)
            await reply.fail(error)
        except Exception:
            record.outcome = Outcome.ROUTER_ERROR
            _log.exception("request %s failed inside the router", record.request_id)
            await reply.fail(RouterError("The router failed; its log tells more under this request's id."))

    async def _serve_rest(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        client: Client,
        record: Record,
        extra: Sequence[Header],
    ) -> None:
        if scope["path"].startswith("/admin"):
            require_admin(client)

        async def send_with_id(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                record.first_byte = self._clock()
                own = [(b"x-request-id", record.request_id.encode()), date_header()]
                message = {**message, "headers": beside([*message["headers"], *own], extra)}
                record.outcome = outcome_of_status(record.status)
            await send(message)

        # Litestar knows no HEAD of its own; the server leaves the body out (RFC 9110 §9.3.2).
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        scope = {**scope, "method": method, "router.client": client, REQUEST_ID: record.request_id}
        await self._rest(scope, receive, send_with_id)
