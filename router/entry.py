"""The one door: an ASGI callable in front of Litestar.

Every request is admitted, numbered, recorded and, should it fail, answered here. The hot routes are served at
once, without a framework in between; everything else goes on to Litestar, under the same rules.
"""

import asyncio
import logging
from typing import Any

from router.api.admission import Client, Door, request_id_of, require_admin
from router.api.call import Receive, Reply, Scope, Send, date_header
from router.api.dialects import dialect_of
from router.api.hot import HOT_PATHS, HotRoutes
from router.errors import ClientGone, MethodNotAllowed, RouterError
from router.outcomes import Outcome, outcome_of, outcome_of_status
from router.ports import Monotonic, Observer, Record

_log = logging.getLogger(__name__)


class Entry:
    """See the module. `rest` is Litestar."""

    def __init__(self, hot: HotRoutes, rest: Any, door: Door, observer: Observer, clock: Monotonic) -> None:
        self._hot = hot
        self._rest = rest
        self._door = door
        self._observer = observer
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        path: str = scope["path"]
        endpoint = HOT_PATHS.get(path)
        label = endpoint.value if endpoint is not None else "other"
        record = Record(request_id_of(scope["headers"]), label, self._clock())
        reply = Reply(send, record, dialect_of(path), self._clock)
        self._observer.request_started(record)
        try:
            client = self._door.admit(path, scope["headers"])
            record.client = client.name
            if endpoint is None:
                await self._serve_rest(scope, receive, send, client, record)
            elif scope["method"] != "POST":
                raise MethodNotAllowed(f"{path} takes POST.", allow="POST")
            else:
                await self._hot.serve(endpoint, scope, receive, reply, record)
        except ClientGone:
            record.outcome = Outcome.CALLER_GONE
        except RouterError as error:
            record.outcome = outcome_of(error)
            await reply.fail(error)
        except asyncio.CancelledError:
            record.outcome = Outcome.CALLER_GONE
            raise
        except Exception:
            record.outcome = Outcome.ROUTER_ERROR
            _log.exception("request %s failed inside the router", record.request_id)
            await reply.fail(RouterError("The router failed; its log tells more under this request's id."))
        finally:
            record.finished = self._clock()
            self._observer.request_finished(record)

    async def _serve_rest(
        self, scope: Scope, receive: Receive, send: Send, client: Client, record: Record
    ) -> None:
        if scope["path"].startswith("/admin"):
            require_admin(client)

        async def send_with_id(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                record.first_byte = self._clock()
                own = [(b"x-request-id", record.request_id.encode()), date_header()]
                message = {**message, "headers": [*message["headers"], *own]}
                record.outcome = outcome_of_status(record.status)
            await send(message)

        # Litestar knows no HEAD of its own; the server leaves the body out (RFC 9110 §9.3.2).
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        inner = {**scope, "method": method, "router.client": client.name}
        await self._rest(inner, receive, send_with_id)
