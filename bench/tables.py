"""The samples as tables, one per case over all contenders. A figure that is missing is told, never shown as 0."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from bench.cases import WIDE, Case, Kind
from bench.contenders import Contender
from bench.markdown import table
from bench.paired import DIRECT, ROUTER, Compared, Figures
from bench.verdicts import Verdict, shown

MISSING: Final = "not known"
_SATURATED: Final = 0.9
_NO_GATEWAY: Final = "no gateway"


def headline(all_verdicts: Sequence[Verdict]) -> str:
    """What the router must show. A title that is the same as above is not said again."""
    rows, above = [], ""
    for verdict in all_verdicts:
        title = verdict.title if verdict.title != above else ""
        above = verdict.title
        outcome = verdict.outcome if verdict.is_met else f"**{verdict.outcome}**"
        rows.append([title, verdict.must, verdict.measured, outcome])
    return table(["case", "must", "measured", "outcome"], rows)


def case_table(case: Case, figures: Figures, contenders: Sequence[Contender]) -> str:
    """Everybody who took part or said why not, the router last."""
    taken = figures.contenders(case.name)
    them = [each for each in contenders if each.name in taken or (case.name in each.skips and not case.only)]
    if WIDE in taken:
        them.append(Contender(WIDE, 0))
    them.sort(key=lambda each: each.name == ROUTER)
    columns = _columns(case)
    rows = []
    for each in them:
        if each.name not in taken:
            rows.append([_who(each.name), f"not measured: {each.skips[case.name]}", *[""] * (len(columns) - 1)])
            continue
        rows.append([_name(case, figures, each.name), *(show(figures, each.name) for show in columns.values())])
    return table(["gateway", *columns], rows)


def memory_table(figures: Figures, contenders: Sequence[Contender]) -> str:
    """Start-up and memory: at rest, per open stream, and the most that was seen beside any load."""
    rows = []
    for each in sorted(contenders, key=lambda each: each.name == ROUTER):
        peak = figures.peak_mb(each.name)
        if each.pid is None or (peak is None and not figures.of("start", each.name)):
            continue
        cells = [
            _compared(figures.alone("start", each.name, "start_s")),
            _compared(figures.alone("start", each.name, "resident_mb")),
            _compared(figures.alone("idle-1000", each.name, "stream_kb"))
            + _failures(figures, "idle-1000", each.name),
            f"{peak:.0f}" if peak is not None else "",
        ]
        rows.append([_who(each.name), *cells])
    return table(
        ["gateway", "start-up s", "MB at rest", "KB per open stream of 1,000", "most MB under load"], rows
    )


def _columns(case: Case) -> Mapping[str, Callable[[Figures, str], str]]:
    """What is shown of a case, by the column's head."""
    name = case.name
    p50: Callable[[Figures, str], str] = lambda f, who: _median(f, name, who, "p50_us")  # noqa: E731
    p99: Callable[[Figures, str], str] = lambda f, who: _median(f, name, who, "p99_us")  # noqa: E731
    waited: Callable[[Figures, str], str] = lambda f, who: _median(f, name, who, "waited_share", "{:.0%}")  # noqa: E731
    if case.kind is Kind.FIRST:
        return {
            "p50 µs": p50,
            "p99 µs": p99,
            "router's p50 / its": lambda f, who: _against(f, name, who, "p50_us"),
            "router's p99 / its": lambda f, who: _against(f, name, who, "p99_us"),
            "waited": waited,
        }
    columns: dict[str, Callable[[Figures, str], str]] = {
        f"CPU µs per {case.unit}": lambda f, who: _median(f, name, who, "cpu_us"),
        "router's / its": lambda f, who: _against(f, name, who, "cpu_us"),
        "p50 µs": p50,
        "p99 µs": p99,
        f"{case.unit}s/s": lambda f, who: _rate(f, name, who, 1.0),
        "waited": waited,
    }
    if case.answer_bytes:
        megabytes = case.answer_bytes / 1e6
        columns["MB/s"] = lambda f, who: _rate(f, name, who, megabytes)
        columns["CPU µs per MB"] = lambda f, who: _median(f, name, who, "cpu_us", divided_by=megabytes)
        columns["router's MB/s / its"] = lambda f, who: _against(f, name, who, "per_s")
    return columns


def _name(case: Case, figures: Figures, contender: str) -> str:
    """With what was other about its samples."""
    connections = {sample.connections for sample in figures.of(case.name, contender)} - {case.connections}
    fewer = (
        f" ({min(connections)} {'streams' if case.kind is Kind.PACED else 'connections'})" if connections else ""
    )
    left = max((sample.left_open or 0 for sample in figures.of(case.name, contender)), default=0)
    behind = f" (left {left} upstream streams open behind clients who had gone)" if left else ""
    return _who(contender) + fewer + behind + _failures(figures, case.name, contender)


def _who(contender: str) -> str:
    return {DIRECT: _NO_GATEWAY, ROUTER: f"**{ROUTER}**"}.get(contender, contender)


def _failures(figures: Figures, case: str, contender: str) -> str:
    lost = figures.failures(case, contender)
    return f" (failed in {len(lost)} of {len(figures.of(case, contender))}: {lost[0].failed})" if lost else ""


def _median(figures: Figures, case: str, who: str, figure: str, form: str = "", divided_by: float = 1.0) -> str:
    median = figures.median(case, who, figure)
    if median is None:
        is_gateways = figure in {"cpu_us", "waited_share"}
        return "" if (who == DIRECT and is_gateways) or not _is_good(figures, case, who) else MISSING
    median /= divided_by
    return form.format(median) if form else f"{median:.0f}" if median >= 100 else f"{median:.1f}"


def _against(figures: Figures, case: str, who: str, figure: str) -> str:
    if who == ROUTER:
        return ""
    compared = figures.ratio(case, ROUTER, who, figure)
    if compared is None:
        return "" if who == DIRECT or not _is_good(figures, case, who) else MISSING
    return shown(compared.estimate)


def _rate(figures: Figures, case: str, who: str, times: float) -> str:
    rate, share = figures.median(case, who, "per_s"), figures.median(case, who, "harness_share")
    if rate is None:
        return ""
    return ("at least " if share is not None and share > _SATURATED else "") + f"{rate * times:.0f}"


def _is_good(figures: Figures, case: str, who: str) -> bool:
    return len(figures.failures(case, who)) < len(figures.of(case, who))


def _compared(compared: Compared | None) -> str:
    return shown(compared.estimate) if compared is not None else ""
