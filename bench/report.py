"""A run as a page for people and as JSON for programs."""

import json
from collections.abc import Mapping
from typing import Final

from bench.cases import CASES, FIRST_STREAMS, WIDE
from bench.closed import WARM_UP_S
from bench.machine import Machine
from bench.paired import ROUTER, Figures
from bench.plan import Plan
from bench.rounds import Outcome
from bench.tables import case_table, headline, memory_table
from bench.verdicts import verdicts

_INTRO: Final = """\
# The router as a gateway

Written by `make bench` (`python -m bench`). What a request costs in this router with everything on that ships
on (keys, metrics, one log line per request into a file, health probes, two candidates per request, the
disconnect watcher), beside the gateways that people use, beside nginx, which knows nothing of models and is the
limit, and beside no gateway at all. Absolute times are this machine's; the ratios are what travels.

## What it must show

Given is the median of the rounds and, in brackets, its lower and upper 95 % bound. To beat somebody is to have
the upper bound of the paired ratio below 1.

"""

_METHOD: Final = """
## How

Each gateway in turn has core {gateway}; wrk, the paced client and the mock upstream have the rest. {rounds}
rounds, in each every case with all contenders directly after one another, another one first in each round;
{sample_s:g} s a sample after {warm_up_s:g} s of warm-up (paced: {paced_s:g} s; new streams: {first} of them), with
a pause until all are idle. Slow contenders take fewer cases, fewer streams and {slow_s:g} s a sample, and start
once. Some that show where the limit is take a case in the first round alone: their ratios are without bounds.

vllm-router is measured with its default policy and, as vllm-router-rr, with round robin; where the router is held
against vllm-router, it is against the better of the two in that case. Router, LiteLLM and the plain proxies run on
Python, each with the interpreter that is told above: one built without profile-guided and link-time optimisation
(PGO, LTO) takes more CPU for the same work. `python -m bench --python PATH` runs the router and the plain proxies
with another one's environment. What is told of a build is what its options say; some that name neither (Debian's)
were optimised by other means.

CPU is user + system time of all threads and children, log writing included, divided by the requests, streams or
events that the upstream counted. Ratios and added times are taken within a round; given is their median over the
rounds and, in brackets, its bounds by the sign test (`bench/ratios.py`). "at least": load and upstream had no time
left, so the gateway could do more. *Waited*: the share of its time that the gateway waited for its core because
other programs ran there, or because its threads are more than one; above a few per cent, latency and rate are the
others' as much as its own. At 8 and more connections p50 and p99 are the queue that a closed loop builds.

A new stream is opened on a kept connection; its time is from the request to its first event, which the upstream
sends at once. The audio comes over `/v1/embeddings`, which the router passes through unread: `/v1/audio/speech` is
taken apart and put together again by it, and has a page of its own (LiteLLM and Portkey get it there, as they know
no other). Start-up is from exec to the first chat answered well; memory per stream is what {idle} open streams add
to a process that has just started, divided by their number. Raw figures: [gateway.json](gateway.json).
"""


def as_json(plan: Plan, machine: Machine, outcome: Outcome) -> str:
    """Everything that was measured: a line for each sample."""
    document = {
        "machine": machine.as_dict(),
        "plan": {"rounds": plan.rounds, "sample_s": plan.sample_s, "warm_up_s": WARM_UP_S},
        "missing": outcome.missing,
    }
    head = json.dumps(document, indent=1, ensure_ascii=False).removesuffix("\n}")
    lines = [json.dumps(sample.as_dict(), separators=(",", ":"), ensure_ascii=False) for sample in outcome.samples]
    return f'{head},\n "samples": [\n' + ",\n".join(lines) + "\n]}\n"


def as_markdown(plan: Plan, machine: Machine, outcome: Outcome, gateway_core: int) -> str:
    """The page."""
    method = _METHOD.format(
        gateway=gateway_core,
        rounds=plan.rounds,
        sample_s=plan.sample_s,
        warm_up_s=WARM_UP_S,
        paced_s=plan.paced_s,
        slow_s=plan.slow_s,
        first=FIRST_STREAMS,
        idle="1,000",
    )
    figures = Figures(outcome.samples)
    return (
        f"{_INTRO}{headline(verdicts(figures))}\n{tables(plan, outcome)}{_who(outcome)}{method}{_machine(machine)}"
    )


def tables(plan: Plan, outcome: Outcome) -> str:
    """One for each case that was measured, then start-up and memory."""
    figures, parts = Figures(outcome.samples), []
    for case in plan.cases:
        if figures.contenders(case.name) and not case.is_fresh:
            parts.append(f"## {_capital(case.title)}\n\n{case_table(case, figures, outcome.contenders)}")
            if WIDE in case.only:
                parts.append(_wide(figures, case.name))
    parts.append(f"## Start-up and memory\n\n{memory_table(figures, outcome.contenders)}")
    return "\n".join(parts)


def _wide(figures: Figures, case: str) -> str:
    ratio = figures.ratio(case, WIDE, ROUTER, "cpu_us")
    told = "not known" if ratio is None else f"{ratio.estimate.median:.2f} times"
    return f"25,000 models cost {told} the CPU per request that two providers of a few models cost.\n"


def _who(outcome: Outcome) -> str:
    """Who took part, how they were set up, and who did not, and why."""
    lines = [f"- **{each.name}**: {each.setup}" for each in outcome.contenders if each.setup]
    missing = [f"- {name}: {why}" for name, why in outcome.missing.items()]
    left_out = [
        f"- {each.name}, {_titles()[case]}: {why}"
        for each in outcome.contenders
        for case, why in each.skips.items()
        if case in _titles()
    ]
    slow = [each.name for each in outcome.contenders if each.is_slow or each.has_few_cases]
    if slow:
        heavy = [case.title for case in CASES if case.slow_connections is None and not case.only]
        left_out.append(f"- {', '.join(slow)}: too slow for {'; '.join(heavy)}")
    parts = ["\n## Who\n", *lines]
    if missing or left_out:
        parts += ["\nNot measured:\n", *missing, *left_out]
    return "\n".join(parts) + "\n"


def _titles() -> Mapping[str, str]:
    return {case.name: case.title for case in CASES}


def _capital(title: str) -> str:
    return title[:1].upper() + title[1:]


def _machine(machine: Machine) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    return (
        f"\n## Where\n\n{machine.taken_at}, revision {machine.revision}. {machine.cpu}, {machine.cores} cores, "
        f"{machine.memory_gb:g} GB, {machine.kernel}; load average at the start {machine.load_1min:.2f}. "
        f"{versions}.\n"
    )
