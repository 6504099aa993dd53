"""Ollama: its OpenAI routes for what is asked in OpenAI's words; its own for what comes in Ollama's, and to know
which models are loaded, to load and to keep them.

Follows ollama/ollama of 2026-08-21 (fb30760): docs/api.md, docs/faq.mdx, openai/openai.go. A server on Ollama's
port that has no `/api/ps` is used by its OpenAI routes alone.
"""

import functools
import logging
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from router.answers import error_message
from router.domain import ENDPOINT_PATHS, OLLAMA, Endpoint, Model, ProviderCard
from router.errors import Rejected, UpstreamFault
from router.health import HostSign, ProviderSign
from router.ports import Body, Exchange, Header, Monotonic, Probe, ResponseHead, Sink
from router.providers.ollama_answers import WatchedAnswer
from router.providers.ollama_keeping import Keeper
from router.providers.ollama_models import OllamaModels, Running, Tags
from router.providers.origin import Origin, decoded, probe_of, request_headers
from router.providers.server import Server
from router.spellings import tagged

_log = logging.getLogger(__name__)
_V1: Final = "/v1"
_ENDS_WITH_DONE: Final = frozenset({Endpoint.CHAT, Endpoint.COMPLETIONS})
_STREAMS: Final = (b"text/event-stream", b"application/x-ndjson")
_NEWER: Final = b'"max_completion_tokens"'
_NOT_CALLED_SO: Final = (
    "refuses the name that it is called by (status 403): give its IP address, or start it with OLLAMA_HOST=0.0.0.0"
)


class _Named(msgspec.Struct):
    model: str | None = None


class _Entry(msgspec.Struct):
    id: str


class _List(msgspec.Struct):
    data: list[_Entry] | None = None


_named: Final = msgspec.json.Decoder(_Named)
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Ollama(Server):
    """Implements `ports.ForwardProvider` and `ports.NativeProvider`. `keep_alive`: how long a model stays loaded
    after an answer, as `providers.NAME.keep_alive`."""

    def __init__(
        self, card: ProviderCard, origin: Origin, *, keep_alive: str = "", clock: Monotonic = time.monotonic
    ) -> None:
        super().__init__(card, origin)
        self._clock = clock
        self._models = OllamaModels()
        self._keeper = Keeper(origin, keep_alive)
        self._is_ollama = True  # as its last probe showed

    async def probe(self) -> Probe:
        """GET /api/ps, and /api/tags now and then. Neither loads anything."""
        try:
            try:
                running = decoded(await self._origin.look("/api/ps"), Running, "its list of loaded models")
            except Rejected as fault:
                if fault.upstream_status == 404:
                    return await self._probe_of_another()
                raise
            if self._models.must_list(running, self._clock()):
                tags = decoded(await self._origin.look("/api/tags"), Tags, "its model list")
                self._models.note_list(tags.models or (), self._clock())
        except UpstreamFault as fault:
            self._models.forget()
            return _probe_of(fault)
        self._is_ollama = True
        self._models.note_running(running, self._clock())
        told = self._models.told(self._clock())
        return Probe(HostSign.ANSWERED, ProviderSign.READY, "", told, tells_models=True)

    async def _probe_of_another(self) -> Probe:
        """Of a server with OpenAI's routes only. Raises UpstreamFault."""
        listing = decoded(await self._origin.look(_V1 + "/models"), _List, "its model list")
        self._is_ollama = False
        models = tuple(Model(entry.id) for entry in listing.data or ())
        return Probe(HostSign.ANSWERED, ProviderSign.READY, "", models)

    async def send(
        self, endpoint: Endpoint, headers: Sequence[Header], body: Body, sink: Sink, *, is_once: bool = False
    ) -> Exchange:
        """See `ports.ForwardProvider.send`."""
        if isinstance(body, bytes) and self._is_ollama:
            if _NEWER in body:
                body = _with_the_older_name(body)
            sink = self._watched(body, sink, ends_with_done=endpoint in _ENDS_WITH_DONE)
        is_once = is_once or self.card.is_billed
        return await self._origin.post(_V1 + ENDPOINT_PATHS[endpoint], headers, body, sink, is_once=is_once)

    @property
    def dialect(self) -> str:
        """See `ports.NativeProvider`."""
        return OLLAMA if self._is_ollama else ""

    async def send_native(
        self, path: str, headers: Sequence[Header], body: bytes, sink: Sink, *, is_once: bool = False
    ) -> Exchange:
        """See `ports.NativeProvider`. Whoever sent it reads what its lines say of a failure."""
        is_once = is_once or self.card.is_billed
        watched = self._watched(body, sink, ends_with_done=False)
        return await self._origin.post(path, headers, body, watched, is_once=is_once)

    def _watched(self, body: bytes, sink: Sink, *, ends_with_done: bool) -> WatchedAnswer:
        """The same, of whose answer is seen what it says of the model."""
        name = _model_in(body)
        began = self._clock() if self._models.is_cold(name) else None
        return WatchedAnswer(
            sink,
            ends_with_done=ends_with_done,
            begun=functools.partial(self._begun, name, began),
            over=functools.partial(self._keeper.keep, name),
        )

    def _begun(self, name: str, began: float | None, head: ResponseHead) -> None:
        if head.status == 404:
            self._models.note_missing()
        if head.status != 200:
            return
        # An answer that is not streamed begins when all of it is there, which says nothing of the load.
        is_streamed = head.content_type.startswith(_STREAMS)
        took_s = self._clock() - began if began is not None and is_streamed else None
        self._models.note_answer(name, took_s)

    async def warm(self, model: str | None = None) -> None:
        """POST /api/generate without a prompt, which loads; until it has, or for as long as an answer may be
        silent."""
        name = tagged(model) if model else self._models.usual()
        if name is None or not self._is_ollama or not self._models.can_chat(name):
            return
        was_cold, began = self._models.is_cold(name), self._clock()
        body = msgspec.json.encode({"model": name, **self._keeper.wish})
        try:
            head, said = await self._origin.ask(
                "POST", "/api/generate", request_headers("warm"), body, deadline_s=self.card.first_byte_s
            )
        except UpstreamFault as fault:
            _log.info("%s could not load %s: %s", self.card.id, name, self.redact(fault.message))
            return
        if head.status == 200:
            self._models.note_answer(name, self._clock() - began if was_cold else None)
        else:
            why = self.redact(error_message(said))
            _log.info("%s could not load %s: status %d %s", self.card.id, name, head.status, why)

    async def aclose(self) -> None:
        """Close every connection, and end what keeps models loaded."""
        await self._keeper.aclose()
        await super().aclose()


def _probe_of(fault: UpstreamFault) -> Probe:
    """As for any origin; but without a key, 403 is for the name in `Host`."""
    if isinstance(fault, Rejected) and fault.upstream_status == 403:
        return Probe(HostSign.ANSWERED, ProviderSign.FAULT, _NOT_CALLED_SO)
    return probe_of(fault)


def _model_in(body: bytes) -> str:
    """The model that is asked, as Ollama spells it."""
    try:
        return tagged(_named.decode(body).model or "")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def _with_the_older_name(body: bytes) -> bytes:
    """`max_completion_tokens` as `max_tokens`: it does not read the newer name, and would write without end."""
    try:
        members = _members.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    most = members.pop("max_completion_tokens", None)
    if most is None or "max_tokens" in members:
        return body
    return msgspec.json.encode({**members, "max_tokens": most})
