"""The seams of the house: Protocols that the inner rooms call and the outer rooms implement.

`transport/` implements Transport, `providers/` Provider, `metrics.py` Observer, `state/` StateStore.
Nothing here does anything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import msgspec

from router.domain import Endpoint, LibraryVoice, Modality, Model, ProviderCard, Route, Segment, Utterance, Voice
from router.errors import UpstreamFault
from router.health import HostSign, HostState, ProviderSign, ProviderState

Header = tuple[bytes, bytes]

Monotonic = Callable[[], float]
"""Seconds on a clock that never goes back; injected wherever a decision depends on time."""


class Upload(Protocol):
    """A body too large for memory, which can be read as often as it has to be sent."""

    @property
    def size(self) -> int:
        """Bytes in all."""
        ...

    @property
    def taken_at(self) -> float:
        """When a piece was last read (monotonic): whoever sends it reads no faster than the upstream takes it."""
        ...

    async def read(self, at: int) -> bytes:
        """A piece of it from offset `at` on, which is below `size`; never empty. Raises InDoubt when it cannot be
        read, which is no fault of the upstream's."""
        ...


Body = bytes | Upload


class UpstreamRequest(msgspec.Struct, frozen=True):
    """One HTTP request to a provider. `target` is path and query; `headers` lack Host and Content-Length, which
    the transport adds. The request is repeatable, its body being whole, in memory or kept as an upload, unless
    `is_once`: then it goes over a fresh connection, since on a reused one it could have to be sent again
    unanswered."""

    method: str
    target: str
    headers: Sequence[Header]
    body: Body = b""
    is_once: bool = False


class ResponseHead(msgspec.Struct):
    """Status line and headers of an upstream's answer, names in lower case."""

    status: int
    headers: Sequence[Header]
    _fields: dict[bytes, bytes] = {}
    content_type: bytes = b""  # in lower case; empty when there is none

    def __post_init__(self) -> None:
        self._fields = dict(self.headers[::-1])
        self.content_type = self._fields.get(b"content-type", b"").lower()

    def get(self, name: bytes) -> bytes | None:
        """The first header called `name` (lower case), or None."""
        return self._fields.get(name)


class Sink(Protocol):
    """Where an upstream's answer goes, in order: `head`, `data`*, then `end` or `error`. Nothing follows those.

    All four are plain calls from the event loop, so a sink may hand bytes from socket to socket without a task
    in between. A sink that falls behind pauses the exchange.
    """

    def head(self, head: ResponseHead) -> None: ...
    def data(self, chunk: bytes) -> None: ...
    def end(self) -> None: ...
    def error(self, fault: UpstreamFault) -> None: ...


class Exchange(Protocol):
    """A request under way. `abort` closes the upstream's connection at once and is idempotent; after it the sink
    hears nothing more."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def abort(self) -> None: ...


class Transport(Protocol):
    """Sends requests to one upstream, over connections of its own."""

    async def send(self, request: UpstreamRequest, sink: Sink) -> Exchange:
        """Dial if need be and write the request; the answer goes to `sink`.

        Raises NotSent when nothing went out. Later faults reach the sink.
        """
        ...

    async def touch(self) -> None:
        """Dial and hang up. Raises NotSent."""
        ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Probe:
    """What one look at a provider showed; `provider` is None when it tells of the host alone.

    `models` and `voices` are None when it told nothing new; `eta_s` is how long a load takes or still takes,
    `queued` how many requests it works on or holds, as far as it tells. `tells_models`: the states of `models` are
    of this moment, so a model may be cold while the provider is up.
    """

    host: HostSign
    provider: ProviderSign | None
    detail: str = ""
    models: tuple[Model, ...] | None = None
    voices: tuple[Voice, ...] | None = None
    eta_s: float | None = None
    queued: int = 0
    tells_models: bool = False


@dataclass(frozen=True, slots=True)
class Beat:
    """One beat of a provider's heart. `is_goodbye`: it leaves, and no other follows. `is_news`: its lists have
    changed, see `Beating.catch_up`."""

    probe: Probe
    is_goodbye: bool = False
    is_news: bool = False


class Pulse(Protocol):
    """A provider's heartbeat, held open."""

    async def beat(self, within_s: float) -> Beat | None:
        """The next beat; None when there was none within `within_s`. May be cancelled and called again.

        Raises UpstreamFault: Rejected when the provider has no heartbeat to offer, ConnectionLost at its end.
        """
        ...

    def close(self) -> None:
        """Hang up. Idempotent."""
        ...


class Provider(Protocol):
    """A server on a host: one upstream dialect. Vendor JSON does not leave the implementing module."""

    @property
    def card(self) -> ProviderCard: ...

    def redact(self, text: str) -> str:
        """`text` of the upstream's without the key it was asked with: some servers repeat it in their errors."""
        ...

    async def probe(self) -> Probe:
        """Look cheaply, never by an inference or a model load. Does not raise; has its own deadline."""
        ...

    async def touch(self) -> Probe | None:
        """Look even more cheaply while requests are in flight: within 0.3 s. None where that tells nothing, as of
        a server on the internet. Does not raise."""
        ...

    async def warm(self, model: str | None = None) -> None:
        """Ask for `model`, or its usual one, to be loaded, if the dialect knows how. Does not raise."""
        ...

    async def aclose(self) -> None: ...


class Beating(Provider, Protocol):
    """A provider that tells by itself how it is, four times a second."""

    async def listen(self) -> Pulse:
        """Begin to listen. Raises NotSent."""
        ...

    async def catch_up(self) -> None:
        """Read the lists that have changed; the next beat tells them. Raises UpstreamFault."""
        ...


class ForwardProvider(Provider, Protocol):
    """Takes opaque bodies: in memory, or as an upload where it transcribes."""

    async def send(
        self, endpoint: Endpoint, headers: Sequence[Header], body: Body, sink: Sink, *, is_once: bool = False
    ) -> Exchange: ...


@runtime_checkable
class NativeProvider(Protocol):
    """A forward provider that also takes requests in a dialect of its own, as that dialect's clients send them."""

    @property
    def dialect(self) -> str:
        """Its name; empty while the server does not speak it."""
        ...

    async def send_native(
        self, path: str, headers: Sequence[Header], body: bytes, sink: Sink, *, is_once: bool = False
    ) -> Exchange: ...


class SpeechProvider(Provider, Protocol):
    """Speaks segments."""

    async def speak(self, segment: Segment, model: str, request_id: str) -> Utterance:
        """Speak `segment` whole. Cancelling closes the connection. Raises UpstreamFault or ClientError."""
        ...


class VoiceKeeper(Protocol):
    """A speech provider that keeps copies of the library's voices, by content hash."""

    async def put_voice(self, voice: LibraryVoice, recording: bytes, *, is_checked: bool) -> tuple[str, ...]:
        """Give it the recording; warnings about its quality. `is_checked`: let it judge whether it will do.

        Raises UpstreamFault, or InvalidRequest with what is wrong with the recording.
        """
        ...

    async def prepare_voice(self, voice_id: str, model: str, *, may_load: bool) -> bool:
        """Have `model` get ready for the voice; False when it is cold and may not load for that.

        Raises UpstreamFault, InvalidRequest.
        """
        ...

    async def preview_voice(self, voice_id: str) -> bytes:
        """A few seconds of the voice as WAV. Raises UpstreamFault, InvalidRequest."""
        ...

    async def delete_voice(self, voice_id: str) -> None:
        """Forget it, if it is there. Raises UpstreamFault."""
        ...


class Record(msgspec.Struct):
    """What happened to one request, filled in as it goes and told to the observer once, at its end.

    Times are monotonic seconds; `outcome` is a word of `router.outcomes`.
    """

    request_id: str
    endpoint: str
    started: float
    client: str = "anonymous"
    model: str = ""
    provider: str = ""
    tier: int = 0
    preferred_tier: int = 0
    attempts: int = 0
    status: int = 0
    outcome: str = "ok"
    streamed: bool = False
    first_byte: float | None = None
    finished: float = 0.0
    upstream_wait_s: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    voice: str = ""
    text: str = ""  # what was to be said; empty unless server.log_text is on
    audio_s: float | None = None
    generation_s: float | None = None
    cache: str = ""  # of speech: hit, miss or bypass
    voiced: dict[str, int] = {}  # how many segments each provider spoke
    recalled: dict[str, int] = {}  # how many of each provider's were in the cache
    cost: float = 0.0  # by the prices configured, of what was done for this request
    gap_s: float = 0.0  # silence within the answer that somebody who listens in real time has heard
    predicted_s: float | None = None  # until the first segment is spoken, as it was thought to take
    first_audio: float | None = None  # when it was (monotonic)
    muted: str = ""  # why a chat that was to be spoken was not, or not to its end
    reasons: list[str] = []

    def by(self, route: Route) -> None:
        """Who answers, as far as is known now; the answer's head and the metrics say so."""
        self.provider, self.model, self.tier = route.provider, route.model, route.tier

    @property
    def overhead_s(self) -> float:
        """Time spent inside the router before the first byte left."""
        if self.first_byte is None:
            return 0.0
        return max(0.0, self.first_byte - self.started - self.upstream_wait_s)


LAG_EVERY_S: Final = 0.05  # often enough for a 99th percentile within seconds, and 0.05 % of a core


class Observer(Protocol):
    """Is told what happened; must not raise and must not wait."""

    def request_started(self, record: Record) -> None: ...
    def request_finished(self, record: Record) -> None: ...
    def attempt_finished(self, provider: str, outcome: str) -> None: ...
    def charged(self, provider: str, cost: float, characters: int) -> None:
        """It did what it charges for: `cost` by the prices configured, and of speech the characters it counts."""
        ...

    def failed_over(self, endpoint: str, from_provider: str, to_provider: str, reason: str) -> None: ...
    def provider_changed(self, card: ProviderCard, state: ProviderState, detail: str) -> None: ...
    def host_changed(self, host: str, state: HostState) -> None: ...
    def states_forgotten(self) -> None: ...
    def modality_changed(self, modality: Modality, *, is_available: bool) -> None: ...
    def loop_lagged(self, lag_s: float) -> None:
        """A timer that runs every `LAG_EVERY_S` ran so late; those that were due meanwhile are not told."""
        ...


class StateStore(Protocol):
    """What routers of one house may share: limits, cache, jobs, drain, finished answers. Local by default.

    Health is not kept here, ever: what one router can reach says nothing of another. Keys are text, values
    bytes; every entry ends by itself after `ttl_s` seconds. Bounded in entries and bytes: the least recently
    used go first.
    """

    async def get(self, key: str) -> bytes | None: ...
    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None: ...
    async def delete(self, key: str) -> None: ...
