"""Everything but the hot routes: lists, health, metrics, administration, the front page. Litestar's rooms.

Whoever gets here has passed the door already (`router/entry.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Litestar, MediaType, Request, Response, get
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin

from router import __version__, metrics
from router.api import documented
from router.api.openai import error_body
from router.catalogue import OPENAI_SPEECH_MODELS, Catalogue
from router.domain import Modality
from router.errors import ClientError, MethodNotAllowed, NotFound, RouterError
from router.explain import explain
from router.metrics import Metrics
from router.ports import StateStore
from router.roster import Roster
from router.speech.voices import VoiceBook

_PAGE: Final = Path(__file__).parent / "pages" / "index.html"
# The page runs its own script and asks its own origin, nobody else.
_PAGE_POLICY: Final = (
    "default-src 'none'; media-src blob:; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, slots=True)
class View:
    """What the lists and pages read."""

    catalogue: Catalogue
    roster: Roster
    voices: VoiceBook
    metrics: Metrics
    store: StateStore
    is_draining: Callable[[], bool]

    @property
    def speech_providers(self) -> list[str]:
        return [name for name, card in self.roster.cards.items() if Modality.SPEECH in card.modalities]

    def can_serve(self, modality: Modality) -> bool:
        """Whether a provider other than the demo is available for `modality`."""
        return any(
            modality in card.modalities and not card.is_demo and self.roster.standing(name).is_available
            for name, card in self.roster.cards.items()
        )


def rest_app(view: View) -> Litestar:
    """The Litestar application behind the hot routes."""
    return Litestar(
        route_handlers=[
            front_page,
            health,
            ready,
            scrape,
            list_models,
            show_model,
            list_voices,
            list_speech_models,
            show_answer,
            list_providers,
            explain_route,
            *documented.handlers,
        ],
        dependencies={"view": Provide(lambda: view, sync_to_thread=False)},
        exception_handlers={RouterError: _router_error, HTTPException: _http_error},
        openapi_config=OpenAPIConfig(
            title="Local AI Router",
            version=__version__,
            path="/schema",
            render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"]), YamlRenderPlugin()],
        ),
        logging_config=None,
    )


@get("/", media_type=MediaType.HTML, include_in_schema=False, sync_to_thread=False)
def front_page() -> Response[str]:
    """The page that tells a newcomer what is up and how to use it."""
    return Response(_PAGE.read_text(encoding="utf-8"), headers={"Content-Security-Policy": _PAGE_POLICY})


@get("/health", sync_to_thread=False)
def health() -> dict[str, str]:
    """The process lives. Says nothing of providers: see /ready."""
    return {"status": "healthy", "version": __version__}


@get("/ready", sync_to_thread=False)
def ready(view: NamedDependency[View]) -> Response[dict[str, object]]:
    """Whether chat and speech can be served now; 503 when neither can or the router is shutting down."""
    chat, speech = view.can_serve(Modality.CHAT), view.can_serve(Modality.SPEECH)
    has_demo = any(card.is_demo for card in view.roster.cards.values())
    is_ready = (chat or speech or has_demo) and not view.is_draining()
    status = "draining" if view.is_draining() else ("ready" if is_ready else "nothing can be served")
    body: dict[str, object] = {"status": status, "chat": chat, "speech": speech}
    return Response(body, status_code=200 if is_ready else 503)


@get("/metrics", sync_to_thread=False)
def scrape(view: NamedDependency[View]) -> Response[bytes]:
    """Prometheus' text format."""
    return Response(view.metrics.exposition(), media_type=metrics.CONTENT_TYPE)


@get("/v1/models", sync_to_thread=False)
def list_models(view: NamedDependency[View]) -> dict[str, object]:
    """OpenAI's model list: configured routes and what live providers report, each with its state."""
    return {"object": "list", "data": _models(view)}


@get("/v1/models/{model_id:path}", sync_to_thread=False)
def show_model(view: NamedDependency[View], model_id: str) -> dict[str, object]:
    """One model. Names may have slashes."""
    name = model_id.lstrip("/")
    for entry in _models(view):
        if entry["id"] == name:
            return entry
    raise NotFound(f"No model is called {name[:200]!r}.", param="model", code="model_not_found")


@get(["/v1/audio/voices", "/audio/voices"], sync_to_thread=False)
def list_voices(view: NamedDependency[View]) -> dict[str, object]:
    """Every voice that a client may ask for."""
    return {
        "voices": [
            {
                "id": entry.voice.id,
                "name": entry.voice.name,
                "language": entry.voice.language,
                "gender": entry.voice.gender,
                "providers": entry.providers,
            }
            for entry in view.voices.listed(view.speech_providers)
        ]
    }


@get(["/v1/audio/models", "/audio/models"], sync_to_thread=False)
def list_speech_models(view: NamedDependency[View]) -> dict[str, object]:
    """The models that speak."""
    names = [entry.id for entry in view.catalogue.listed() if entry.modality is Modality.SPEECH]
    return {"models": [{"id": name, "name": name} for name in (*names, *OPENAI_SPEECH_MODELS)]}


@get("/v1/audio/speech/{request_id:str}")
async def show_answer(
    view: NamedDependency[View], request: Request[Any, Any, Any], request_id: str
) -> dict[str, object]:
    """What became of a speech request: duration, generation time, engine, provider. Known for an hour."""
    stored = await view.store.get(f"speech/{request_id}")
    found = msgspec.json.decode(stored, type=dict[str, object]) if stored is not None else None
    if found is None or found.pop("client") != request.scope.get("router.client"):
        raise NotFound(
            f"No speech answer has the id {request_id[:130]!r}; they are kept for an hour.",
            code="answer_not_found",
        )
    return found


@get("/admin/providers", sync_to_thread=False)
def list_providers(view: NamedDependency[View]) -> dict[str, object]:
    """Every provider and its state."""
    entries = []
    for name, card in view.roster.cards.items():
        standing = view.roster.standing(name)
        entries.append(
            {
                "id": name,
                "kind": card.kind,
                "host": card.host,
                "host_state": standing.host_state,
                "state": standing.state,
                "detail": standing.detail,
                "tier": card.tier,
                "serves": sorted(card.modalities),
                "in_flight": standing.in_flight,
                "models": sorted(view.roster.models_of(name)),
                "discovered": card.is_discovered,
            }
        )
    return {"providers": entries}


@get("/admin/explain", sync_to_thread=False)
def explain_route(
    view: NamedDependency[View], model: str | None = None, voice: str | None = None
) -> dict[str, object]:
    """A dry run: each candidate for a model (and voice) with its reason."""
    explained = explain(view.catalogue, view.roster, view.voices, model, voice)
    return {"model": model, "voice": voice, "candidates": [entry.as_json() for entry in explained]}


def _models(view: View) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = []
    for listed in view.catalogue.listed():
        standings = [view.roster.standing(provider) for provider in listed.providers]
        best = next((s for s in standings if s.is_available), standings[0])
        entries.append(
            {
                "id": listed.id,
                "object": "model",
                "created": 0,
                "owned_by": listed.providers[0],
                "modality": listed.modality,
                "state": best.state,
                "providers": listed.providers,
            }
        )
    return entries


def _router_error(_: Request[Any, Any, Any], error: RouterError) -> Response[bytes]:
    headers = {"X-Router-Error": error.reason}
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = error.allow
    return Response(error_body(error), status_code=error.status, media_type=MediaType.JSON, headers=headers)


def _http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Litestar's own errors in OpenAI's shape."""
    mapped: RouterError
    path = request.scope["path"]
    match error.status_code:
        case 404:
            mapped = NotFound(f"There is no {path[:200]}; GET /schema lists what there is.", code="unknown_route")
        case 405:
            allow = (error.headers or {}).get("allow", "GET")
            mapped = MethodNotAllowed(f"{path[:200]} takes {allow}.", allow=allow)
        case status if 400 <= status < 500:
            mapped = ClientError(error.detail)
            mapped.status = status
        case _:
            mapped = RouterError("The router failed; its log tells more.")
    return _router_error(request, mapped)
