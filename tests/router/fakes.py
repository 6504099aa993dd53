"""Stand-ins for what lies behind the ports. Each records what must not happen in `forbidden`."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from router.domain import Endpoint, Modality, ProviderCard, Segment, Utterance
from router.errors import UpstreamFault
from router.health import HostSign, HostState, ProviderSign, ProviderState
from router.ports import Body, Exchange, Header, Probe, Record, ResponseHead, Sink, Upload

SECRET: Final = "upstream-key"  # what a fake provider is asked with
JSON: Final[Header] = (b"Content-Type", b"application/json")


class ManualClock:
    """Monotonic seconds that pass when told."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class RecordingSink:
    """Takes an answer and notices whatever breaks the order head, data*, end or error."""

    def __init__(self) -> None:
        self.heads: list[ResponseHead] = []
        self.chunks: list[bytes] = []
        self.fault: UpstreamFault | None = None
        self.is_ended = False
        self.forbidden: list[str] = []
        self.is_aborted = False
        self.over = asyncio.Event()
        self.begun = asyncio.Event()

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def status(self) -> int:
        return self.heads[-1].status

    def header(self, name: bytes) -> bytes | None:
        return self.heads[-1].get(name)

    def _hear(self, what: str) -> None:
        if self.over.is_set():
            self.forbidden.append(f"{what} after the end")
        if self.is_aborted:
            self.forbidden.append(f"{what} after abort")

    def head(self, head: ResponseHead) -> None:
        self._hear("head")
        if self.heads:
            self.forbidden.append("a second head")
        self.heads.append(head)
        self.begun.set()

    def data(self, chunk: bytes) -> None:
        self._hear("data")
        if not self.heads:
            self.forbidden.append("data before head")
        self.chunks.append(chunk)

    def end(self) -> None:
        self._hear("end")
        self.is_ended = True
        self.over.set()

    def error(self, fault: UpstreamFault) -> None:
        self._hear("error")
        self.fault = fault
        self.over.set()


class RecordingObserver:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.started: list[Record] = []
        self.finished: list[Record] = []
        self.attempts: list[tuple[str, str]] = []
        self.charges: list[tuple[str, float, int]] = []
        self.failovers: list[tuple[str, str, str, str]] = []
        self.providers: list[tuple[str, ProviderState, str]] = []
        self.hosts: list[tuple[str, HostState]] = []
        self.modalities: list[tuple[Modality, bool]] = []
        self.forgettings = 0
        self.lags: list[float] = []

    def request_started(self, record: Record) -> None:
        self.started.append(record)

    def request_finished(self, record: Record) -> None:
        self.finished.append(record)

    def attempt_finished(self, provider: str, outcome: str) -> None:
        self.attempts.append((provider, outcome))

    def charged(self, provider: str, cost: float, characters: int) -> None:
        self.charges.append((provider, cost, characters))

    def failed_over(self, endpoint: str, from_provider: str, to_provider: str, reason: str) -> None:
        self.failovers.append((endpoint, from_provider, to_provider, reason))

    def provider_changed(self, card: ProviderCard, state: ProviderState, detail: str) -> None:
        self.providers.append((card.id, state, detail))

    def host_changed(self, host: str, state: HostState) -> None:
        self.hosts.append((host, state))

    def states_forgotten(self) -> None:
        self.forgettings += 1

    def modality_changed(self, modality: Modality, *, is_available: bool) -> None:
        self.modalities.append((modality, is_available))

    def loop_lagged(self, lag_s: float) -> None:
        self.lags.append(lag_s)


# What a scripted answer is made of: a head, body bytes, a fault, or an event to wait for.
Step = ResponseHead | bytes | UpstreamFault | asyncio.Event


def head(status: int = 200, *headers: Header) -> ResponseHead:
    return ResponseHead(status, [(name.lower(), value) for name, value in headers])  # as transports tell them


def whole(body: bytes, *headers: Header, status: int = 200, media_type: bytes = JSON[1]) -> list[Step]:
    """An answer that tells its length and comes at once."""
    known = (b"Content-Type", media_type), (b"Content-Length", str(len(body)).encode())
    return [head(status, *known, *headers), *([body] if body else [])]


@dataclass(frozen=True, slots=True)
class Sent:
    """One request that a provider was given."""

    endpoint: Endpoint
    headers: Sequence[Header]
    body: bytes
    is_once: bool = False

    def get(self, name: str) -> bytes | None:
        return next((value for key, value in self.headers if key.decode().lower() == name), None)


async def read_whole(upload: Upload) -> bytes:
    """As a transport reads it; as long as it says."""
    whole = b""
    while len(whole) < upload.size:
        whole += await upload.read(len(whole))
    assert len(whole) == upload.size
    return whole


class FakeExchange:
    """A scripted answer under way. Ends by itself unless the script's last step is a fault or an event."""

    def __init__(self, steps: Iterable[Step], sink: Sink, forbidden: list[str]) -> None:
        self._steps = list(steps)
        self._sink = sink
        self._forbidden = forbidden
        self.is_aborted = False
        self.is_over = False
        self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        for step in self._steps:
            match step:
                case ResponseHead():
                    self._sink.head(step)
                case bytes():
                    self._sink.data(step)
                case asyncio.Event():
                    await step.wait()
                case UpstreamFault():
                    self._sink.error(step)
                    return
            await asyncio.sleep(0)
        self.is_over = True
        self._sink.end()

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def abort(self) -> None:
        if self.is_over:
            self._forbidden.append("abort after the end: the connection may serve somebody else by now")
        self.is_aborted = True
        self.task.cancel()


class FakeForward:
    """A ForwardProvider whose attempts follow scripts, one after the other; the last one repeats.

    A script is a list of steps, or a fault that `send` raises.
    """

    def __init__(self, card: ProviderCard, *scripts: Sequence[Step] | UpstreamFault) -> None:
        self.card = card
        self._scripts = list(scripts)
        self.sent: list[Sent] = []
        self.exchanges: list[FakeExchange] = []
        self.forbidden: list[str] = []
        self.warmings = 0
        self.warmed: list[str | None] = []
        self.is_closed = False

    def redact(self, text: str) -> str:
        return text.replace(SECRET, "[key]")

    async def probe(self) -> Probe:
        return Probe(HostSign.ANSWERED, ProviderSign.READY)

    async def touch(self) -> Probe | None:
        return Probe(HostSign.ANSWERED, None)

    async def warm(self, model: str | None = None) -> None:
        self.warmings += 1
        self.warmed.append(model)

    async def send(
        self, endpoint: Endpoint, headers: Sequence[Header], body: Body, sink: Sink, *, is_once: bool = False
    ) -> Exchange:
        whole = body if isinstance(body, bytes) else await read_whole(body)
        self.sent.append(Sent(endpoint, list(headers), whole, is_once))
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        if isinstance(script, UpstreamFault):
            raise script
        exchange = FakeExchange(script, sink, self.forbidden)
        self.exchanges.append(exchange)
        return exchange

    async def aclose(self) -> None:
        self.is_closed = True


class RecordingExchange:
    """Writes down what it is asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")

    def abort(self) -> None:
        self.calls.append("abort")


@dataclass(slots=True)
class FakeSpeech:
    """A SpeechProvider: every segment is spoken by `voice`, which returns or raises."""

    card: ProviderCard
    voice: Callable[[Segment], Utterance]
    blocks_on: asyncio.Event | None = None
    heard: list[tuple[Segment, str, str]] = field(default_factory=list)
    was_cancelled: bool = False
    warmings: int = 0
    warmed: list[str | None] = field(default_factory=list)
    is_closed: bool = False

    def redact(self, text: str) -> str:
        return text.replace(SECRET, "[key]")

    async def probe(self) -> Probe:
        return Probe(HostSign.ANSWERED, ProviderSign.READY)

    async def touch(self) -> Probe | None:
        return Probe(HostSign.ANSWERED, ProviderSign.READY)

    async def warm(self, model: str | None = None) -> None:
        self.warmings += 1
        self.warmed.append(model)

    async def speak(self, segment: Segment, model: str, request_id: str) -> Utterance:
        self.heard.append((segment, model, request_id))
        if self.blocks_on is not None:
            try:
                await self.blocks_on.wait()
            except asyncio.CancelledError:
                self.was_cancelled = True
                raise
        return self.voice(segment)

    async def aclose(self) -> None:
        self.is_closed = True


def _card(
    kind: str,
    modality: Modality,
    name: str,
    *,
    tier: int = 1,
    host: str = "",
    first_byte_s: float = 5,
    stall_s: float = 5,
    **more: Any,
) -> ProviderCard:
    serves, host = frozenset({modality}), host or f"{name}-host"
    return ProviderCard(name, kind, host, serves, tier, first_byte_s=first_byte_s, stall_s=stall_s, **more)


def chat_card(name: str, **more: Any) -> ProviderCard:
    """Alone on its machine, unless told otherwise; as the next two."""
    return _card("openai", Modality.CHAT, name, **more)


def transcription_card(name: str, **more: Any) -> ProviderCard:
    return _card("openai", Modality.TRANSCRIPTION, name, **more)


def speech_card(name: str, **more: Any) -> ProviderCard:
    return _card("tts-node", Modality.SPEECH, name, **more)


def pcm(seconds: float) -> bytes:
    """A quiet saw-tooth: 24 kHz, s16le, mono."""
    count = int(seconds * 24_000)
    return b"".join((index % 200 * 50).to_bytes(2, "little", signed=True) for index in range(count))
