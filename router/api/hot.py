"""The hot routes: chat and its kin, and speech. Each takes a call from body to last byte."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from router.api import speech_body
from router.api.admission import Client, Door, require_model
from router.api.call import Presence, Receive, Reply, Scope
from router.api.fields import Fields
from router.api.peek import peek
from router.api.responses import ResponseLedger, binding
from router.api.speech_reply import SpeechReply
from router.catalogue import Catalogue
from router.domain import ENDPOINT_PATHS, CacheUse, Endpoint, Modality, Substitution
from router.errors import InvalidRequest
from router.forward import ForwardCall, Forwarder
from router.ports import Header, Monotonic, Record, StateStore
from router.speak import Speaker

HOT_PATHS: Final = {f"/v1{path}": endpoint for endpoint, path in ENDPOINT_PATHS.items()}

# What goes upstream of a client's headers. Never Authorization, x-api-key, xi-api-key or Cookie: they are between
# the client and the router.
_UPSTREAM_HEADERS: Final = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"anthropic-beta",
        b"anthropic-version",
        b"content-type",
        b"openai-beta",
        b"traceparent",
        b"tracestate",
        b"user-agent",
    }
)


@dataclass(frozen=True, slots=True)
class HotRoutes:
    """The handlers and what they need."""

    catalogue: Catalogue
    forwarder: Forwarder
    speaker: Speaker
    store: StateStore
    clock: Monotonic
    door: Door
    max_body_bytes: int
    max_speech_chars: int
    logs_text: bool = False

    async def serve(
        self,
        endpoint: Endpoint,
        client: Client,
        fields: Fields,
        scope: Scope,
        receive: Receive,
        reply: Reply,
        record: Record,
    ) -> None:
        """Answer one call. Raises RouterError."""
        async with Presence(scope, receive, reply) as client_is_there:
            body = await client_is_there.read_body(fields, self.max_body_bytes)
            if endpoint is Endpoint.SPEECH:
                await self._speak(body, client, fields, reply, record)
            else:
                await self._forward(endpoint, body, client, fields, scope, reply, record)

    async def _forward(
        self,
        endpoint: Endpoint,
        body: bytes,
        client: Client,
        fields: Fields,
        scope: Scope,
        reply: Reply,
        record: Record,
    ) -> None:
        seen = peek(body)
        record.model = seen.model or ""
        if seen.model:  # first: whoever may not use it shall not learn what there is
            require_model(client, seen.model)
        routes = self.catalogue.resolve(Modality.CHAT, seen.model, client.may_use)
        record.preferred_tier = min((route.tier for route in routes), default=0)
        call = ForwardCall(
            endpoint,
            seen.model or "",
            routes,
            self._upstream_headers(scope["headers"], fields.get(b"via"), record.request_id),
            seen.with_model,
            record,
            self.catalogue.max_wait_s(Modality.CHAT, seen.model),
        )
        if endpoint is Endpoint.RESPONSES:
            call = await self._bound(call, body, client)
        await self.forwarder.forward(call, reply)

    async def _bound(self, call: ForwardCall, body: bytes, client: Client) -> ForwardCall:
        """The call, kept to the provider that remembers what it builds on."""
        ledger = ResponseLedger(self.store, client.name)
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

    async def _speak(self, body: bytes, client: Client, fields: Fields, reply: Reply, record: Record) -> None:
        request = speech_body.parse(body, max_chars=self.max_speech_chars)
        request = replace(request, fallback=_fallback(fields), cache=_cache_use(fields))
        record.model = request.model or ""
        if self.logs_text:
            record.text = request.text
        require_model(client, self.catalogue.speech_name(request.model))
        routes = self.catalogue.resolve(Modality.SPEECH, request.model, client.may_use)
        record.preferred_tier = min((route.tier for route in routes), default=0)
        max_wait_s = self.catalogue.max_wait_s(Modality.SPEECH, request.model)
        telling = await self.speaker.prepare(request, routes, record, max_wait_s)
        await SpeechReply(self.speaker, self.store, self.clock, telling, reply).send()

    def _upstream_headers(self, headers: Iterable[Header], via: bytes | None, request_id: str) -> list[Header]:
        name, own = self.door.via
        passed = [header for header in headers if header[0] in _UPSTREAM_HEADERS]
        passed += (name, own if via is None else b"%b, %b" % (via, own)), (b"X-Request-Id", request_id.encode())
        return passed


def _fallback(fields: Fields) -> Substitution | None:
    """The client's own word on substitution, in X-Router-Fallback."""
    wish = fields.get(b"x-router-fallback")
    if wish is None:
        return None
    try:
        return Substitution(wish.decode("latin-1").strip().lower())
    except ValueError:
        known = ", ".join(Substitution)
        raise InvalidRequest(
            f"X-Router-Fallback must be one of {known}.", param="X-Router-Fallback", code="out_of_range"
        ) from None


def _cache_use(fields: Fields) -> CacheUse:
    """What `Cache-Control` asks for (RFC 9111 §5.2.1)."""
    wishes = {wish.strip().lower() for wish in fields.get(b"cache-control", b"").split(b",")}
    if b"no-store" in wishes:
        return CacheUse.BYPASS
    return CacheUse.REFRESH if b"no-cache" in wishes else CacheUse.USE
