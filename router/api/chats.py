"""Chat and its kin: bodies that pass untouched but for the model's name, and chats that have to do with audio."""

from dataclasses import dataclass

import msgspec

from router.api.admission import require_model
from router.api.chat_aloud import ChatAloud
from router.api.chat_body import audio_chat
from router.api.hot import HotRoute
from router.api.peek import peek
from router.api.responses import ResponseLedger, binding
from router.api.visit import Visit
from router.api.ways import ways_to
from router.catalogue import Catalogue
from router.domain import ENDPOINT_PATHS, Endpoint, Modality
from router.errors import InvalidRequest
from router.forward import ForwardCall, Forwarder
from router.ports import StateStore


@dataclass(frozen=True, slots=True)
class Chats:
    """Answers them."""

    catalogue: Catalogue
    forwarder: Forwarder
    store: StateStore
    aloud: ChatAloud

    def routes(self) -> dict[str, HotRoute]:
        """OpenAI's, and Anthropic's messages."""
        return {
            f"/v1{path}": HotRoute(endpoint, self.serve)
            for endpoint, path in ENDPOINT_PATHS.items()
            if endpoint.modality is Modality.CHAT
        }

    async def serve(self, visit: Visit, body: bytes) -> None:
        """Raises RouterError."""
        seen, record, client = peek(body), visit.record, visit.client
        record.model = seen.model or ""
        if seen.model:  # first: whoever may not use it shall not learn what there is
            require_model(client, seen.model)
        routes, max_wait_s = ways_to(self.catalogue, Modality.CHAT, seen.model, client, record)
        call = ForwardCall(
            visit.endpoint,
            seen.model or "",
            routes,
            visit.upstream_headers(),
            seen.with_model,
            record,
            max_wait_s,
        )
        if visit.endpoint is Endpoint.RESPONSES:
            call = await self._bound(call, body, client.name)
        elif visit.endpoint is Endpoint.CHAT and seen.may_be_aloud and not self.catalogue.speaks(routes):
            chat = audio_chat(body, max_chars=self.aloud.settings.max_input_chars)
            if chat is not None:
                await self.aloud.serve(chat, call, visit)
                return
        await self.forwarder.forward(call, visit.reply)

    async def _bound(self, call: ForwardCall, body: bytes, client: str) -> ForwardCall:
        """The call, kept to the provider that remembers what it builds on."""
        ledger = ResponseLedger(self.store, client)
        bound = binding(body)
        routes = call.routes
        if bound.previous is not None:
            provider = await ledger.provider_of(bound.previous)
            routes = [route for route in routes if route.provider == provider]
            if not routes:
                raise InvalidRequest(
                    f"The response it builds on is kept by {provider}, which does not serve {call.model!r}.",
                    param="model",
                    code="response_elsewhere",
                )
        return msgspec.structs.replace(call, routes=routes, is_pinned=bound.is_pinned, on_first_part=ledger.note)
