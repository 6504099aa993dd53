"""What clients of Ollama's own API ask beside the models: which there are, which are loaded, what they can do
(ollama/ollama docs/api.md, api/types.go of 2026-08-21). Names always carry a tag."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import SkipValidation

from router.api.admission import Client, require_model
from router.api.dialects import OLLAMA
from router.api.documented.contents import shown, takes_json
from router.api.documented.errors import errors
from router.api.ollama import name_here
from router.api.ollama_body import model_of
from router.api.ollama_reply import JSON, NDJSON
from router.catalogue import Catalogue
from router.domain import UNTOLD, Modality, Model, Traits
from router.errors import NotFound
from router.health import ProviderState
from router.ports import Header
from router.roster import Roster
from router.spellings import tagged

VERSION: Final = "0.32.0"  # of Ollama's, whose API this is; clients ask for at least some version
_LONG_AGO: Final = "2026-01-01T00:00:00Z"  # clients read it, and of other servers' models nobody knows
_KEPT_S: Final = 300  # a model that is loaded and does not say for how long
_CHATS: Final = ("completion", "tools")
_EMBEDS: Final = ("embedding",)
_OLLAMAS: Final = (OLLAMA,)
_TAGS: Final = ["Ollama"]
_NAMED: Final = {"model": Schema(type=OpenAPIType.STRING, examples=["demo"])}


class OllamaView(Protocol):
    """What is read."""

    @property
    def catalogue(self) -> Catalogue: ...
    @property
    def roster(self) -> Roster: ...


# The house is no value to be validated.
HouseView = NamedDependency[SkipValidation[OllamaView]]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A chat model of the house; `model` as its first provider reports it."""

    id: str
    model: Model

    @property
    def name(self) -> str:
        return tagged(self.id)

    @property
    def traits(self) -> Traits:
        """What is told of it; where nothing is, what such models can do as a rule."""
        traits = self.model.traits
        if not traits.capabilities:
            traits = replace(traits, capabilities=_EMBEDS if "embed" in self.id.lower() else _CHATS)
        return traits

    def listed(self) -> dict[str, Any]:
        """As in `/api/tags`."""
        traits = self.traits
        told = {"name": self.name, "model": self.name, "modified_at": traits.modified_at or _LONG_AGO}
        digest = traits.digest or hashlib.sha256(self.id.encode()).hexdigest()
        more = {"size": traits.size_bytes, "digest": digest, "details": self.details()}
        return {**told, **more, "capabilities": traits.capabilities}

    def details(self) -> dict[str, Any]:
        traits = self.traits
        return {
            "parent_model": "",
            "format": "gguf",
            "family": traits.family,
            "families": [traits.family] if traits.family else None,
            "parameter_size": traits.parameter_size,
            "quantization_level": traits.quantization,
        }

    def shown(self) -> dict[str, Any]:
        """As in `/api/show`."""
        traits = self.traits
        family = traits.family or "unknown"
        info: dict[str, Any] = {"general.architecture": family, "general.basename": self.id}
        if traits.context_tokens is not None:
            info[f"{family}.context_length"] = traits.context_tokens
        return {
            "license": "",
            "modelfile": "",
            "parameters": "",
            "template": "",
            "details": self.details(),
            "model_info": info,
            "capabilities": traits.capabilities,
            "modified_at": traits.modified_at or _LONG_AGO,
        }

    def running(self, now: datetime) -> dict[str, Any]:
        """As in `/api/ps`."""
        listed = self.listed()
        del listed["modified_at"], listed["capabilities"]
        until = self.model.loaded_until or (now + timedelta(seconds=_KEPT_S)).isoformat()
        size, tokens = self.model.traits.size_bytes, self.traits.context_tokens or 0
        return {**listed, "expires_at": until, "size_vram": size, "context_length": tokens}


@get("/api/tags", responses=errors(dialects=_OLLAMAS), tags=_TAGS, sync_to_thread=False)
def list_tags(view: HouseView, request: Request[Any, Any, Any]) -> dict[str, object]:
    """Ollama's model list: every chat model that the client may use."""
    return {"models": [entry.listed() for entry in _entries(view, _client(request))]}


@get("/api/ps", responses=errors(dialects=_OLLAMAS), tags=_TAGS, sync_to_thread=False)
def list_running(view: HouseView, request: Request[Any, Any, Any]) -> dict[str, object]:
    """Those of them that are known to be loaded: servers other than Ollama do not tell."""
    now = datetime.now(UTC)
    entries = [entry for entry in _entries(view, _client(request)) if entry.model.state == ProviderState.UP]
    return {"models": [entry.running(now) for entry in entries]}


@get("/api/version", responses=errors(dialects=_OLLAMAS), tags=_TAGS, sync_to_thread=False)
def show_version() -> dict[str, str]:
    """The version of Ollama whose API this is."""
    return {"version": VERSION}


@post(
    "/api/show",
    status_code=200,
    responses=errors(404, 413, dialects=_OLLAMAS) | {200: shown(dict[str, Any])},
    operation_class=takes_json(_NAMED, ["model"]),
    tags=_TAGS,
)
async def show_model(view: HouseView, request: Request[Any, Any, Any]) -> Response[bytes]:
    """What is known of a model (`model`, or `name`): details, capabilities."""
    entry = _entry(view, request, model_of(await request.body()))
    return _answer(200, JSON, msgspec.json.encode(entry.shown()))


@post(
    "/api/pull",
    status_code=200,
    responses=errors(404, 413, dialects=_OLLAMAS) | {200: shown(dict[str, str])},
    operation_class=takes_json(
        {**_NAMED, "stream": Schema(type=OpenAPIType.BOOLEAN)}, ["model"], gives=(NDJSON[1].decode(),)
    ),
    tags=_TAGS,
)
async def pull_model(view: HouseView, request: Request[Any, Any, Any]) -> Response[bytes]:
    """Success for a model that is there already. Others are pulled on the machine that runs them."""
    body = await request.body()
    name = model_of(body)
    try:
        _entry(view, request, name)
    except NotFound as error:
        raise NotFound(
            f"The model {name[:200]!r} is not here, and is not pulled through this router: run `ollama pull` "
            "on the machine that is to have it.",
            param="model",
            code="model_not_found",
        ) from error
    if msgspec.json.decode(body).get("stream") is False:
        return _answer(200, JSON, b'{"status":"success"}')
    return _answer(200, NDJSON, b'{"status":"pulling manifest"}\n{"status":"success"}\n')


def _entries(view: OllamaView, client: Client) -> Iterator[_Entry]:
    for listed in view.catalogue.listed():
        if listed.modality is Modality.CHAT and client.may_use(listed.id):
            yield _Entry(listed.id, _reported(view, listed.id))


def _reported(view: OllamaView, name: str) -> Model:
    """As the first of its providers that knows it reports it."""
    routes = view.catalogue.resolve(Modality.CHAT, name)
    known = (view.roster.models_of(route.provider).get(route.model) for route in routes)
    return next((model for model in known if model is not None), Model(name, traits=UNTOLD))


def _entry(view: OllamaView, request: Request[Any, Any, Any], asked: str) -> _Entry:
    """Raises NotFound, Forbidden."""
    name, client = name_here(asked, view.catalogue), _client(request)
    require_model(client, name)
    view.catalogue.resolve(Modality.CHAT, name, client.may_use)
    return _Entry(name, _reported(view, name))


def _client(request: Request[Any, Any, Any]) -> Client:
    client: Client = request.scope["router.client"]  # type: ignore[typeddict-item]  # put there by the entry
    return client


def _answer(status: int, kind: Header, body: bytes) -> Response[bytes]:
    return Response(body, status_code=status, media_type=kind[1].decode())


handlers = [list_tags, list_running, show_version, show_model, pull_model]
