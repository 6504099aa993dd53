"""The dispatch of opaque bytes: chat and its kin, and recordings to be written down.

Candidates are tried in order until one begins to answer; from the client's first byte on there is no way back.
So nothing is sent to the client before the upstream's first body byte, and a short answer is sent only when all
of it is here: a server that dies in between costs the client nothing but time.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from router.answers import UsageReader, check_whole, exhausted, is_event_stream, is_json, passed_on, rejection
from router.domain import FREE, Endpoint, Modality, Price, Route
from router.errors import Refusal, Rejected, Silent, UpstreamFault
from router.health import ProviderState
from router.ports import (
    Body,
    ForwardProvider,
    Header,
    Monotonic,
    NativeProvider,
    Observer,
    Record,
    ResponseHead,
    Upload,
)
from router.repeat import Circumstances, may_try_next
from router.roster import Roster
from router.selection import DEFAULT_MAX_WAIT_S, Need
from router.transport import Inbox
from router.warming import Warmer

# Whose fault a status is. 404 is the provider's: it lost the model, another may have it.
PROVIDER_FAULTS: Final = frozenset({401, 402, 403, 404, 408, 429})
# Routes that a server may lack though it has the model: its 404 there says nothing of the others.
_MAY_LACK: Final = frozenset(
    {Endpoint.COMPLETIONS, Endpoint.EMBEDDINGS, Endpoint.RESPONSES, Endpoint.MESSAGES, Endpoint.TRANSLATIONS}
)
COMPLETE_UNDER_BYTES: Final = 64 * 1024  # an answer up to this size is sent when it is whole
_ERROR_BODY_BYTES: Final = 64 * 1024


class Reply(Protocol):
    """Where the answer goes."""

    @property
    def is_started(self) -> bool: ...
    async def start(self, status: int, headers: Sequence[Header]) -> None: ...
    async def send(self, chunk: bytes, *, is_last: bool = False) -> None: ...
    def push(self, chunk: bytes) -> bool:
        """Send `chunk` at once; False, and nothing is sent, when that needs waiting."""
        ...


class Native(msgspec.Struct, frozen=True):
    """The same request as its client sent it, for providers that speak `dialect` themselves."""

    dialect: str
    path: str
    body_for: Callable[[str], bytes]


class ForwardCall(msgspec.Struct, frozen=True):
    """An opaque request: its routes, what to send (`body_for(model)`), and the record to fill in.

    `is_pinned`: bound to one provider's memory, so it goes nowhere else once sent. `on_first_part` is told the
    first bytes of the answer and the provider's name. `native`: what goes instead to who understands it.
    """

    endpoint: Endpoint
    model: str
    routes: Sequence[Route]
    headers: Sequence[Header]
    body_for: Callable[[str], Body]
    record: Record
    max_wait_s: float = DEFAULT_MAX_WAIT_S
    is_pinned: bool = False
    on_first_part: Callable[[bytes, str], Awaitable[None]] | None = None
    native: Native | None = None


class Forwarder:
    """Forwards calls to forward providers."""

    def __init__(
        self,
        providers: Mapping[str, ForwardProvider],
        roster: Roster,
        observer: Observer,
        clock: Monotonic,
        warmer: Warmer | None = None,
    ) -> None:
        self._providers = providers
        self._roster = roster
        self._observer = observer
        self._clock = clock
        self._warmer = warmer

    async def forward(self, call: ForwardCall, reply: Reply) -> None:
        """Answer `call` on `reply`.

        Raises NothingCanServe when no candidate began to answer, UpstreamFault when one failed after its first
        byte had gone to the client.
        """
        refusals: list[Refusal] = []
        faults: list[UpstreamFault] = []
        for candidate in self._roster.candidates(call.routes, call.max_wait_s):
            route = candidate.route
            if not candidate.is_eligible:
                refusals.append(Refusal(route.provider, candidate.reason))
                continue
            if route.tier > call.record.preferred_tier:
                self._warm_the_late(call)
            if faults:
                self._observer.failed_over(call.endpoint, call.record.provider, route.provider, faults[-1].outcome)
            try:
                await self._attempt(call, route, reply)
            except UpstreamFault as fault:
                self._note(call, route, fault)
                if reply.is_started:
                    raise
                faults.append(fault.with_traceback(None))  # which holds this frame, and so the list
                refusals.append(Refusal(route.provider, fault.message))
                if not may_try_next(fault, self._circumstances(call, route)):
                    break
            else:
                return
        raise exhausted(f"the model {call.model!r}", refusals, faults)

    def _warm_the_late(self, call: ForwardCall) -> None:
        """Whoever is preferred but passed over because its model must load first shall have it loaded soon."""
        for candidate in self._roster.order(call.routes, Need(call.max_wait_s)):
            if self._warmer is not None and candidate.is_late and candidate.standing.state is ProviderState.COLD:
                self._warmer.warm(candidate.route.provider, candidate.route.model)

    def _circumstances(self, call: ForwardCall, route: Route) -> Circumstances:
        return Circumstances(self._providers[route.provider].card.is_billed, call.is_pinned)

    async def _attempt(self, call: ForwardCall, route: Route, reply: Reply) -> None:
        """One candidate, from dial to the last byte. Raises UpstreamFault."""
        record = call.record
        record.attempts += 1
        record.provider = route.provider
        record.model = route.model
        record.tier = route.tier
        inbox = Inbox()
        asked, waited_s = self._clock(), record.upstream_wait_s
        try:
            async with self._roster.lease(route, inbox.lose):
                await self._exchange(call, route, reply, inbox, asked)
        except BaseException:
            if not reply.is_started:
                record.upstream_wait_s = waited_s + self._clock() - asked
            raise
        finally:
            inbox.close()
        price = self._providers[route.provider].card.price
        if price is not FREE:
            self._note_cost(price, record)
        if record.status < 400:  # a client's fault says nothing of the model
            self._roster.note_success(route)
        self._observer.attempt_finished(route.provider, "ok")

    def _note_cost(self, price: Price, record: Record) -> None:
        """What the answer took, as far as it says, at the price of who gave it."""
        cost = price.of_chat(record.tokens_in, record.tokens_out)
        record.cost += cost
        self._observer.charged(record.provider, cost, 0)

    async def _exchange(self, call: ForwardCall, route: Route, reply: Reply, inbox: Inbox, asked: float) -> None:
        provider, record = self._providers[route.provider], call.record
        first_byte_s, stall_s = provider.card.first_byte_s, provider.card.stall_s
        body: Body | None = None if call.native is None else await self._sent_as_it_came(call, route, inbox)
        if body is None:
            body = call.body_for(route.model)
            inbox.attach(await provider.send(call.endpoint, call.headers, body, inbox, is_once=call.is_pinned))
        if isinstance(body, bytes):
            head = await inbox.read_head(first_byte_s)
        else:
            head = await self._head_upon(body, inbox, first_byte_s)
        await _raise_for_status(head, inbox, stall_s, provider.redact)
        record.streamed = is_event_stream(head)
        part = await _first_part(head, inbox, first_byte_s)
        is_whole = inbox.is_drained
        if is_whole and (part or not _may_be_empty(call.endpoint, head)):
            record.tokens_in, record.tokens_out = check_whole(head, part)
        record.upstream_wait_s += self._clock() - asked
        if call.on_first_part is not None and head.status == 200:
            await call.on_first_part(part, route.provider)
        await reply.start(head.status, passed_on(head))
        if is_whole:
            await reply.send(part, is_last=True)
        else:
            usage = UsageReader() if record.streamed or is_json(head) else None  # else it is no text
            await _pass(part, inbox, reply, stall_s, usage)
            if usage is not None:
                record.tokens_in, record.tokens_out = usage.tokens_in, usage.tokens_out

    async def _sent_as_it_came(self, call: ForwardCall, route: Route, inbox: Inbox) -> bytes | None:
        """What was sent, in the dialect of both the client and the provider; None where that is not one."""
        native, provider = call.native, self._providers[route.provider]
        if native is None or not isinstance(provider, NativeProvider) or provider.dialect != native.dialect:
            return None
        body = native.body_for(route.model)
        inbox.attach(await provider.send_native(native.path, call.headers, body, inbox, is_once=call.is_pinned))
        return body

    async def _head_upon(self, upload: Upload, inbox: Inbox, first_byte_s: float) -> ResponseHead:
        """The head of the answer to an upload, which takes its time: silence begins behind its last piece."""
        wait_s = first_byte_s
        while True:
            try:
                return await inbox.read_head(wait_s)
            except Silent:
                wait_s = first_byte_s - (self._clock() - upload.taken_at)
                if inbox.has_failed or wait_s <= 0:
                    raise

    def _note(self, call: ForwardCall, route: Route, fault: UpstreamFault) -> None:
        call.record.reasons.append(fault.outcome)
        self._observer.attempt_finished(route.provider, fault.outcome)
        is_missing = isinstance(fault, Rejected) and fault.upstream_status == 404
        if not (is_missing and call.endpoint in _MAY_LACK):
            self._roster.note_fault(route, fault)


async def _pass(part: bytes, inbox: Inbox, reply: Reply, stall_s: float, usage: UsageReader | None) -> None:
    """`part` and what comes behind it, as it comes."""

    def push(chunk: bytes) -> bool:
        if usage is not None:
            usage.see(chunk)
        return reply.push(chunk)

    while not inbox.is_drained:
        if usage is not None:
            usage.see(part)
        await reply.send(part)
        await inbox.pour(push, stall_s)
        part = await inbox.read(stall_s)
    if usage is not None:
        usage.see(part)
    await reply.send(part, is_last=True)


async def _raise_for_status(
    head: ResponseHead, inbox: Inbox, stall_s: float, redact: Callable[[str], str]
) -> None:
    """Raise Rejected when the status blames the provider. The client's own faults pass as they are."""
    if head.status in PROVIDER_FAULTS or head.status >= 500:
        try:
            body = await inbox.read_all(stall_s, _ERROR_BODY_BYTES)
        except UpstreamFault:  # the status says enough
            body = b""
        raise rejection(head, body, redact)


def _may_be_empty(endpoint: Endpoint, head: ResponseHead) -> bool:
    """Of a recording in which nobody speaks, there is nothing to write down: plain text, of no length."""
    content_type = head.get(b"content-type") or b""
    return endpoint.modality is Modality.TRANSCRIPTION and content_type.lower().startswith(b"text/")


async def _first_part(head: ResponseHead, inbox: Inbox, deadline_s: float) -> bytes:
    """The first bytes of the body: of a short answer, all of it."""
    length = head.get(b"content-length")
    if length is not None and int(length) <= COMPLETE_UNDER_BYTES:
        return await inbox.read_all(deadline_s, COMPLETE_UNDER_BYTES)
    return await inbox.read(deadline_s)
