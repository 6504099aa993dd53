"""The results as a page for people and as JSON for programs."""

import json
from collections.abc import Sequence
from typing import Final

from bench.growth.dimensions import Cost
from bench.growth.results import Result, amount
from bench.growth.rounds import Plan
from bench.growth.verdict import TOLERANCE
from bench.machine import Machine
from bench.markdown import bounded, table

_INTRO: Final = """\
# How cost grows

Written by `python -m bench.growth`. Each thing that a house can have much of, at four sizes; the cost is the
router's CPU time unless something else is said, with everything on that ships on.

![cost against size, a panel for each dimension](growth.png)

*Both axes are logarithmic and all panels have one scale, so that a slope is the same in all. The grey band is the
cost at the smallest size and a quarter more; the dashed line grows as n log n.*

"""
_HOW: Final = """
**How.** The router has a core, clients and the servers behind it have another; those answer at once
(`bench/growth/upstream.py`), so that only the router's work is seen. {rounds} rounds, in each all sizes in turn; a
router of its own for every size where the size is of what is there, one for all where it is of what is asked. A
sample is a fixed number of requests over a few kept connections: CPU (user and system, all threads, log writing
included), less what the same router used in {rest_s:g} s without requests just before for as long, divided by the
requests. Given is the median over the rounds, in brackets its lower and upper 95 % bound by the sign test
(`bench/ratios.py`); ratios are taken within a round.

**Judged by code** (`bench/growth/verdict.py`). *Flat*: the largest size costs at most {tolerance:g} times the
smallest. *n log n at most*: from each size to the next the cost grows at most {tolerance:g} times as fast as
n log n. *Last step*: e of cost ∝ n^e from the second largest size to the largest, where the fixed cost hides
least; *one more*: what one more adds there. What is merely there must be flat, what a request brings along or asks
about may be n log n.

**What is asked.** Providers are machines of their own, equally preferred; each lists its models at every look.
Chats go to all models, and with all keys, in turn. Cached speech is all asked for in turn, kept in memory and on
the disk, or on the disk alone. Open streams are silent but for an event in ten seconds. Texts are new ones, spoken
ahead without a bound (PCM at a hundred characters a second), kept in the cache and answered as PCM, streamed.
Events of a streamed answer come a millisecond apart. Start-up is from the process's start until it accepts
connections, which is after it has looked at all providers and knows their models.
Raw figures: [growth.json](growth.json), in seconds and bytes.
"""


def as_markdown(plan: Plan, machine: Machine, results: Sequence[Result]) -> str:
    """The page."""
    how = _HOW.format(rounds=plan.rounds, rest_s=plan.rest_s, tolerance=TOLERANCE)
    return (
        f"{_INTRO}{table_of(results)}\n{verdict_of(results)}{_spent_on(results)}{how}\n"
        f"**Where.** {machine.where}; {machine.memory_gb:g} GB, {machine.versions['Python']}.\n"
    )


def table_of(results: Sequence[Result]) -> str:
    """One row for each dimension."""
    columns = "number of|sizes|cost of|at each|largest ÷ smallest|last step|one more|grows|may"
    return table(columns.split("|"), [_row(each) for each in results])


def verdict_of(results: Sequence[Result]) -> str:
    """What is not as it must be, in a sentence each."""
    bad = [each for each in results if not each.is_as_it_must_be]
    if not bad:
        return f"All {len(results)} grow as slowly as they have to.\n"
    return f"{len(bad)} of {len(results)} grow faster than they may:\n\n" + "".join(map(_reproach, bad))


def as_json(plan: Plan, machine: Machine, results: Sequence[Result]) -> str:
    """Every figure, to four places: by dimension the sizes and the rounds' costs at them; a line for each."""
    head = {"machine": machine.as_dict(), "plan": {"rounds": plan.rounds, "rest_s": plan.rest_s}}
    lines = [
        json.dumps(each.dimension.name)
        + ": "
        + json.dumps(
            {
                "unit": str(each.dimension.cost),
                "sizes": each.growth.sizes,
                "rounds": [[float(f"{cost:.4g}") for cost in costs] for costs in each.rounds],
            },
            separators=(",", ":"),
        )
        for each in results
    ]
    return json.dumps(head)[:-1] + ', "dimensions": {\n' + ",\n".join(lines) + "\n}}\n"


def _reproach(result: Result) -> str:
    dimension, growth = result.dimension, result.growth
    cause = f": {dimension.spent_on}" if dimension.spent_on else ""
    return (
        f"* **{dimension.axis}, {dimension.title}**: {growth.verdict.words.strip('*')}, must be "
        f"{dimension.must.words}. {result.shown(growth.costs[-1].median)} at {growth.sizes[-1]:,}, "
        f"{growth.ratio.median:.2f} times what it is at {growth.sizes[0]:,}; one more {dimension.one} adds "
        f"{result.shown(growth.one_more)}{cause}.\n"
    )


def _row(result: Result) -> tuple[str, ...]:
    dimension, growth = result.dimension, result.growth
    mark = "" if result.is_as_it_must_be else " ⚠"
    what = {Cost.SECOND: ", each second", Cost.MEMORY: ": memory", Cost.TIME: ": time"}.get(dimension.cost, "")
    return (
        dimension.axis,
        " · ".join(f"{size:,}" for size in growth.sizes),
        f"{dimension.title}{what}",
        " · ".join(result.shown(cost.median) for cost in growth.costs),
        bounded(growth.ratio, "{:.2f}".format),
        f"{growth.exponent.median:.2f}",
        f"{amount(max(0.0, growth.one_more), dimension.cost)} per {dimension.one}",
        f"{growth.verdict.words}{mark}",
        dimension.must.words,
    )


def _spent_on(results: Sequence[Result]) -> str:
    lines = [
        f"* {each.dimension.axis}, {each.dimension.title}: {each.dimension.spent_on}."
        for each in results
        if each.dimension.spent_on and each.growth.verdict.value
    ]
    return "\n**What grows is spent on:**\n\n" + "\n".join(lines) + "\n" if lines else ""
