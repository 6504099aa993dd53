"""The hot routes: chat and its kin, and speech. Each takes a call from body to last byte."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from router.api import speech_body, speech_events
from router.api.admission import Client, Door, require_model
from router.api.call import Presence, Receive, Reply, Scope
from router.api.peek import peek
from router.api.responses import ResponseLedger, binding
from router.catalogue import Catalogue
from router.domain import ENDPOINT_PATHS, Endpoint, Modality, Substitution
from router.errors import InvalidRequest
from router.forward import ForwardCall, Forwarder
from router.ports import Header, Record, StateStore
from router.speak import Speaker, SpokenAnswer

HOT_PATHS: Final = {f"/v1{path}": endpoint for endpoint, path in ENDPOINT_PATHS.items()}
ANSWER_TTL_S: Final = 3600.0  # how long GET /v1/audio/speech/{request id} knows an answer

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
    door: Door
    max_body_bytes: int
    max_speech_chars: int

    async def serve(
        self,
        endpoint: Endpoint,
        client: Client,
        scope: Scope,
        receive: Receive,
        reply: Reply,
        record: Record,
    ) -> None:
        """Answer one call. Raises RouterError."""
        async with Presence(scope, receive, reply) as client_is_there:
            body = await client_is_there.read_body(scope, self.max_body_bytes)
            if endpoint is Endpoint.SPEECH:
                await self._speak(body, client, scope, reply, record)
            else:
                await self._forward(endpoint, body, client, scope, reply, record)

    async def _forward(
        self, endpoint: Endpoint, body: bytes, client: Client, scope: Scope, reply: Reply, record: Record
    ) -> None:
        seen = peek(body)
        record.model = seen.model or ""
        routes = self.catalogue.resolve(Modality.CHAT, seen.model)
        require_model(client, seen.model or "")
        record.preferred_tier = min((route.tier for route in routes), default=0)
        call = ForwardCall(
            endpoint,
            seen.model or "",
            routes,
            self._upstream_headers(scope["headers"], record.request_id),
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

    async def _speak(self, body: bytes, client: Client, scope: Scope, reply: Reply, record: Record) -> None:
        request = speech_body.parse(body, max_chars=self.max_speech_chars)
        request = replace(request, fallback=_fallback(scope["headers"]))
        record.model = request.model or ""
        routes = self.catalogue.resolve(Modality.SPEECH, request.model)
        require_model(client, self.catalogue.speech_name(request.model))
        record.preferred_tier = min((route.tier for route in routes), default=0)
        max_wait_s = self.catalogue.max_wait_s(Modality.SPEECH, request.model)
        answer = await self.speaker.speak(request, routes, record, max_wait_s)
        await self.store.put(f"speech/{record.request_id}", _summary(answer, record), ttl_s=ANSWER_TTL_S)
        headers = _speech_headers(answer)
        if request.sse:
            record.streamed = True
            await reply.start(200, [*headers, (b"content-type", b"text/event-stream; charset=utf-8")])
            for event in speech_events.of(answer, request.text):
                await reply.send(event)
            await reply.send(b"", is_last=True)
        else:
            media_type = request.format.media_type.encode()
            await reply.whole(200, [*headers, (b"content-type", media_type)], answer.audio)

    def _upstream_headers(self, headers: Iterable[Header], request_id: str) -> list[Header]:
        passed = [header for header in headers if header[0] in _UPSTREAM_HEADERS]
        vias = [value for name, value in headers if name == b"via"]
        name, own = self.door.via
        return [*passed, (name, b", ".join([*vias, own])), (b"X-Request-Id", request_id.encode())]


def _fallback(headers: Iterable[Header]) -> Substitution | None:
    """The client's own word on substitution, in X-Router-Fallback."""
    for name, value in headers:
        if name == b"x-router-fallback":
            try:
                return Substitution(value.decode("latin-1").strip().lower())
            except ValueError:
                known = ", ".join(Substitution)
                raise InvalidRequest(
                    f"X-Router-Fallback must be one of {known}.", param="X-Router-Fallback", code="out_of_range"
                ) from None
    return None


def _speech_headers(answer: SpokenAnswer) -> list[Header]:
    headers = [
        (b"x-audio-duration", f"{answer.duration_s:.3f}".encode()),
        (b"x-generation-time", f"{answer.generation_s:.3f}".encode()),
        (b"x-router-cache", b"bypass"),
        (b"x-tts-engine", _ascii(answer.engine)),
        (b"x-tts-voice", _ascii(answer.voice)),
    ]
    if answer.voice_hash is not None:
        headers.append((b"x-tts-voice-hash", _ascii(answer.voice_hash)))
    if answer.substitution is not None:
        headers.append((b"x-router-substitution", _ascii(answer.substitution)))
    return headers


def _summary(answer: SpokenAnswer, record: Record) -> bytes:
    return msgspec.json.encode(
        {
            "id": record.request_id,
            "object": "audio.speech",
            "status": "completed",
            "audio_duration": round(answer.duration_s, 3),
            "generation_time": round(answer.generation_s, 3),
            "engine": answer.engine,
            "voice": answer.voice,
            "provider": record.provider,
            "substitution": answer.substitution,
            "client": record.client,
        }
    )


def _ascii(text: str) -> bytes:
    """A header value: what is not printable ASCII is escaped, so nothing can end the line."""
    return "".join(c if " " <= c <= "~" else "?" for c in text).encode()
