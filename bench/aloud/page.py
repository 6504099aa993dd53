"""What was heard, as a page."""

from typing import Final

from bench.aloud.course import Course, Phase, Plan
from bench.aloud.figures import BOUND_S, LEAST_GAP_S, comparison_of, delays_of, gaps_of
from bench.machine import Machine
from bench.markdown import bounded, table

_HOW: Final = """
**How.** A language model of the benchmark's own writes known replies ({kinds} different ones, three to eight
sentences, some with markdown) at a steady pace, four characters a token. A real tts-node speaks them with espeak,
as a slower machine would (`--simulate {simulate}`: each segment takes 0.4 s and 0.3 s more for a second of
speech), one segment at a time. The router is as shipped but for its cache, which is off, so that every reply is
spoken. *One after the other* is so in each of {houses} houses beside each other, which know nothing of one
another. A piece of sound has arrived when its whole event has been read from the socket. Model, clients and
processes have one clock.

*The first clause* is there when the model has written the first of `, . ; : ! ? … —` that white space follows, at
least three words after the beginning, not within a number and not after an abbreviation
(`bench/aloud/clauses.py`, which knows nothing of the router). For a clause of two seconds this node takes 1 s,
which is no part of what the router adds; the rest may be negative, because the router need not wait for so much
as that clause. *Silence* is what a player hears that begins with the first piece and plays on at its own pace. *In
turns* is the way without all this: the whole text first, then `/v1/audio/speech` with it, streamed; the same reply
is taken in both ways, one right after the other. Bounds are one-sided, 95 % each, by the sign test
(`bench/ratios.py`). CPU is user and system time of the router, with heartbeats, probes and log.
"""


def as_markdown(plan: Plan, machine: Machine, course: Course, replies: int) -> str:
    """The page."""
    how = _HOW.format(kinds=replies, simulate=plan.simulate, houses=plan.houses)
    return (
        "# A chat that answers aloud\n\n"
        "Written by `python -m bench.aloud`. A language model writes; how soon is it heard, and without gaps?\n\n"
        f"{tables(plan, course)}{_failures(course)}{how}\n"
        f"**Where.** {machine.where}.\n"
    )


def tables(plan: Plan, course: Course) -> str:
    """All figures."""
    parts = [f"At {plan.tokens_per_s:g} tokens a second:\n", _two_columns(plan, course)]
    if course.alone.in_turns_s:
        parts.append(_comparison(course.alone))
    if course.by_speed:
        parts.append(_speeds(course))
    return "\n".join(parts)


def _two_columns(plan: Plan, course: Course) -> str:
    columns = [_column(course.alone), _column(course.crowd)]
    rows = [[name, *(column.get(name, "") for column in columns)] for name in columns[0]]
    return table(["", "one after the other", f"{plan.crowd} at once"], rows)


def _column(phase: Phase) -> dict[str, str]:
    if not phase.heard:
        return {"replies": "0"}
    delays, gaps = delays_of(phase.heard), gaps_of(phase.heard)
    overtaking = "none long enough" if delays.share_overtaking is None else f"{delays.share_overtaking:.1%}"
    generation_s = sum(each.generation_s for each in phase.heard)
    return {
        "replies": f"{delays.count}",
        "first clause to first sound, p50": _s(delays.p50_s),
        "p95": _s(delays.p95_s),
        "p99": _s(delays.p99_s),
        "longest": _s(delays.most_s),
        f"within {BOUND_S:g} s": f"{delays.share_in_time:.1%}",
        "less the node's time for the first segment, p50": _s(delays.added_p50_s),
        "less the node's time for the first segment, p99": _s(delays.added_p99_s),
        f"heard before the model had finished (of those it wrote on for {BOUND_S:g} s and more)": (
            f"{overtaking} of {delays.long_count}" if delays.long_count else overtaking
        ),
        "silence within a reply, p50": _s(gaps.p50_s),
        "silence within a reply, p99": _s(gaps.p99_s),
        "silence within a reply, most": _s(gaps.most_s),
        f"replies with a gap over {LEAST_GAP_S * 1000:.0f} ms": f"{gaps.share:.1%}",
        "the node's time for a second of speech": _s(generation_s / phase.audio_s),
        "the router's CPU for a second of speech": f"{phase.router_cpu_s / phase.audio_s * 1000:.2f} ms",
    }


def _comparison(phase: Phase) -> str:
    found = comparison_of(phase.heard, phase.in_turns_s)
    rows = [
        ["aloud", _s(found.aloud_p50_s), _s(found.aloud_p99_s)],
        ["in turns", _s(found.in_turns_p50_s), _s(found.in_turns_p99_s)],
    ]
    shown = bounded(found.ratio, "{:.2f}".format)
    return (
        f"\nFrom the question to the first sound:\n\n{table(['', 'p50', 'p99'], rows)}\n"
        f"Ratio, reply by reply: {shown}.\n"
    )


def _speeds(course: Course) -> str:
    head = "tokens a second|replies|first clause to first sound, p50|p95|longest|silence, p50|most"
    rows = []
    for speed, phase in course.by_speed.items():
        if not phase.heard:
            continue
        delays, gaps = delays_of(phase.heard), gaps_of(phase.heard)
        figures = (delays.p50_s, delays.p95_s, delays.most_s, gaps.p50_s, gaps.most_s)
        rows.append([f"{speed:g}", f"{delays.count}", *map(_s, figures)])
    return f"\nOver the model's speed, one after the other:\n\n{table(head.split('|'), rows)}"


def _failures(course: Course) -> str:
    if not course.failed:
        return "\nNo answer failed.\n"
    return f"\n{len(course.failed)} answers failed and are in no figure: {'; '.join(course.failed[:5])}\n"


def _s(value: float) -> str:
    return f"{value:.2f} s"
