"""Prometheus. The only importer of prometheus_client; the core knows the `Observer` port and nothing of this.

Labels are bounded: models are the registry's, outcomes, states and reasons are closed vocabularies.
"""

from collections.abc import Callable
from functools import partial

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tts_node.domain import Memory, ModelState, Outcome, Priority, Speech

_LATENCY_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_AUDIO_S = (0.5, 1, 2, 5, 10, 20, 40, 60, 120, 300)
_RTF = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10)
CONTENT_TYPE = CONTENT_TYPE_LATEST


def _memory_of(kind: str, vram: Callable[[], Memory | None]) -> float:
    memory = vram()
    return 0.0 if memory is None else float(getattr(memory, f"{kind}_bytes"))


class Metrics:
    """An `Observer` that counts."""

    def __init__(
        self,
        queue_depth: Callable[[Priority], float],
        vram: Callable[[], Memory | None] = lambda: None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._registry = registry = registry or CollectorRegistry()
        self._requests = Counter(
            "tts_node_requests_total",
            "Speech requests by how they ended, and all that were refused entry.",
            ["outcome"],
            registry=registry,
        )
        self._request_s = Histogram(
            "tts_node_request_duration_seconds",
            "From a request's first byte to its reply's last.",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self._generation_s = Histogram(
            "tts_node_generation_seconds",
            "Inference time of an utterance, without queue and load.",
            ["model"],
            buckets=_LATENCY_S,
            registry=registry,
        )
        self._audio_s = Histogram(
            "tts_node_audio_seconds", "Audio of an utterance.", ["model"], buckets=_AUDIO_S, registry=registry
        )
        self._rtf = Histogram(
            "tts_node_realtime_factor",
            "Inference seconds per audio second; below 1 is faster than speech.",
            ["model"],
            buckets=_RTF,
            registry=registry,
        )
        self._first_audio_s = Histogram(
            "tts_node_time_to_first_audio_seconds",
            "From a request's arrival to the engine's first audio, with queue and load.",
            ["model"],
            buckets=_LATENCY_S,
            registry=registry,
        )
        self._load_s = Histogram(
            "tts_node_model_load_seconds",
            "From a child's start to its readiness.",
            ["model"],
            buckets=_LATENCY_S,
            registry=registry,
        )
        self._lost = Counter(
            "tts_node_child_restarts_total",
            "Child processes that ended against the node's will; the next request starts a fresh one.",
            ["reason"],
            registry=registry,
        )
        self._state = Gauge(
            "tts_node_model_state", "1 for the state a model is in.", ["model", "state"], registry=registry
        )
        self._load_failures = Counter(
            "tts_node_load_failures_total", "Models that did not come up.", ["model"], registry=registry
        )
        self._evictions = Counter(
            "tts_node_evictions_total", "Idle models unloaded to make room.", ["model"], registry=registry
        )
        self._retries = Counter(
            "tts_node_retries_total", "What was spoken anew, unheard.", ["reason"], registry=registry
        )
        self._watch(queue_depth, vram)
        for outcome in Outcome:  # a counter that exists from the start can be alerted on
            self._requests.labels(outcome)
        for reason in ("crash", "hang", "protocol", "memory"):
            self._lost.labels(reason)
        for reason in ("crash", "engine"):
            self._retries.labels(reason)

    def text(self) -> bytes:
        """The exposition, of type CONTENT_TYPE."""
        return generate_latest(self._registry)

    def refused(self, outcome: Outcome) -> None:
        """A request, to whatever route, did not get past the gate."""
        self._requests.labels(outcome).inc()

    def _watch(self, queue_depth: Callable[[Priority], float], vram: Callable[[], Memory | None]) -> None:
        """Gauges that are read when somebody asks."""
        depth = Gauge(
            "tts_node_queue_depth", "Requests that wait for their turn.", ["priority"], registry=self._registry
        )
        for priority in Priority:
            depth.labels(priority.name.lower()).set_function(partial(queue_depth, priority))
        memory = Gauge(
            "tts_node_vram_bytes",
            "The device's memory as the last child saw it; 0 while no child has a device.",
            ["kind"],
            registry=self._registry,
        )
        for kind in ("used", "free", "total"):
            memory.labels(kind).set_function(partial(_memory_of, kind, vram))

    # the port

    def spoken(self, model: str, speech: Speech) -> None:
        """An utterance is complete."""
        self._generation_s.labels(model).observe(speech.generation_time_s)
        self._audio_s.labels(model).observe(speech.audio_duration_s)
        if speech.realtime_factor is not None:
            self._rtf.labels(model).observe(speech.realtime_factor)

    def first_audio(self, model: str, waited_s: float) -> None:
        """A request has its first audio."""
        self._first_audio_s.labels(model).observe(waited_s)

    def answered(self, outcome: Outcome, duration_s: float) -> None:
        """A speech request is over."""
        self._requests.labels(outcome).inc()
        self._request_s.observe(duration_s)

    def loaded(self, model: str, load_s: float) -> None:
        """A model came up."""
        self._load_s.labels(model).observe(load_s)

    def load_failed(self, model: str) -> None:
        """A model did not come up."""
        self._load_failures.labels(model).inc()

    def evicted(self, model: str) -> None:
        """An idle model made room."""
        self._evictions.labels(model).inc()

    def retried(self, reason: str) -> None:
        """Something was spoken anew."""
        self._retries.labels(reason).inc()

    def child_lost(self, reason: str) -> None:
        """A child ended unwanted."""
        self._lost.labels(reason).inc()

    def state_changed(self, model: str, state: ModelState) -> None:
        """Exactly one state of a model is 1."""
        for each in ModelState:
            self._state.labels(model, each).set(each is state)
