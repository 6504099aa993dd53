"""What the router must show beside the others, each target with the figure that it is held to."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from bench.paired import DIRECT, ROUTER, Compared, Figures

COUNT: Final = "errors"
# Each with its ways of being run: it is held by the way that is its best in the case.
RUST_WAYS: Final = {"sglang-router": ("sglang-router",), "vllm-router": ("vllm-router", "vllm-router-rr")}
RUST: Final = tuple(way for ways in RUST_WAYS.values() for way in ways)
PROXIES: Final = ("nginx", "haproxy", *RUST, "litellm", "portkey", "plain", "seed")


class Sense(Enum):
    """How a figure is held against its limit. BEATS: a ratio whose upper 95 % bound is below 1."""

    BEATS = "beats"
    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, slots=True)
class Held:
    """`who`: with whom the router was compared, where that shows only in the run."""

    compared: Compared
    who: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """`case`: whose samples it needs; `unit`: of figure and limit, empty for ratios."""

    case: str
    title: str
    must: str
    sense: Sense
    limit: float
    unit: str
    held: Callable[[Figures], Held | None]
    is_stretch: bool = False


def _ratio(case: str, figure: str, peer: str) -> Callable[[Figures], Held | None]:
    return lambda figures: _held(figures.ratio(case, ROUTER, peer, figure))


def _times_less(case: str, figure: str, peer: str) -> Callable[[Figures], Held | None]:
    return lambda figures: _held(figures.ratio(case, peer, ROUTER, figure))


def _added(case: str, figure: str, peer: str) -> Callable[[Figures], Held | None]:
    return lambda figures: _held(figures.difference(case, ROUTER, peer, figure))


def _alone(case: str, figure: str) -> Callable[[Figures], Held | None]:
    return lambda figures: _held(figures.alone(case, ROUTER, figure))


def _errors(case: str) -> Callable[[Figures], Held | None]:
    return lambda figures: _held(figures.total_errors(case, ROUTER))


def _of_best(case: str, figure: str, among: tuple[str, ...], is_most: bool) -> Callable[[Figures], Held | None]:
    def held(figures: Figures) -> Held | None:
        best = figures.best(case, among, figure, is_most)
        return _held(figures.ratio(case, ROUTER, best, figure), best) if best is not None else None

    return held


def _held(compared: Compared | None, who: str = "") -> Held | None:
    return Held(compared, who) if compared is not None else None


def _of_way(case: str, figure: str, peer: str) -> Callable[[Figures], Held | None]:
    """Of a Rust router's lowest figure; who it was is told where there was a choice."""
    ways = RUST_WAYS[peer]
    return _of_best(case, figure, ways, is_most=False) if len(ways) > 1 else _ratio(case, figure, peer)


def _beats(case: str, title: str, figure: str) -> list[Target]:
    return [
        Target(case, title, f"beat {peer}", Sense.BEATS, 1.0, "", _of_way(case, figure, peer))
        for peer in RUST_WAYS
    ]


def _first(figure: str, percentile: str) -> list[Target]:
    title = f"first event of a new stream beside 256 paced ones, {percentile}"
    to_nginx = _ratio("first-256", figure, "nginx")
    return [
        *_beats("first-256", title, figure),
        Target("first-256", title, "≤ 2 times nginx", Sense.AT_MOST, 2.0, "", to_nginx),
    ]


_JSON: Final = "JSON chat, 32 connections, CPU per request"
_BURST: Final = "50-event SSE burst, CPU per stream"
_PACED: Final = "paced SSE"
_AUDIO: Final = "200 KB of audio, MB/s"
_ONE: Final = "1 connection, latency over nginx's"
_MEMORY: Final = "memory"
_MANY: Final = "256 connections"

TARGETS: Final = (
    *_beats("json-32", _JSON, "cpu_us"),
    Target("json-32", _JSON, "≤ 5.5 times nginx", Sense.AT_MOST, 5.5, "", _ratio("json-32", "cpu_us", "nginx")),
    Target(
        "json-32",
        _JSON,
        "LiteLLM ≥ 150 times the router",
        Sense.AT_LEAST,
        150.0,
        "",
        _times_less("json-32", "cpu_us", "litellm"),
    ),
    *(
        Target("burst-32", _BURST, f"half of {peer}", Sense.AT_MOST, 0.5, "", _of_way("burst-32", "cpu_us", peer))
        for peer in RUST_WAYS
    ),
    Target("burst-32", _BURST, "≤ 2 times nginx", Sense.AT_MOST, 2.0, "", _ratio("burst-32", "cpu_us", "nginx")),
    *_first("p50_us", "p50"),
    *_first("p99_us", "p99"),
    Target(
        "paced-100",
        f"{_PACED}, added delay per event, p50",
        "≤ 1 ms",
        Sense.AT_MOST,
        1000.0,
        "µs",
        _added("paced-100", "p50_us", DIRECT),
    ),
    Target(
        "paced-100",
        f"{_PACED}, CPU per event",
        "≤ 30 µs",
        Sense.AT_MOST,
        30.0,
        "µs",
        _alone("paced-100", "cpu_us"),
    ),
    Target(
        "paced-100",
        f"{_PACED}, CPU per event",
        "stretch: ≤ 17 µs",
        Sense.AT_MOST,
        17.0,
        "µs",
        _alone("paced-100", "cpu_us"),
        is_stretch=True,
    ),
    Target(
        "audio-8",
        _AUDIO,
        "≥ 0.6 times the best proxy",
        Sense.AT_LEAST,
        0.6,
        "",
        _of_best("audio-8", "per_s", PROXIES, is_most=True),
    ),
    Target(
        "audio-8",
        _AUDIO,
        "≥ 5 times plain Litestar + httpx",
        Sense.AT_LEAST,
        5.0,
        "",
        _ratio("audio-8", "per_s", "plain"),
    ),
    Target("json-1", f"{_ONE}, p50", "≤ 150 µs", Sense.AT_MOST, 150.0, "µs", _added("json-1", "p50_us", "nginx")),
    Target("json-1", f"{_ONE}, p99", "≤ 1 ms", Sense.AT_MOST, 1000.0, "µs", _added("json-1", "p99_us", "nginx")),
    Target("start", f"{_MEMORY} at rest", "≤ 80 MB", Sense.AT_MOST, 80.0, "MB", _alone("start", "resident_mb")),
    Target(
        "idle-1000",
        f"{_MEMORY} per open stream",
        "≤ 40 KB",
        Sense.AT_MOST,
        40.0,
        "KB",
        _alone("idle-1000", "stream_kb"),
    ),
    Target("json-256", f"{_MANY}, errors", "0", Sense.AT_MOST, 0.0, COUNT, _errors("json-256")),
    Target(
        "json-256",
        f"{_MANY}, p99",
        "≤ 1.5 times the better Rust router",
        Sense.AT_MOST,
        1.5,
        "",
        _of_best("json-256", "p99_us", RUST, is_most=False),
    ),
)
