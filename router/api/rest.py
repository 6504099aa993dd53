"""Everything but the hot routes: lists, health, metrics, administration, the front page. Litestar's rooms.

Whoever gets here has passed the door already (`router/entry.py`).
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.params import FromPath, FromQuery, SkipValidation

from router import __version__, metrics
from router.api import cache, documented, elevenlabs_lists, hls_files, ollama_lists, voice_agent, voices
from router.api.admission import Client
from router.api.call import REQUEST_ID
from router.api.dialects import ELEVENLABS, Dialect, dialect_of
from router.api.documented import every, lists
from router.api.documented.contents import shown
from router.api.documented.errors import errors
from router.api.fields import FIELDS, fields_of
from router.api.spoken import AnswerTold, answer_key
from router.catalogue import OPENAI_SPEECH_MODELS, Catalogue
from router.config import ConfigError
from router.domain import Modality
from router.errors import ClientError, InvalidRequest, MethodNotAllowed, NotFound, RouterError
from router.explain import Explained
from router.metrics import Metrics
from router.ports import StateStore

_log = logging.getLogger(__name__)
_PAGE: Final = Path(__file__).parent / "pages" / "index.html"
# The page runs its own script and asks its own origin, nobody else.
_PAGE_POLICY: Final = (
    "default-src 'none'; media-src blob:; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


Listing = dict[str, object] | list[dict[str, object]]


class View(voices.VoicesView, cache.CacheView, hls_files.HlsView, Protocol):
    """What the lists and pages read, and what administrators may do. The house is one."""

    @property
    def catalogue(self) -> Catalogue: ...
    @property
    def metrics(self) -> Metrics: ...
    @property
    def store(self) -> StateStore: ...
    @property
    def is_draining(self) -> bool: ...
    def explain(self, model: str | None, voice: str | None) -> list[Explained]: ...
    async def reload(self) -> list[str]: ...


_NOW: Final = {200: shown(lists.ProviderState)}

# The house is no value to be validated, and a Protocol's check would read every property.
HouseView = NamedDependency[SkipValidation[View]]


def rest_app(view: View) -> Litestar:
    """The Litestar application behind the hot routes."""
    return Litestar(
        route_handlers=every.completed(
            [
                front_page,
                health,
                ready,
                scrape,
                list_models,
                show_model,
                *voices.handlers,
                *elevenlabs_lists.handlers,
                *voice_agent.handlers,
                *ollama_lists.handlers,
                list_speech_models,
                show_answer,
                list_providers,
                explain_route,
                drain_provider,
                resume_provider,
                reload_configuration,
                *cache.handlers,
                *hls_files.handlers,
                *documented.handlers,
            ]
        ),
        dependencies={"view": Provide(lambda: view, sync_to_thread=False)},
        exception_handlers={RouterError: _router_error, HTTPException: _http_error},
        openapi_config=OpenAPIConfig(
            use_handler_docstrings=True,
            title="Local AI Router",
            version=__version__,
            path="/schema",
            components=every.COMPONENTS,
            security=every.SECURITY,
            tags=every.TAGS,
            render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"]), YamlRenderPlugin()],
        ),
        logging_config=None,
    )


@get("/", media_type=MediaType.HTML, include_in_schema=False, sync_to_thread=False)
def front_page() -> Response[str]:
    """The page that tells a newcomer what is up and how to use it."""
    return Response(_PAGE.read_text(encoding="utf-8"), headers={"Content-Security-Policy": _PAGE_POLICY})


@get("/health", responses={200: shown(lists.Health)}, sync_to_thread=False)
def health() -> dict[str, str]:
    """The process lives. Says nothing of providers: see /ready."""
    return {"status": "healthy", "version": __version__}


@get(
    "/ready",
    responses={
        200: shown(lists.Readiness),
        503: shown(lists.Readiness, "Nothing can be served, or not any more."),
    },
    sync_to_thread=False,
)
def ready(view: HouseView) -> Response[dict[str, object]]:
    """Whether chat, speech and transcription can be served now; 503 when none can or the router shuts down."""
    can_serve = {str(modality): view.roster.can_serve(modality) for modality in Modality}
    has_demo = any(card.is_demo for card in view.roster.cards.values())
    is_ready = (any(can_serve.values()) or has_demo) and not view.is_draining
    status = "draining" if view.is_draining else ("ready" if is_ready else "nothing can be served")
    body: dict[str, object] = {"status": status, **can_serve}
    return Response(body, status_code=200 if is_ready else 503)


@get("/metrics", media_type=MediaType.TEXT, sync_to_thread=False)
def scrape(view: HouseView) -> Response[bytes]:
    """Prometheus' text format."""
    # As a header: to a media type that is text Litestar adds a charset, which this one has.
    return Response(view.metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})


@get("/v1/models", responses={200: shown(lists.ModelList | list[dict[str, Any]])}, sync_to_thread=False)
def list_models(view: HouseView, request: Request[Any, Any, Any]) -> Response[Listing]:
    """OpenAI's model list: configured routes and what live providers report, each with its state. For clients of
    ElevenLabs, which send `xi-api-key`, a bare array of the models that speak."""
    body: Listing = {"object": "list", "data": _models(view, _client(request))}
    if _dialect(request) is ELEVENLABS:
        body = elevenlabs_lists.models(view, _client(request))
    return Response(body, headers={"Vary": "xi-api-key, x-fern-sdk-name"})


@get("/v1/models/{model_id:path}", responses={200: shown(lists.ModelRow)}, sync_to_thread=False)
def show_model(view: HouseView, request: Request[Any, Any, Any], model_id: FromPath[str]) -> dict[str, object]:
    """One model. Names may have slashes."""
    name = model_id.lstrip("/")
    for entry in _models(view, _client(request)):
        if entry["id"] == name:
            return entry
    raise NotFound(f"No model is called {name[:200]!r}.", param="model", code="model_not_found")


@get(["/v1/audio/models", "/audio/models"], responses={200: shown(lists.SpeechModelList)}, sync_to_thread=False)
def list_speech_models(view: HouseView, request: Request[Any, Any, Any]) -> dict[str, object]:
    """The models that speak."""
    names = [entry.id for entry in view.catalogue.listed() if entry.modality is Modality.SPEECH]
    may_use = _client(request).may_use
    usable = [name for name in (*names, *OPENAI_SPEECH_MODELS) if may_use(view.catalogue.speech_name(name))]
    return {"models": [{"id": name, "name": name} for name in usable]}


@get("/v1/audio/speech/{request_id:str}")
async def show_answer(view: HouseView, request: Request[Any, Any, Any], request_id: FromPath[str]) -> AnswerTold:
    """What became of a speech request: how long it is and took, who spoke what, what failed. Known for an hour."""
    stored = await view.store.get(answer_key(_client(request).name, request_id))
    found = msgspec.json.decode(stored, type=AnswerTold) if stored is not None else None
    if found is None:
        raise NotFound(
            f"No speech answer has the id {request_id[:130]!r}; they are kept for an hour.",
            code="answer_not_found",
        )
    return found


@get("/admin/providers", responses={200: shown(lists.ProviderList)}, sync_to_thread=False)
def list_providers(view: HouseView) -> dict[str, object]:
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


@get("/admin/explain", responses=errors(404) | {200: shown(lists.Explanation)}, sync_to_thread=False)
def explain_route(
    view: HouseView, model: FromQuery[str | None] = None, voice: FromQuery[str | None] = None
) -> dict[str, object]:
    """A dry run: each candidate for a model (and voice) with its reason."""
    explained = view.explain(model, voice)
    return {"model": model, "voice": voice, "candidates": [entry.as_json() for entry in explained]}


@post("/admin/providers/{provider:str}/drain", status_code=200, responses=_NOW, sync_to_thread=False)
def drain_provider(view: HouseView, provider: FromPath[str]) -> dict[str, object]:
    """Send nothing new to a provider; what is in flight there finishes. Until /resume, reloads included."""
    _check_provider(view, provider)
    view.roster.drain(provider)
    return {"id": provider, "state": view.roster.standing(provider).state}


@post("/admin/providers/{provider:str}/resume", status_code=200, responses=_NOW, sync_to_thread=False)
def resume_provider(view: HouseView, provider: FromPath[str]) -> dict[str, object]:
    """Undo /drain."""
    _check_provider(view, provider)
    view.roster.resume(provider)
    return {"id": provider, "state": view.roster.standing(provider).state}


@post("/admin/reload", status_code=200, responses={200: shown(lists.Reloaded)})
async def reload_configuration(view: HouseView) -> Response[dict[str, object]]:
    """Take up the configuration file as it is now. A bad one changes nothing, and every fault is listed."""
    try:
        pending = await view.reload()
    except ConfigError as error:
        raise InvalidRequest(
            "The configuration was not reloaded; the running one stays.\n" + str(error),
            param="config",
            code="bad_configuration",
        ) from error
    return Response({"status": "reloaded", "takes_a_restart": pending})


def _check_provider(view: View, provider: str) -> None:
    if provider not in view.roster.cards:
        known = ", ".join(view.roster.cards)
        raise NotFound(
            f"No provider is called {provider[:100]!r}; known: {known}.", param="id", code="provider_not_found"
        )


def _models(view: View, client: Client) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = []
    everyone = {provider: view.roster.standing(provider) for provider in view.roster.cards}
    for listed in view.catalogue.listed():
        if not client.may_use(listed.id):
            continue
        standings = [everyone[provider] for provider in listed.providers]
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


def _client(request: Request[Any, Any, Any]) -> Client:
    client: Client = request.scope["router.client"]  # type: ignore[typeddict-item]  # put there by the entry
    return client


def _dialect(request: Request[Any, Any, Any]) -> Dialect:
    scope: Mapping[str, Any] = request.scope
    return dialect_of(scope["path"], scope.get(FIELDS) or fields_of(scope["headers"]))


def _router_error(request: Request[Any, Any, Any], error: RouterError) -> Response[bytes]:
    headers = {"X-Router-Error": error.reason}
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = error.allow
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    body = _dialect(request).body(error, str(request.scope.get(REQUEST_ID, "")))
    return Response(body, status_code=error.status, media_type=MediaType.JSON, headers=headers)


def _http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Litestar's own errors in the shape of the path's dialect."""
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
            _log.error("%s failed inside the router", path, exc_info=error)
            mapped = RouterError("The router failed; its log tells more under this request's id.")
    return _router_error(request, mapped)
