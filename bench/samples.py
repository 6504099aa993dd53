"""One figure-giving look at one contender."""

from dataclasses import asdict, dataclass
from typing import Final

from bench.cases import Case

_REASON_CHARS: Final = 200


class SampleFailed(Exception):
    """A sample that gives no figures: some requests were not answered well, or the contender is gone."""

    def __init__(self, reason: str, errors: int = 0) -> None:
        super().__init__(reason)
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Sample:
    """One contender on one case in one round.

    `cpu_us`: the gateway's per unit (request, stream or event). `p50_us`, `p99_us`: of a whole request, of one
    event's way, or until a new stream's first event. `per_s`: units a second. `harness_share`: how busy load and
    upstream were, of the cores they had: near 1, `per_s` is theirs and only a lower bound of the gateway's.
    `waited_share`: of the time in which the gateway could have run, how much others held its core; above a few per
    cent, `per_s` and the latencies are the neighbours', and caches are cold. `resident_mb`: after the load, or at
    rest. `stream_kb`: memory per open stream, in units of 1000 bytes. `start_s`: from exec to the first good chat.
    `left_open`: upstream's streams that the gateway still held when their clients had long gone.
    `errors`: requests that did not end well; `failed`: why there are no other figures.

    What was not measured, or cannot be, is None.
    """

    round: int
    case: str
    contender: str
    connections: int
    units: int | None = None
    cpu_us: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    per_s: float | None = None
    harness_share: float | None = None
    waited_share: float | None = None
    resident_mb: float | None = None
    stream_kb: float | None = None
    start_s: float | None = None
    left_open: int | None = None
    errors: int = 0
    failed: str | None = None

    def as_dict(self) -> dict[str, object]:
        """What is known of it, figures rounded."""
        known = {key: value for key, value in asdict(self).items() if value is not None}
        return {key: round(value, 3) if isinstance(value, float) else value for key, value in known.items()}

    def as_line(self) -> str:
        """For who watches the run."""
        who = f"{self.case:12}  {self.contender:13}"
        if self.failed is not None:
            return f"{who}  FAILED: {self.failed}"
        told = (
            _told(self.cpu_us, "{:9.1f} µs CPU"),
            _told(self.per_s, "{:8.0f}/s"),
            _told(self.p50_us, "p50 {:7.0f} µs"),
            _told(self.p99_us, "p99 {:7.0f} µs"),
            _told(self.start_s, "up in {:.2f} s"),
            _told(self.stream_kb, "{:.1f} KB a stream"),
            _told(self.resident_mb, "{:.0f} MB"),
            _told(self.harness_share, "harness {:.0%}"),
            _told(self.waited_share, "waited {:.0%}"),
            _told(self.left_open or None, "left {} streams open"),
        )
        return f"{who}  " + "  ".join(each for each in told if each)


def failed(round_: int, case: Case, contender: str, error: SampleFailed) -> Sample:
    """A sample that says only that there is none, and why, in one short line."""
    reason = " ".join(str(error).split())[:_REASON_CHARS]
    return Sample(round_, case.name, contender, case.connections, errors=error.errors, failed=reason)


def _told(figure: float | None, form: str) -> str:
    return form.format(figure) if figure is not None else ""
