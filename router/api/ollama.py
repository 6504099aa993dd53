"""Ollama's own API, for clients that speak only that: `/api/chat`, `/api/generate`, `/api/embed` and its elder.

Nothing of it is a way of its own: it is a chat, a completion or an embedding as any other, asked in OpenAI's words
of whichever provider serves the model, and answered in Ollama's. Where that is Ollama, it gets what came, with all
the options that OpenAI has no words for. What is not asked but listed is in
`ollama_lists.py`. Below `/api/v1/` another dialect lives.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from router.api.admission import require_model
from router.api.hot import HotRoute
from router.api.ollama_body import Asked, Shape, chat_of, embedding_of, generate_of
from router.api.ollama_reply import JSON, OllamaReply, now_told
from router.api.ollama_vectors import VectorReply, embedded
from router.api.visit import Visit
from router.api.ways import ways_to
from router.catalogue import Catalogue
from router.domain import OLLAMA, Endpoint, Modality
from router.errors import NothingCanServe, Refusal
from router.forward import ForwardCall, Forwarder, Native
from router.health import ProviderState
from router.ports import Header, Monotonic
from router.roster import Roster
from router.selection import Need
from router.spellings import tagged, untagged
from router.warming import Warmer

OLDER_EMBEDDINGS: Final = "/api/embeddings"
_OWN: Final = frozenset({b"accept", b"accept-encoding", b"content-type"})
_ASKS_JSON: Final[Header] = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class OllamaApi:
    """Answers it."""

    catalogue: Catalogue
    forwarder: Forwarder
    roster: Roster
    warmer: Warmer
    clock: Monotonic

    def routes(self) -> dict[str, HotRoute]:
        """Those that ask a model something."""
        return {
            "/api/chat": HotRoute(Endpoint.CHAT, self.chat),
            "/api/generate": HotRoute(Endpoint.CHAT, self.generate),
            "/api/embed": HotRoute(Endpoint.EMBEDDINGS, self.embed),
            OLDER_EMBEDDINGS: HotRoute(Endpoint.EMBEDDINGS, self.embed),
        }

    async def chat(self, visit: Visit, body: bytes) -> None:
        """Raises RouterError."""
        await self._answer(chat_of(body), visit)

    async def generate(self, visit: Visit, body: bytes) -> None:
        """Raises RouterError."""
        await self._answer(generate_of(body), visit)

    async def embed(self, visit: Visit, body: bytes) -> None:
        """Raises RouterError."""
        asked, is_older = embedding_of(body), visit.path == OLDER_EMBEDDINGS
        call = self._call(asked.model, Endpoint.EMBEDDINGS, asked.document, visit, is_streamed=False)
        if not asked.texts or (is_older and not asked.texts[0]):
            self._load(call)
            nothing = {"embedding": []} if is_older else embedded(asked.model, [])
            await visit.reply.whole(200, [JSON], msgspec.json.encode(nothing))
            return
        answer = VectorReply(visit.reply, asked.model, visit.record, self.clock, is_older=is_older)
        await self.forwarder.forward(call, answer)

    async def _answer(self, asked: Asked, visit: Visit) -> None:
        call = self._call(asked.model, asked.endpoint, asked.document, visit, is_streamed=asked.is_streamed)
        call = msgspec.structs.replace(
            call, native=Native(OLLAMA, f"/api/{asked.shape}", _as_it_came(asked.given))
        )
        if asked.done_reason is None:
            await self.forwarder.forward(call, OllamaReply(visit.reply, asked, visit.record, self.clock))
            return
        if asked.done_reason == "load":  # what others use too is not unloaded for one of them
            self._load(call)
        await visit.reply.whole(200, [JSON], msgspec.json.encode(_nothing_said(asked)))

    def _call(
        self, asked_name: str, endpoint: Endpoint, document: Mapping[str, Any], visit: Visit, *, is_streamed: bool
    ) -> ForwardCall:
        """Raises NotFound, Forbidden."""
        name, record = name_here(asked_name, self.catalogue), visit.record
        record.model = name
        require_model(visit.client, name)
        routes, max_wait_s = ways_to(self.catalogue, Modality.CHAT, name, visit.client, record)
        accepted = b"text/event-stream" if is_streamed else b"application/json"
        passed = [header for header in visit.upstream_headers() if header[0] not in _OWN]
        return ForwardCall(
            endpoint,
            name,
            routes,
            [*passed, _ASKS_JSON, (b"accept", accepted)],
            lambda model: msgspec.json.encode({"model": model, **document}),
            record,
            max_wait_s,
        )

    def _load(self, call: ForwardCall) -> None:
        """Have the model loaded by whoever would serve it. Raises NothingCanServe."""
        candidates = self.roster.order(call.routes, Need(call.max_wait_s))
        chosen = next((candidate for candidate in candidates if candidate.is_eligible), None)
        if chosen is None:
            refusals = [Refusal(each.route.provider, each.reason) for each in candidates]
            raise NothingCanServe(f"the model {call.model!r}", refusals)
        call.record.by(chosen.route)
        if chosen.standing.state is not ProviderState.UP:
            self.warmer.warm(chosen.route.provider, chosen.route.model)


def name_here(name: str, catalogue: Catalogue) -> str:
    """A model's name as it is listed: clients of Ollama's add the tag that goes without saying."""
    listed = {entry.id for entry in catalogue.listed()}
    return next((each for each in (name, untagged(name), tagged(name)) if each in listed), name)


def _as_it_came(given: Mapping[str, Any]) -> Callable[[str], bytes]:
    return lambda model: msgspec.json.encode({**given, "model": model})


def _nothing_said(asked: Asked) -> dict[str, Any]:
    words: dict[str, Any] = {"message": {"role": "assistant", "content": ""}}
    if asked.shape is Shape.GENERATE:
        words = {"response": ""}
    told = {"model": asked.model, "created_at": now_told(), **words}
    return {**told, "done": True, "done_reason": asked.done_reason}
