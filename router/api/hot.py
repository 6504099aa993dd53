"""The hot routes, served before any framework: each takes a call from its body to the answer's last byte.

What a path means is one look-up. Each client dialect's module knows its paths and what they do (`HotRoute`); here
they come together.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from router.api.admission import Client
from router.api.call import Presence, Receive, Reply, Scope
from router.api.fields import Fields
from router.api.visit import Visit
from router.domain import Endpoint
from router.ports import Header, Record

T = TypeVar("T")


class HotRoute(NamedTuple):
    """What is done for a path. `endpoint` is its label in logs and metrics. Either of the two serves: `serve` gets
    the whole body, `serve_upload` reads it itself."""

    endpoint: Endpoint
    serve: Callable[[Visit, bytes], Awaitable[None]] | None = None
    serve_upload: Callable[[Visit, Presence], Awaitable[None]] | None = None


class Room(Protocol):
    """Has hot routes, by path. A path that ends with a slash means all that is below it."""

    def routes(self) -> Mapping[str, HotRoute]: ...


@dataclass(frozen=True, slots=True)
class HotRoutes:
    """All of them. `exact`: by path. `below`: by what a path begins with, for those that name a voice; the first
    that fits. `via` marks what this router passes on."""

    exact: Mapping[str, HotRoute]
    below: Sequence[tuple[str, HotRoute]]
    via: Header
    max_body_bytes: int
    rooms: Sequence[Room] = ()

    @classmethod
    def of(cls, rooms: Iterable[Room], via: Header, max_body_bytes: int) -> "HotRoutes":
        rooms = tuple(rooms)
        every = {path: route for room in rooms for path, route in room.routes().items()}
        exact = {path: route for path, route in every.items() if not path.endswith("/")}
        below = tuple((path, route) for path, route in every.items() if path.endswith("/"))
        return cls(exact, below, via, max_body_bytes, rooms)

    def find(self, path: str) -> HotRoute | None:
        """What serves `path`; None for the rest of the house."""
        found = self.exact.get(path)
        if found is None:
            for prefix, route in self.below:
                if path.startswith(prefix):
                    return route
        return found

    def room(self, kind: type[T]) -> T:
        """The room of that kind, for those who have no request to be served with. Raises LookupError."""
        for room in self.rooms:
            if isinstance(room, kind):
                return room
        raise LookupError(kind.__name__)

    async def serve(
        self,
        route: HotRoute,
        client: Client,
        fields: Fields,
        scope: Scope,
        receive: Receive,
        reply: Reply,
        record: Record,
    ) -> None:
        """Answer one call. Raises RouterError."""
        query = scope.get("query_string", b"")
        visit = Visit(
            route.endpoint, scope["path"], client, fields, scope["headers"], reply, record, self.via, query
        )
        async with Presence(scope, receive, reply) as client_is_there:
            if route.serve is not None:
                await route.serve(visit, await client_is_there.read_body(fields, self.max_body_bytes))
            elif route.serve_upload is not None:
                await route.serve_upload(visit, client_is_there)
