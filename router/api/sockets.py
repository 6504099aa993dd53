"""The door for WebSockets: each is admitted, numbered, recorded and, should it fail, answered as any request is.

A connection outlives configurations: what it asks for is asked of the one that is in force then, and its key is
looked at anew. A page on somebody else's site could open one as well, and no browser would ask first (cross-site
WebSocket hijacking); so Origin is checked here always.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol

from router.api.admission import Client, Door, request_id_of
from router.api.call import Receive, Scope, Send
from router.api.dialects import dialect_of
from router.api.fields import Fields, fields_of
from router.api.hot import HotRoutes
from router.api.limiter import Limiter
from router.api.socket import Socket, close_code_of, with_key
from router.api.turns import Visited, counted
from router.domain import Endpoint
from router.errors import ClientGone, NotFound, RateLimited, RouterError
from router.outcomes import Outcome, outcome_of
from router.ports import Header, Monotonic, Observer, Record

_log = logging.getLogger(__name__)
MAX_SOCKETS: Final = 256  # open at once
_TRY_AGAIN_S: Final = 5.0


class Rooms(Visited, Protocol):
    """What is in force now."""

    @property
    def door(self) -> Door: ...
    @property
    def limiter(self) -> Limiter: ...
    @property
    def hot(self) -> HotRoutes: ...


class Turn(NamedTuple):
    """One utterance's: who asks, what is recorded of it, and the rooms that serve it."""

    client: Client
    fields: Fields
    record: Record
    hot: HotRoutes


class Turns(Protocol):
    """Gives a conversation its turns."""

    def turn(self, number: int) -> contextlib.AbstractContextManager[Turn]:
        """The `number`-th utterance's. Raises Unauthorized, Forbidden, RateLimited."""
        ...

    @property
    def hot(self) -> HotRoutes:
        """The rooms that are in force now."""
        ...


class SocketRoute(NamedTuple):
    """What is done for a path. `endpoint` is the connection's label in logs and metrics; what is asked on it has
    its own."""

    endpoint: Endpoint
    converse: Callable[[Socket, Turns, Monotonic], Awaitable[None]]


class Sockets:
    """All of them. `rooms`: those that are in force."""

    def __init__(
        self,
        routes: Mapping[str, SocketRoute],
        rooms: Callable[[], Rooms],
        observer: Observer,
        clock: Monotonic,
    ) -> None:
        self._routes = routes
        self._rooms = rooms
        self._observer = observer
        self._clock = clock
        self._open = 0

    def has(self, path: str) -> bool:
        """Whether a connection may become a WebSocket there."""
        return path in self._routes

    async def serve(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, from its offer to its end."""
        fields = with_key(fields_of(scope["headers"]))
        route = self._routes.get(path)
        label = route.endpoint.value if route is not None else "other"
        record = Record(request_id_of(fields), label, self._clock())
        socket = Socket(scope, receive, send, fields)
        self._observer.request_started(record)
        self._open += 1
        try:
            await self._serve(path, route, socket, record)
        except asyncio.CancelledError:
            record.outcome = Outcome.CALLER_GONE
            raise
        finally:
            self._open -= 1
            record.finished = self._clock()
            self._observer.request_finished(record)

    async def _serve(self, path: str, route: SocketRoute | None, socket: Socket, record: Record) -> None:
        try:
            rooms = self._rooms()
            rooms.door.check_origin(socket.fields)
            record.client = rooms.door.admit(path, socket.fields).name
            if route is None:
                raise NotFound(f"There is no {path[:200]}; GET /schema lists what there is.", code="unknown_route")
            if self._open > MAX_SOCKETS:
                raise RateLimited("Too many WebSockets are open.", retry_after_s=_TRY_AGAIN_S)
            await socket.accept([(b"x-request-id", record.request_id.encode())])
            record.status, record.first_byte = 101, self._clock()
            turns = _Turns(path, socket.fields, record, self._rooms, self._observer, self._clock)
            await route.converse(socket, turns, self._clock)
        except ClientGone:
            pass  # which is how conversations end
        except RouterError as error:
            record.outcome = outcome_of(error)
            await _fail(path, socket, record, error)
        except Exception:
            record.outcome = Outcome.ROUTER_ERROR
            _log.exception("request %s failed inside the router", record.request_id)
            failed = RouterError("The router failed; its log tells more under this request's id.")
            await _fail(path, socket, record, failed)


class _Turns:
    """One connection's. See Turns."""

    def __init__(
        self,
        path: str,
        fields: Fields,
        record: Record,
        rooms: Callable[[], Rooms],
        observer: Observer,
        clock: Monotonic,
    ) -> None:
        self._path = path
        self._fields = fields
        self._record = record
        self._rooms = rooms
        self._observer = observer
        self._clock = clock

    @property
    def hot(self) -> HotRoutes:
        return self._rooms().hot

    @contextlib.contextmanager
    def turn(self, number: int) -> Iterator[Turn]:
        rooms, request_id = self._rooms(), f"{self._record.request_id[:120]}.{number}"
        record = Record(request_id, Endpoint.SPEECH.value, self._clock(), client=self._record.client)
        with counted(record, rooms, self._observer, self._clock):
            client = rooms.door.admit(self._path, self._fields)
            record.client = client.name
            if client.requests_per_minute is not None:
                rooms.limiter.count(client)
            yield Turn(client, self._fields, record, rooms.hot)


async def _fail(path: str, socket: Socket, record: Record, error: RouterError) -> None:
    """Refuse the connection, or end it."""
    with contextlib.suppress(ClientGone):
        if socket.is_accepted:
            await socket.close(close_code_of(error), error.reason)
            return
        record.status = error.status
        headers: list[Header] = [
            (b"content-type", b"application/json"),
            (b"x-request-id", record.request_id.encode()),
            (b"x-router-error", error.reason.encode()),
        ]
        if error.retry_after_s is not None:
            headers.append((b"retry-after", str(max(1, round(error.retry_after_s))).encode()))
        body = dialect_of(path, socket.fields).body(error, record.request_id)
        await socket.refuse(error.status, headers, body)
