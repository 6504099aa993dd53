"""The samples as a page for people and as JSON for programs."""

import json
from collections.abc import Sequence
from typing import Final

from bench.cases import CASES, Case
from bench.machine import Machine
from bench.ratios import Estimate, difference, estimate, ratio
from bench.rounds import WARM_UP_S, Plan, Sample

_SATURATED: Final = 0.9
_GATEWAYS: Final = ("nginx", "router")
_MISSING: Final = "not known"  # never a nought, which would be read as a measurement

_INTRO: Final = """\
# The router as a gateway

Written by `make bench` (`python -m bench`). What a request costs in this router with everything on that ships
on (keys, metrics, one log line per request into a file, health probes, two candidates per request, the
disconnect watcher), beside nginx (one worker, `proxy_pass`, kept connections, no log, no notion of models) and
beside no gateway at all. Absolute times are this machine's; the ratios are what travels.

"""

_METHOD: Final = """
**How.** Each gateway in turn has core {gateway}; wrk and the mock upstream have the rest. {rounds} rounds, in
each every case with every contender in turn, {sample_s} s a sample after {warm_up_s} s of warm-up (paced:
{paced_s} s), with a pause until all are idle. CPU is user + system time of all threads and children, log
writing included, divided by the requests or events that the upstream counted. Ratios and added times are taken
within a round; given is their median over the rounds and, in brackets, its lower and upper 95 % bound by the
sign test (`bench/ratios.py`). *Added* is latency less the direct connection's: at 1 connection and for paced
events what a client feels, at 8 and 32 the queue that a closed loop builds. "at least": load and upstream had
no time left, so the gateway could do more. *Waited*: the share of its time that the gateway waited for its core
because other programs ran there; above a few per cent, latency and rate are theirs as much as its own. Raw
figures: [gateway.json](gateway.json).
"""


def as_json(plan: Plan, machine: Machine, samples: Sequence[Sample]) -> str:
    """Everything that was measured."""
    document = {
        "machine": machine.as_dict(),
        "plan": {"rounds": plan.rounds, "sample_s": plan.sample_s, "warm_up_s": WARM_UP_S},
        "samples": [_rounded(sample.as_dict()) for sample in samples],
    }
    return json.dumps(document, indent=1) + "\n"


def as_markdown(plan: Plan, machine: Machine, samples: Sequence[Sample], gateway_core: int) -> str:
    """The page."""
    method = _METHOD.format(
        gateway=gateway_core,
        rounds=plan.rounds,
        sample_s=plan.sample_s,
        warm_up_s=WARM_UP_S,
        paced_s=plan.sample_s + 1,
    )
    return f"{_INTRO}{table(samples)}\n{_memory(samples)}{method}{_machine(machine)}"


def table(samples: Sequence[Sample]) -> str:
    """One row per case and contender."""
    rows = [
        "| case | gateway | CPU µs | times nginx's CPU | added p50 µs | added p99 µs | per s | waited |",
        "|---|---|---|---|---|---|---|---|",
    ]
    measured = {sample.case for sample in samples}
    for case in CASES:
        if case.name in measured:
            rows += _rows_of(case, [sample for sample in samples if sample.case == case.name])
    return "\n".join(rows) + "\n"


def _rows_of(case: Case, samples: Sequence[Sample]) -> list[str]:
    by = {name: [s for s in samples if s.contender == name] for name in ("direct", *_GATEWAYS)}
    direct = by["direct"]
    p50, p99 = estimate([s.p50_us for s in direct]), estimate([s.p99_us for s in direct])
    title = f"{case.title}, per {case.unit}"
    rows = [f"| {title} | none | | | (p50 {p50.median:.0f}) | (p99 {p99.median:.0f}) | {_rate(direct)} | |"]
    for name in _GATEWAYS:
        mine = by[name]
        cpu, peers = _known([s.cpu_us for s in mine]), _known([s.cpu_us for s in by["nginx"]])
        against = _shown(ratio(cpu, peers), ".1f") if cpu is not None and peers is not None else _MISSING
        added_50 = difference([s.p50_us for s in mine], [s.p50_us for s in direct])
        added_99 = difference([s.p99_us for s in mine], [s.p99_us for s in direct])
        waited = _known([s.waited_share for s in mine])
        who = "**router**" if name == "router" else name
        rows.append(
            f"| | {who} | {_median(cpu, '.1f')} | {'1' if name == 'nginx' else against} "
            f"| {_shown(added_50, '.0f')} | {_shown(added_99, '.0f')} | {_rate(mine)} | {_median(waited, '.0%')} |"
        )
    return rows


def _known(figures: Sequence[float | None]) -> list[float] | None:
    """The figures of all rounds, or None: without one of them nothing is paired any more."""
    known = [figure for figure in figures if figure is not None]
    return known if known and len(known) == len(figures) else None


def _median(figures: Sequence[float] | None, form: str) -> str:
    return f"{estimate(figures).median:{form}}" if figures is not None else _MISSING


def _rate(samples: Sequence[Sample]) -> str:
    is_bound = estimate([sample.harness_share for sample in samples]).median > _SATURATED
    return ("at least " if is_bound else "") + f"{estimate([sample.per_s for sample in samples]).median:.0f}"


def _shown(figure: Estimate, form: str) -> str:
    if figure.low is None or figure.high is None:
        return f"{figure.median:{form}}"
    return f"{figure.median:{form}} [{figure.low:{form}}, {figure.high:{form}}]"


def _memory(samples: Sequence[Sample]) -> str:
    parts = []
    for name in _GATEWAYS:
        peak = max((s.resident_mb for s in samples if s.contender == name and s.resident_mb), default=None)
        parts.append(f"{name} {_MISSING if peak is None else f'{peak:.0f} MB'}")
    return f"Resident memory, the most seen between cases: {', '.join(parts)}.\n"


def _machine(machine: Machine) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    return (
        f"\n**Where.** {machine.taken_at}, revision {machine.revision}. {machine.cpu}, {machine.cores} cores, "
        f"{machine.memory_gb:g} GB, {machine.kernel}; load average at the start {machine.load_1min:.2f}. "
        f"{versions}.\n"
    )


def _rounded(sample: dict[str, object]) -> dict[str, object]:
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in sample.items()}
