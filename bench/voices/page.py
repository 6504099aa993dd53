"""What was measured, as a page and as data."""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Final

from bench.machine import Machine
from bench.markdown import bounded, table
from bench.ratios import estimate, ratio
from bench.voices.course import Chats, Course, Plan
from bench.voices.exposition import quantile, share_within, together
from bench.voices.sound import CHARS_PER_S

LAG_BOUND_S: Final = 0.01
_HOW: Final = """
**How.** The router is as shipped: keys, metrics, log, heartbeat and cache are on. It has a core to itself. The
node, the language model's server and whoever asks share the other; node and model answer at once, from memory. The
sound is a voice's in spectrum, loudness and syllables, {chars_per_s:g} characters a second. No text is asked for
twice, except where it says so, so whatever is spoken is kept in the cache as well. CPU is user and system time of
the whole process with all its threads, until it is at rest again, divided by the seconds of sound. A long text is
{sentences} sentences. Bounds are one-sided, 95 % each, by the sign test over {rounds} rounds in turns
(`bench/ratios.py`).

*The crowd* are {listeners} listeners who have one long text after the other spoken as mp3 and take it as fast as
it comes: the encoders always have more to do than a core can. Meanwhile one client chats over one connection, one
question after the other, with a model that answers at once.

*Lag* is how late the event loop runs a timer, by the router's own `router_event_loop_lag_seconds`: 20 times a
second, and once more for every time that was missed, so the figures are those of somebody who comes at any moment.
All rounds together; between two bounds of the histogram on a straight line, as Prometheus has it.
"""


def as_markdown(plan: Plan, machine: Machine, course: Course) -> str:
    """The page."""
    how = _HOW.format(
        chars_per_s=CHARS_PER_S, sentences=plan.sentences, rounds=plan.rounds, listeners=plan.listeners
    )
    return (
        "# What speech costs the router\n\n"
        "Written by `python -m bench.voices`. A second of sound on its way through the router: passed through, "
        "put together, encoded. And what everybody else notices of it.\n\n"
        f"{tables(plan, course)}{how}\n"
        f"**Where.** {machine.where}.\n"
    )


def as_json(plan: Plan, machine: Machine, course: Course) -> str:
    """Every sample. Of the chats' times there are percentiles."""
    document = {
        "machine": machine.as_dict(),
        "plan": asdict(plan),
        "samples": [asdict(sample) for sample in course.samples],
        "chats": [
            {
                **asdict(chats),
                "took_s": {f"p{percent:g}": chats.p(percent) for percent in (1, 25, 50, 75, 90, 99, 100)},
                "chats": len(chats.took_s),
            }
            for chats in course.chats
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def tables(plan: Plan, course: Course) -> str:
    """All figures."""
    return f"{_costs(plan, course)}\n{_crowd(plan, course)}"


def _costs(plan: Plan, course: Course) -> str:
    rows = []
    for case in plan.cases:
        samples = [sample for sample in course.samples if sample.case == case.name]
        cost = estimate([sample.cpu_us_per_s for sample in samples])
        answer_us = statistics.median(sample.cpu_us_per_answer for sample in samples)
        lag_s = quantile(together([sample.lag for sample in samples]), 0.99)
        shown = bounded(cost, "{:,.0f}".format, " µs")
        rows.append([case.title, shown, f"{answer_us / 1000:.2f} ms", f"{lag_s * 1000:.1f} ms"])
    return table(["answer", "router's CPU for a second of sound", "for an answer", "lag p99"], rows)


def _crowd(plan: Plan, course: Course) -> str:
    quiet = [chats for chats in course.chats if not chats.is_crowded]
    crowded = [chats for chats in course.chats if chats.is_crowded]
    rows = [_compared(f"chat, p{percent}", quiet, crowded, percent) for percent in (50, 99)]
    lags = [together([chats.lag for chats in group]) for group in (quiet, crowded)]
    for share in (0.5, 0.9, 0.99):
        told = [f"{quantile(lag, share) * 1000:.1f} ms" for lag in lags]
        rows.append([f"event loop lag, p{share * 100:g}", *told, ""])
    within = [f"{share_within(lag, LAG_BOUND_S):.1%}" for lag in lags]
    rows.append([f"lag of at most {LAG_BOUND_S * 1000:g} ms", *within, ""])
    rows.append(_told("sound encoded in a second", quiet, crowded, _encoded))
    rows.append(_told("the router's core is busy", quiet, crowded, lambda chats: f"{chats.busy_share:.0%}"))
    rows.append(_told("resident memory", quiet, crowded, lambda chats: f"{chats.resident_mb:.0f} MB"))
    return table(["", "alone", f"while {plan.listeners} listen", "ratio"], rows)


def _encoded(chats: Chats) -> str:
    return f"{chats.audio_s / sum(chats.took_s):.0f} s"


def _compared(name: str, quiet: Sequence[Chats], crowded: Sequence[Chats], percent: float) -> list[str]:
    ours, theirs = ([chats.p(percent) for chats in group] for group in (crowded, quiet))
    shown = [f"{statistics.median(group) * 1000:.2f} ms" for group in (theirs, ours)]
    return [name, *shown, bounded(ratio(ours, theirs), "{:.1f}".format)]


def _told(name: str, quiet: Sequence[Chats], crowded: Sequence[Chats], of: Callable[[Chats], str]) -> list[str]:
    """The middle round's."""
    return [name, of(quiet[len(quiet) // 2]), of(crowded[len(crowded) // 2]), ""]
