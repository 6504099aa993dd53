"""Several observers as one, and the one that writes the log."""

import logging
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from router.domain import Modality, ProviderCard
from router.health import HostState, ProviderState
from router.outcomes import Outcome
from router.ports import Observer, Record

_root = logging.getLogger()
_access = logging.getLogger("router.access")
_health = logging.getLogger("router.health")
_QUIET = frozenset({"other"})  # pages, probes and scrapes: logged at debug only


class Observers:
    """Tells each in turn."""

    def __init__(self, members: Sequence[Observer]) -> None:
        self._members = tuple(members)

    def request_started(self, record: Record) -> None:
        for member in self._members:
            member.request_started(record)

    def request_finished(self, record: Record) -> None:
        for member in self._members:
            member.request_finished(record)

    def attempt_finished(self, provider: str, outcome: str) -> None:
        for member in self._members:
            member.attempt_finished(provider, outcome)

    def charged(self, provider: str, cost: float, characters: int) -> None:
        for member in self._members:
            member.charged(provider, cost, characters)

    def failed_over(self, endpoint: str, from_provider: str, to_provider: str, reason: str) -> None:
        for member in self._members:
            member.failed_over(endpoint, from_provider, to_provider, reason)

    def provider_changed(self, card: ProviderCard, state: ProviderState, detail: str) -> None:
        for member in self._members:
            member.provider_changed(card, state, detail)

    def host_changed(self, host: str, state: HostState) -> None:
        for member in self._members:
            member.host_changed(host, state)

    def states_forgotten(self) -> None:
        for member in self._members:
            member.states_forgotten()

    def modality_changed(self, modality: Modality, *, is_available: bool) -> None:
        for member in self._members:
            member.modality_changed(modality, is_available=is_available)

    def loop_lagged(self, lag_s: float) -> None:
        for member in self._members:
            member.loop_lagged(lag_s)


class Mutable(Observers):
    """Passes everything on; once muted, nothing about states: its configuration is no longer the one."""

    def __init__(self, observer: Observer) -> None:
        super().__init__([observer])
        self._is_muted = False

    def mute(self) -> None:
        self._is_muted = True

    def provider_changed(self, card: ProviderCard, state: ProviderState, detail: str) -> None:
        if not self._is_muted:
            super().provider_changed(card, state, detail)

    def host_changed(self, host: str, state: HostState) -> None:
        if not self._is_muted:
            super().host_changed(host, state)

    def modality_changed(self, modality: Modality, *, is_available: bool) -> None:
        if not self._is_muted:
            super().modality_changed(modality, is_available=is_available)


# What a log record has besides, as formatters expect it.
_UNTOLD: Final = {
    level: {**vars(logging.LogRecord(_access.name, level, "", 0, "request", (), None))}
    for level in (logging.DEBUG, logging.INFO)
}


class RequestLine(logging.LogRecord):
    """A log record of one request, made without looking for what nobody reads (caller, thread, process): that
    costs more than the rest. Its fields are made where it is written, in the log's own thread."""

    def __init__(self, level: int, record: Record) -> None:
        line = _UNTOLD[level].copy()
        line["created"] = now = time.time()
        line["msecs"] = now % 1 * 1000
        line["request"] = record
        self.__dict__ = line

    @property
    def told(self) -> msgspec.Struct:
        """What the line says."""
        return _line(self.__dict__["request"])

    @property
    def fields(self) -> dict[str, object]:
        """The same by name."""
        said: dict[str, object] = msgspec.to_builtins(self.told)
        return said


class LogObserver:
    """Writes one line per request and per change of health. Never a key, and what was said only where the record
    has it: with `server.log_text`."""

    def __init__(self) -> None:
        self._seen_up: set[str] = set()

    def request_started(self, record: Record) -> None:
        """Nothing: a request is logged when it ends."""

    def request_finished(self, record: Record) -> None:
        level = logging.DEBUG if record.endpoint in _QUIET and record.outcome == Outcome.OK else logging.INFO
        if _access.isEnabledFor(level):
            line = RequestLine(level, record)
            for handler in _root.handlers:  # there are no others, and no filters
                if level >= handler.level:
                    handler.handle(line)

    def attempt_finished(self, provider: str, outcome: str) -> None:
        if outcome != "ok":
            _access.debug("attempt", extra={"fields": {"provider": provider, "outcome": outcome}})

    def charged(self, provider: str, cost: float, characters: int) -> None:
        """Nothing: a request's line says what it cost."""

    def failed_over(self, endpoint: str, from_provider: str, to_provider: str, reason: str) -> None:
        fields = {"endpoint": endpoint, "from": from_provider, "to": to_provider, "reason": reason}
        _access.warning("failover", extra={"fields": fields})

    def provider_changed(self, card: ProviderCard, state: ProviderState, detail: str) -> None:
        is_news = state is not ProviderState.UNKNOWN and not (
            card.is_discovered and card.id not in self._seen_up  # nobody expects one on every usual port
        )
        if state.is_available and state is not ProviderState.UNKNOWN:
            self._seen_up.add(card.id)
            is_news = True
        fields = {"provider": card.id, "state": str(state), "detail": detail}
        _health.log(logging.INFO if is_news else logging.DEBUG, "provider", extra={"fields": fields})

    def host_changed(self, host: str, state: HostState) -> None:
        _health.debug("host", extra={"fields": {"host": host, "state": str(state)}})

    def states_forgotten(self) -> None:
        """Nothing: the log keeps what was."""

    def modality_changed(self, modality: Modality, *, is_available: bool) -> None:
        """Nothing: the providers' own lines tell it."""

    def loop_lagged(self, lag_s: float) -> None:
        if lag_s > 0.25:
            _health.warning("event loop", extra={"fields": {"lag_s": round(lag_s, 3)}})


def _ms(seconds: float) -> float:
    """Milliseconds to a tenth; `round` takes ten times as long, to be exact where nobody looks."""
    return int(seconds * 10_000 + 0.5) / 10


class _Line(msgspec.Struct, omit_defaults=True):
    """What a request's line says; what has nothing to say is left out."""

    id: str
    endpoint: str
    outcome: str
    status: int
    client: str
    model: str
    provider: str
    attempts: int
    ms: float
    first_byte_ms: float | None = None
    audio_s: float | None = None
    generation_s: float | None = None
    cache: str = ""
    segments: int | None = None
    voiced_by: dict[str, int] = {}
    gap_s: float = 0.0
    cost: float = 0.0
    audio: str = ""
    text: str = ""
    faults: list[str] = []


def _line(record: Record) -> _Line:
    line = _Line(
        record.request_id,
        record.endpoint,
        record.outcome,
        record.status,
        record.client,
        record.model[:100],
        record.provider,
        record.attempts,
        _ms(record.finished - record.started),
    )
    if record.first_byte is not None:
        line.first_byte_ms = _ms(record.first_byte - record.started)
    if record.audio_s is not None:
        line.audio_s, line.generation_s = round(record.audio_s, 2), round(record.generation_s or 0, 3)
    if record.cache:
        line.cache, line.segments = record.cache, sum((*record.voiced.values(), *record.recalled.values()))
    if len(record.voiced) > 1:
        line.voiced_by = record.voiced
    if record.gap_s:
        line.gap_s = round(record.gap_s, 2)
    if record.cost:
        line.cost = round(record.cost, 8)
    line.audio, line.text, line.faults = record.muted, record.text, record.reasons
    return line
