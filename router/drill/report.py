"""The ledgers of a drill as a page for people and as JSON for programs."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from router.drill.figures import Figures, by_fault, figures_of, gathered, percentile
from router.drill.ledger import Judged, Ledger, Trial
from router.drill.surroundings import Surroundings
from router.drill.verdict import Criterion, verdict

_INTRO: Final = """\
# The drill: unplugged under load

Written by `{command}`. Two machines, each with a speech node and an LLM server, all real processes, behind a
router; clients ask and listen; then one fault after another strikes the preferred machine at a random moment.
What is simulated is said below.
"""
_OWN_INTRO: Final = """\
# The drill: {provider} unplugged

Written by `{command}` on this configuration, with the providers that are really there. The fault is made inside
this drill's own router: to it the provider is silent, to everybody else nothing happens.
"""
_HOW: Final = """\
**How.** Every fault strikes twice: in a *crowd* (a listener in the middle of a paragraph, streamed as audio or as
events in turn; short speech every 3 s; four clients that chat, streamed and not; two whose chats are answered
aloud, streamed and not) and in a *quiet* house (one short text after another, so that the first sound waits for
nobody else's; a chat now and then). Every speech request has the same seed, and its PCM is compared byte for byte
with what the same text sounds like without a fault, on both nodes; where it differs, sentence by sentence. Chat
answers are compared alike, and the words of those aloud with what the same model writes in a plain chat. Streamed,
those are written by the other machine's model, since nobody can go on with a text in another's place: the faults
take their voice. Whole, they are written and spoken by whoever is preferred, and may lose both. The faults strike
in the middle of a streamed one and of a whole one in turn; both at once are more than the slower node can speak.

- *failed*: requests of which nothing had begun (a 503 too); *refused*: the same while nobody at all could serve,
  and chats aloud that were then answered in words alone, and said so.
- *truncated, repeated, missing*: sentences, of speech and of chats aloud; *other*: any other difference of sound,
  an end that is not what it seems, or words that are not the model's.
- *broken*: chat streams that had begun on the machine that went; they end with an error event and a cut, honestly,
  because another model cannot go on in the middle of a sentence.
- *detection*: from the fault (for faults that only inferences meet: from the first one that did) until the
  router's log says that the provider is gone, or a request in its place reached the other machine. *elsewhere*:
  until the first answer of another provider began.
- *first audio*: of short texts ("Yes.") in the quiet house that waited when the fault struck or were asked within
  it, counted from whichever was later (for faults that only inferences meet: from when it met that one), until the
  first byte of sound. What the other node takes for its work is part of it.
- *gap*: the longest silence that a listener heard who played from the first byte on and was in the middle of a
  paragraph when the fault struck. *gap aloud*: the same of a streamed chat aloud. Nothing is promised of it: there
  is only its first sentence to hear while the other node, which everybody wants in that moment, takes its time for
  the second.
- *return*: from when the machine could serve again (processes started, model loaded) until a request went to it.
"""
_COLUMNS: Final = (
    "fault",
    "requests",
    "failed",
    "refused",
    "broken",
    "truncated / repeated / missing",
    "detection",
    "elsewhere",
    "first audio p50, p99",
    "gap p50, p99, max",
    "gap aloud p50, max",
    "return",
)


def as_markdown(ledgers: Sequence[Ledger], where: Surroundings, command: str, provider: str = "") -> str:
    """The page. `provider` is the person's own; empty for the drill's own cast."""
    intro = _OWN_INTRO if provider else _INTRO
    parts = [intro.format(command=command, provider=provider)]
    for ledger in ledgers:
        parts += [f"## {ledger.engine}\n", *_notes(ledger), verdict_table(verdict(ledger, is_own=bool(provider)))]
        parts += [fault_table(ledger), _baseline(ledger)]
    parts += [] if provider else [_HOW]
    return "\n".join([*parts, where.as_line(), ""])


def verdict_table(criteria: Sequence[Criterion]) -> str:
    """Each promise."""
    rows = ["| promise | bound | measured | |", "|---|---|---|---|"]
    for one in criteria:
        worst = f" ({one.by})" if one.by and one.actual else ""
        measured = "not measured" if one.actual is None else _shown(one.actual, one.unit) + worst
        cells = (one.name, f"{one.bound:g}{one.unit}", measured, "holds" if one.holds else "**does not hold**")
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def fault_table(ledger: Ledger) -> str:
    """A row for each fault, over its trials."""
    rows = [f"| {' | '.join(_COLUMNS)} |", "|---" * len(_COLUMNS) + "|"]
    for fault, trials in by_fault(ledger).items():
        rows.append(_row(fault, [row for _, row in trials]))
    everything = [figures_of(trial) for trial in ledger.trials]
    return "\n".join([*rows, _row("**all**", everything)]) + "\n"


def _row(fault: str, figures: Sequence[Figures]) -> str:
    def total(name: str) -> int:
        return sum(getattr(row, name) for row in figures)

    def worst(name: str) -> str:
        known = [value for row in figures if (value := getattr(row, name)) is not None]
        return _shown(max(known), " s") if known else "-"

    first, gaps = gathered(figures, "first_audio_s"), gathered(figures, "gaps_s")
    aloud = gathered(figures, "aloud_gaps_s")
    other = total("other_sound") + total("other_words") + total("dishonest")
    cells = [
        fault,
        str(total("requests")),
        str(total("failed")),
        str(total("refused")),
        str(total("broken")),
        f"{total('truncated')} / {total('repeated')} / {total('missing')}"
        + (f" (+ {other} other)" if other else ""),
        worst("detected_s"),
        worst("elsewhere_s"),
        _percentiles(first, 0.5, 0.99),
        _percentiles(gaps, 0.5, 0.99, 1.0),
        _percentiles(aloud, 0.5, 1.0),
        "never" if any(row.returned_s is None for row in figures) else worst("returned_s"),
    ]
    return f"| {' | '.join(cells)} |"


def _percentiles(samples: Sequence[float], *shares: float) -> str:
    if not samples:
        return "-"
    return ", ".join(f"{percentile(samples, share) or 0.0:.2f}" for share in shares) + f" s (n = {len(samples)})"


def _baseline(ledger: Ledger) -> str:
    if not ledger.baseline_first_s:
        return ""
    first = _percentiles(ledger.baseline_first_s, 0.5, 1.0)
    gaps = _percentiles(ledger.baseline_gaps_s, 0.5, 1.0)
    other = _percentiles(ledger.baseline_other_s, 0.5, 1.0)
    return (
        f"Without a fault: first audio of a short text p50, max {first}; the other node asked directly {other}; "
        f"gap of a listener {gaps}.\n"
    )


def _notes(ledger: Ledger) -> list[str]:
    lines = [*ledger.notes, f"A machine is unplugged by {ledger.way}."]
    if ledger.router_had_traceback:
        lines.append("**The router's log has a traceback.**")
    return ["".join(f"{line}\n" for line in lines)]


def _shown(value: float, unit: str) -> str:
    if math.isinf(value):
        return "never"
    return f"{value:.2f}{unit}" if unit or not float(value).is_integer() else f"{value:g}"


def as_json(ledgers: Sequence[Ledger], where: Surroundings, command: str, *, is_own: bool = False) -> str:
    """Everything that was seen: seconds from each trial's fault on."""
    document = {
        "command": command,
        "where": asdict(where),
        "drills": [_drill(ledger, is_own=is_own) for ledger in ledgers],
    }
    return json.dumps(_finite(document), indent=1) + "\n"


def _drill(ledger: Ledger, *, is_own: bool) -> dict[str, object]:
    criteria = verdict(ledger, is_own=is_own)
    return {
        "engine": ledger.engine,
        "way": ledger.way,
        "notes": list(ledger.notes),
        "holds": all(criterion.holds for criterion in criteria),
        "verdict": [asdict(criterion) | {"holds": criterion.holds} for criterion in criteria],
        "baseline": {
            "gaps_s": list(ledger.baseline_gaps_s),
            "first_audio_s": list(ledger.baseline_first_s),
            "other_first_audio_s": list(ledger.baseline_other_s),
        },
        "trials": [_trial(trial) for trial in ledger.trials],
    }


def _trial(trial: Trial) -> dict[str, object]:
    return {
        "fault": trial.fault,
        "scene": trial.scene,
        "hits": list(trial.providers),
        "held_s": trial.healed_s - trial.broken_s,
        "ready_s": None if trial.ready_s is None else trial.ready_s - trial.broken_s,
        **asdict(figures_of(trial)),
        "answers": [_answer(judged, trial.broken_s) for judged in trial.answers],
        "notices": [[notice.at_s - trial.broken_s, notice.who, notice.what] for notice in trial.notices],
    }


def _answer(judged: Judged, since_s: float) -> list[object]:
    """Kind, text, asked, first, ended, providers, outcome."""
    answer = judged.answer
    first = None if answer.first_s is None else answer.first_s - since_s
    times = [answer.asked_s - since_s, first, answer.ended_s - since_s]
    return [answer.kind, answer.question.name, *times, "+".join(answer.providers), judged.outcome]


def _finite(value: object) -> object:
    """Rounded to a millisecond; JSON has no infinity."""
    match value:
        case float():
            return round(value, 3) if math.isfinite(value) else None
        case dict():
            return {key: _finite(one) for key, one in value.items()}
        case list() | tuple():
            return [_finite(one) for one in value]
    return value
