"""Prometheus metrics: an observer that counts. With `counting.py` the only room that
imports prometheus_client.

Label values come from closed sets or are bounded: what clients may invent (a model's or a voice's name) becomes
`_other` beyond `MAX_NAMES` different ones. docs/metrics.md lists every metric, and a test holds it to that.
"""

from typing import Final, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from router.counting import Counts, Distribution, Distributions, Levels, Number
from router.domain import Modality, ProviderCard
from router.health import HostState, ProviderState
from router.outcomes import Outcome
from router.ports import LAG_EVERY_S, Record

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series per child, which no dashboard reads

OTHER: Final = "_other"
_OK: Final = Outcome.OK
MAX_NAMES: Final = 200
MAX_MISSED: Final = 200  # timers of one lag: 10 s
LATENCY_BUCKETS_S: Final = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
    60,
    120,
    300,
)
OVERHEAD_BUCKETS_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1)
LAG_BUCKETS_S: Final = (
    0.0005,
    0.001,
    0.0015,
    0.002,
    0.003,
    0.004,
    0.005,
    0.0075,
    0.01,
    0.015,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
)
ERROR_BUCKETS_S: Final = (-10, -5, -2.5, -1, -0.5, -0.25, -0.1, 0, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
REALTIME_FACTOR_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10)
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


class _Names:
    """Keeps a label's values to a bounded set."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def bounded(self, name: str) -> str:
        if name in self._seen:
            return name
        if len(self._seen) >= MAX_NAMES:
            return OTHER
        self._seen.add(name)
        return name


class _Route(NamedTuple):
    """What is measured of every request, bound to one endpoint."""

    in_flight: Number
    duration: Distribution
    first_byte: Distribution
    overhead: Distribution


class Metrics:
    """Implements `ports.Observer`. Several may live in one process: the registry is their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._models = _Names()
        self._voices = _Names()
        self._routes: dict[str, _Route] = {}
        registry = self.registry
        self._requests = Counts(
            "router_requests",
            "Requests by how they ended.",
            ["endpoint", "model", "provider", "outcome"],
            registry,
        )
        self._duration = Distributions(
            "router_request_duration_seconds",
            "From the request's head to the answer's last byte.",
            ["endpoint"],
            LATENCY_BUCKETS_S,
            registry,
        )
        self._first_byte = Distributions(
            "router_time_to_first_byte_seconds",
            "From the request's head to the answer's first byte.",
            ["endpoint"],
            LATENCY_BUCKETS_S,
            registry,
        )
        self._overhead = Distributions(
            "router_overhead_seconds",
            "The router's own part of the time to the first byte.",
            ["endpoint"],
            OVERHEAD_BUCKETS_S,
            registry,
        )
        self._generation = Histogram(
            "router_tts_generation_seconds",
            "X-Generation-Time of spoken answers.",
            ["model", "provider"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._audio = Histogram(
            "router_tts_audio_seconds",
            "X-Audio-Duration of spoken answers.",
            ["model", "provider"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._realtime_factor = Histogram(
            "router_tts_realtime_factor",
            "Generation time divided by audio duration; below 1 is faster than playback.",
            ["model", "provider"],
            buckets=REALTIME_FACTOR_BUCKETS,
            registry=registry,
        )
        self._segments = Counter(
            "router_tts_segments",
            "Segments of spoken answers by who spoke them, and whether now or from the cache.",
            ["provider", "source"],
            registry=registry,
        )
        self._first_audio = Histogram(
            "router_tts_first_audio_seconds",
            "From the request's head to the first segment, spoken whole.",
            ["provider"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._first_audio_error = Histogram(
            "router_tts_first_audio_error_seconds",
            "How much longer the first segment took than predicted; negative: less.",
            ["provider"],
            buckets=ERROR_BUCKETS_S,
            registry=registry,
        )
        self._chat_first_audio = Histogram(
            "router_chat_first_audio_seconds",
            "From a chat's head to the first audio of its answer.",
            ["provider"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._gap = Histogram(
            "router_tts_gap_seconds",
            "Silence within a streamed answer that somebody who listens in real time has heard.",
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._attempts = Counts(
            "router_upstream_attempts",
            "Attempts at a provider by how they ended.",
            ["provider", "outcome"],
            registry,
        )
        self._failovers = Counter(
            "router_failovers",
            "Requests that went on to another provider after one failed.",
            ["endpoint", "from_provider", "to_provider", "reason"],
            registry=registry,
        )
        self._provider_state = Gauge(
            "router_provider_state",
            "1 for the state a provider is in, 0 for the others.",
            ["provider", "state"],
            registry=registry,
        )
        self._host_state = Gauge(
            "router_host_state",
            "1 for the state a host is in, 0 for the others.",
            ["host", "state"],
            registry=registry,
        )
        self._available = Gauge(
            "router_modality_available",
            "1 when a provider other than the demo can serve chat, speech or transcription, else 0.",
            ["modality"],
            registry=registry,
        )
        self._fallbacks = Counter(
            "router_fallback_answers",
            "Answers that did not come from a most preferred provider.",
            ["endpoint", "provider"],
            registry=registry,
        )
        self._in_flight = Levels(
            "router_inflight_requests",
            "Requests being answered now.",
            ["endpoint"],
            registry,
        )
        self._cache = Counter(
            "router_cache_requests",
            "Speech requests by what the cache had.",
            ["result"],
            registry=registry,
        )
        self._voice_requests = Counter(
            "router_voice_requests", "Spoken answers by voice.", ["voice"], registry=registry
        )
        tokens = Counts("router_chat_tokens", "Tokens that answers reported.", ["direction"], registry)
        self._tokens_in, self._tokens_out = tokens.child("input"), tokens.child("output")
        self._cost = Counter(
            "router_cost",
            "What providers charged, by the prices configured and in their currency.",
            ["provider"],
            registry=registry,
        )
        self._billed_characters = Counter(
            "router_billed_characters",
            "Characters of speech that providers charged for, by their own count where they tell it.",
            ["provider"],
            registry=registry,
        )
        self._loop_lag = Histogram(
            "router_event_loop_lag_seconds",
            "How late the event loop ran a timer.",
            buckets=LAG_BUCKETS_S,
            registry=registry,
        )

    def exposition(self) -> bytes:
        """The text that Prometheus scrapes."""
        return generate_latest(self.registry)

    # ports.Observer

    def request_started(self, record: Record) -> None:
        self._route(record.endpoint).in_flight.value += 1

    def request_finished(self, record: Record) -> None:
        route = self._route(record.endpoint)
        route.in_flight.value -= 1
        is_known = record.provider != ""  # an unknown model never reached a provider
        model = self._models.bounded(record.model) if is_known else OTHER
        self._requests.add(record.endpoint, model, record.provider or "none", record.outcome)
        route.duration.observe(record.finished - record.started)
        if record.first_byte is not None and is_known:
            route.first_byte.observe(record.first_byte - record.started)
            route.overhead.observe(record.overhead_s)
        if record.outcome == _OK and is_known and record.tier > record.preferred_tier:
            self._fallbacks.labels(record.endpoint, record.provider).inc()
        if record.tokens_in or record.tokens_out:
            self._tokens_in.value += record.tokens_in
            self._tokens_out.value += record.tokens_out
        if record.cache:
            self._spoken(record)
        elif record.first_audio is not None:
            self._chat_first_audio.labels(record.provider).observe(record.first_audio - record.started)
        if record.audio_s is not None and record.outcome == _OK:
            self._speech_finished(record, model, record.audio_s)

    def _route(self, endpoint: str) -> "_Route":
        """What is measured of every request to `endpoint`."""
        route = self._routes.get(endpoint)
        if route is None:
            route = self._routes[endpoint] = _Route(
                self._in_flight.child(endpoint),
                self._duration.child(endpoint),
                self._first_byte.child(endpoint),
                self._overhead.child(endpoint),
            )
        return route

    def attempt_finished(self, provider: str, outcome: str) -> None:
        self._attempts.add(provider, outcome)

    def charged(self, provider: str, cost: float, characters: int) -> None:
        if cost:
            self._cost.labels(provider).inc(cost)
        if characters:
            self._billed_characters.labels(provider).inc(characters)

    def failed_over(self, endpoint: str, from_provider: str, to_provider: str, reason: str) -> None:
        self._failovers.labels(endpoint, from_provider, to_provider, reason).inc()

    def provider_changed(self, card: ProviderCard, state: ProviderState, detail: str) -> None:
        del detail  # for the log
        for each in ProviderState:
            self._provider_state.labels(card.id, each).set(each is state)

    def host_changed(self, host: str, state: HostState) -> None:
        for each in HostState:
            self._host_state.labels(host, each).set(each is state)

    def states_forgotten(self) -> None:
        """A reload: providers and hosts that are configured no more must not keep their last state."""
        for gauge in (self._provider_state, self._host_state, self._available):
            gauge.clear()

    def modality_changed(self, modality: Modality, *, is_available: bool) -> None:
        self._available.labels(modality).set(is_available)

    def loop_lagged(self, lag_s: float) -> None:
        # Once more for every timer that was missed: whoever came meanwhile waited for the rest of the lag.
        for missed in range(1 + min(int(lag_s / LAG_EVERY_S), MAX_MISSED)):
            self._loop_lag.observe(lag_s - missed * LAG_EVERY_S)

    def _spoken(self, record: Record) -> None:
        """What was spoken, whether the answer was finished or not."""
        self._cache.labels(record.cache).inc()
        for provider, count in record.voiced.items():
            self._segments.labels(provider, "generated").inc(count)
        for provider, count in record.recalled.items():
            self._segments.labels(provider, "cache").inc(count)
        if record.first_audio is not None:
            took_s = record.first_audio - record.started
            self._first_audio.labels(record.provider).observe(took_s)
            if record.predicted_s is not None:
                self._first_audio_error.labels(record.provider).observe(took_s - record.predicted_s)
        if record.gap_s > 0:
            self._gap.observe(record.gap_s)

    def _speech_finished(self, record: Record, model: str, audio_s: float) -> None:
        self._voice_requests.labels(self._voices.bounded(record.voice)).inc()
        if record.cache == "hit" or not record.provider:
            return  # nothing was generated
        generation_s = record.generation_s or 0.0
        self._generation.labels(model, record.provider).observe(generation_s)
        self._audio.labels(model, record.provider).observe(audio_s)
        if audio_s > 0:
            self._realtime_factor.labels(model, record.provider).observe(generation_s / audio_s)
