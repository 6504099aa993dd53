"""The routes. Each turns HTTP into one call of the node and its answer back into HTTP."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from tts_node import metrics
from tts_node.api.heartbeat import Heartbeat
from tts_node.api.http import (
    json_response,
    on_fault,
    on_gone,
    on_node_error,
    on_route_error,
    put,
    read_body,
    while_connected,
)
from tts_node.api.replies import Cut, Reply
from tts_node.api.speech_request import parse_speech_request
from tts_node.domain import SAMPLE_RATE, ModelState, Outcome
from tts_node.errors import ClientGone, NodeError
from tts_node.node import Model, Node, Order, draining
from tts_node.ports import Observer
from tts_node.settings import Settings
from tts_node.threads import Threads
from tts_node.voices.library import Library
from tts_node.voices.routes import VoiceRoutes

log = logging.getLogger(__name__)


class SpeechRoute:
    """`POST /v1/audio/speech`, an ASGI app: it owns `receive` and `send` from the first byte to the last."""

    def __init__(
        self,
        node: Node,
        settings: Settings,
        threads: Threads,
        observer: Observer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node = node
        self._settings = settings
        self._threads = threads
        self._observer = observer
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Counts and logs every end there is."""
        started_s = self._clock()
        outcome = Outcome.NODE_ERROR
        is_begun = False

        async def send_noting(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self._serve(scope, receive, send_noting, started_s)
            outcome = Outcome.OK
        except asyncio.CancelledError:  # only the server cancels, and only when the grace of its end is over
            outcome = Outcome.NODE_UNAVAILABLE
            if not is_begun:
                raise draining() from None
        except ClientGone:
            outcome = Outcome.CALLER_GONE
        except Cut as exc:
            outcome = exc.outcome  # returning without the last chunk makes the server close the connection
        except NodeError as exc:
            outcome = exc.outcome
            raise
        finally:
            duration_s = self._clock() - started_s
            self._observer.answered(outcome, duration_s)
            log.info("%s speech %s in %.3f s", scope["state"]["request_id"], outcome, duration_s)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, started_s: float) -> None:
        settings = self._settings
        body = await read_body(scope, receive, settings.body_limit_bytes, settings.body_timeout_s)
        order = self._node.order(parse_speech_request(body, settings.input_limit))
        order = await self._threads.run(self._node.scripted, order)
        await while_connected(receive, self._speak(order, send, started_s))

    async def _speak(self, order: Order, send: Send, started_s: float) -> None:
        reply = Reply(order, send, self._threads, self._settings.client_stall_s)

        def on_first() -> None:
            self._observer.first_audio(order.model.descriptor.id, self._clock() - started_s)

        async with self._node.speaking(order) as utterance:
            if order.request.is_sse:
                await reply.events(utterance, on_first)
            elif order.request.is_complete_reply(self._settings.complete_under_chars):
                await reply.complete(utterance, on_first)
            else:
                await reply.stream(utterance, on_first)


class EventsRoute:
    """`GET /events`."""

    def __init__(self, heartbeat: Heartbeat, stall_s: float) -> None:
        self._heartbeat = heartbeat
        self._stall_s = stall_s

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Beats until the goodbye or the listener's leaving."""
        async with self._heartbeat.listening() as events:
            with contextlib.suppress(ClientGone):
                await while_connected(receive, self._beat(send, events))

    async def _beat(self, send: Send, events: AsyncIterator[bytes]) -> None:
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
        await self._put(send, {"type": "http.response.start", "status": 200, "headers": headers})
        async for event in events:
            await self._put(send, {"type": "http.response.body", "body": event, "more_body": True})
        await self._put(send, {"type": "http.response.body", "body": b""})

    async def _put(self, send: Send, message: Message) -> None:
        await put(send, message, self._stall_s)


class Lists:
    """Models, in the shapes clients know. From static tables: no child is asked."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def models(self, _request: Request) -> Response:
        """OpenAI's list."""
        rows = [self._row(model) for model in self._node.models.values()]
        return json_response({"object": "list", "data": rows})

    async def one_model(self, request: Request) -> Response:
        """One row of it."""
        return json_response(self._row(self._node.model(request.path_params["id"])))

    async def audio_models(self, _request: Request) -> Response:
        """As Open WebUI asks for them."""
        return json_response({"models": [{"id": name} for name in self._node.models]})

    def _row(self, model: Model) -> dict[str, object]:
        return {
            "id": model.descriptor.id,
            "object": "model",
            "created": 0,
            "owned_by": "tts-node",
            "state": self._node.state_of(model),
            "languages": sorted(set(model.catalogue.languages.values())),
            "sample_rate": SAMPLE_RATE,
            "cloning": model.descriptor.cloning is not None,
        }


class Controls:
    """What an owner or a router tells the node to do."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def warm(self, request: Request) -> Response:
        """200 when up, 202 while it loads; `?model=` chooses one."""
        state = self._node.warm(request.query_params.get("model"))
        return json_response({"state": state}, 200 if state is ModelState.UP else 202)

    async def unload(self, _request: Request) -> Response:
        """200 when the process is gone, 202 when it goes as soon as what it speaks is spoken."""
        return await self._ended(is_ended=self._node.unload())

    async def make_room(self, _request: Request) -> Response:
        """Like unload, and 503 for every request until /resume."""
        return await self._ended(is_ended=self._node.make_room())

    async def resume(self, _request: Request) -> Response:
        """Serves again."""
        return json_response({"state": self._node.resume()})

    async def _ended(self, *, is_ended: bool) -> Response:
        if is_ended:
            await self._node.gone()
        return json_response({"state": self._node.state}, 200 if is_ended else 202)


def build_routes(
    node: Node,
    library: Library,
    settings: Settings,
    threads: Threads,
    observer: Observer,
    heartbeat: Heartbeat,
    metrics_text: Callable[[], bytes],
) -> Starlette:
    """Everything behind the gate."""
    lists = Lists(node)
    controls = Controls(node)

    async def health(_request: Request) -> Response:
        return json_response(node.status())

    async def exposition(_request: Request) -> Response:
        return Response(metrics_text(), media_type=metrics.CONTENT_TYPE)

    routes = [
        Route("/health", health),
        Route("/metrics", exposition),
        Route("/events", EventsRoute(heartbeat, settings.client_stall_s), methods=["GET"]),
        Route("/v1/audio/speech", SpeechRoute(node, settings, threads, observer), methods=["POST"]),
        Route("/v1/models", lists.models),
        Route("/v1/models/{id:path}", lists.one_model),
        *(Route(f"{prefix}/audio/models", lists.audio_models) for prefix in ("/v1", "")),
        *VoiceRoutes(node, library, settings.body_timeout_s).routes(),
        Route("/warm", controls.warm, methods=["POST"]),
        Route("/unload", controls.unload, methods=["POST"]),
        Route("/yield", controls.make_room, methods=["POST"]),
        Route("/resume", controls.resume, methods=["POST"]),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            ClientGone: on_gone,
            NodeError: on_node_error,
            HTTPException: on_route_error,
            Exception: on_fault,
        },
    )
    app.router.redirect_slashes = False
    return app
