"""The picture of a drill: for each fault who answered what when, and below the figures beside their bounds.

matplotlib is the extra `drill`; nothing else of the router needs it, so it is imported only here and only now.
"""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from router.domain import BYTES_PER_S
from router.drill.answer import Answer, Kind
from router.drill.figures import Figures, by_fault
from router.drill.ledger import Judged, Ledger, Outcome, Trial
from router.drill.verdict import DETECTED_S, FIRST_AUDIO_S, GAP_S, RETURNED_S

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS: Final = 3
DOTS_PER_INCH: Final = 110
# Okabe and Ito's colours, which colour-blind people tell apart.
_COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")
_BAD: Final = "#D00000"
_NOBODY: Final = "#888888"
_SHADE: Final = "#DDDDDD"
_ROUNDING_S: Final = 0.05  # durations are told to the millisecond, and there may be many
_BEFORE_S: Final = 8.0
_AFTER_S: Final = 25.0
_LANES: Final = (
    Kind.CHAT_JSON,
    Kind.CHAT_SSE,
    Kind.ALOUD_JSON,
    Kind.ALOUD_SSE,
    Kind.SHORT,
    Kind.LONG_SSE,
    Kind.LONG_AUDIO,
)
_SLOTS: Final = 4  # requests at once within a lane


class NoPicture(Exception):
    """matplotlib is not installed; the message says how to have it."""


def as_png(ledger: Ledger, title: str) -> bytes:
    """Raises NoPicture."""
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise NoPicture("no picture: it takes matplotlib (pip install 'local-ai-router[drill]')") from exc
    faults = by_fault(ledger)
    rows = -(-len(faults) // COLUMNS)
    with mpl.rc_context({"font.size": 8, "axes.titlesize": 9, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(19, 2.7 * rows + 4.6), layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(title, fontsize=12)
        colours = _colours(ledger)
        upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=[2.7 * rows, 4.0])[:, 0]
        panels = upper.subplots(rows, COLUMNS, squeeze=False).flatten()
        for panel, (fault, trials) in zip(panels, faults.items(), strict=False):
            _timeline(panel, fault, trials[0][0], colours)
        for panel in panels[len(faults) :]:
            panel.set_axis_off()
        _legend(upper, colours)
        first, gap, change = lower.subplots(1, 3)
        names = list(faults)
        _strips(first, names, [[s for _, r in faults[n] for s in r.first_audio_s] for n in names], FIRST_AUDIO_S)
        first.set_title(
            "first audio of short texts asked within the fault, seconds (line: what is promised in p99)"
        )
        _strips(gap, names, [[s for _, r in faults[n] for s in r.gaps_s] for n in names], GAP_S)
        gap.set_title("longest gap heard by a listener in mid-paragraph, seconds (line: what is promised in p99)")
        _detection(change, names, faults)
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=DOTS_PER_INCH)
    return out.getvalue()


def _colours(ledger: Ledger) -> dict[str, str]:
    """By machine: a provider's name up to its first dash, for the drill's own; else its name."""
    machines = {_machine(p): None for judged in ledger.all_answers() for p in judged.answer.providers}
    first = [_machine(p) for trial in ledger.trials[:1] for p in trial.providers]
    ordered = list(dict.fromkeys([*first, *sorted(machines)]))
    return {machine: _COLOURS[index % len(_COLOURS)] for index, machine in enumerate(ordered)}


def _machine(provider: str) -> str:
    return provider.removesuffix("-tts").removesuffix("-llm").removesuffix("-writer")


def _timeline(panel: "Axes", fault: str, trial: Trial, colours: dict[str, str]) -> None:
    """Bars on the lane of their kind, seconds from the fault."""
    zero_s = trial.broken_s
    kinds = [kind for kind in _LANES if any(a.answer.kind is kind for a in trial.answers)]
    panel.axvspan(0, trial.healed_s - zero_s, color=_SHADE, zorder=0, lw=0)
    if trial.ready_s is not None and trial.ready_s > trial.healed_s + 0.05:
        panel.axvspan(trial.healed_s - zero_s, trial.ready_s - zero_s, color="#F0F0F0", zorder=0, lw=0)
    for lane, kind in enumerate(kinds):
        free_at = [float("-inf")] * _SLOTS
        for judged in sorted((a for a in trial.answers if a.answer.kind is kind), key=lambda a: a.answer.asked_s):
            slot = min(range(_SLOTS), key=lambda s: (free_at[s] > judged.answer.asked_s, s))
            free_at[slot] = judged.answer.ended_s
            height = 0.8 / (1 if kind.is_long or kind.is_aloud else 2 if kind is Kind.SHORT else _SLOTS)
            slot = min(slot, round(0.8 / height) - 1)
            _bar(panel, judged, zero_s, lane - 0.4 + slot * height, height * 0.85, colours)
    panel.set_yticks(range(len(kinds)), [str(kind) for kind in kinds])
    panel.set_ylim(-0.6, max(0, len(kinds) - 1) + 0.6)
    panel.set_xlim(-_BEFORE_S, min(_AFTER_S, trial.ended_s - zero_s))
    panel.set_title(f"{fault} ({trial.scene}; seconds from the fault)")
    panel.grid(axis="x", lw=0.3, color="#BBBBBB")
    panel.set_axisbelow(True)


def _bar(panel: "Axes", judged: Judged, zero_s: float, y: float, height: float, colours: dict[str, str]) -> None:
    """A request from asked (pale until its first sound or word) to its end; a cross where it went wrong."""
    answer = judged.answer
    asked, ended = answer.asked_s - zero_s, answer.ended_s - zero_s
    first = ended if answer.first_s is None else answer.first_s - zero_s
    stretches = _stretches(answer, colours)
    pale = stretches[0][0] if stretches else _NOBODY
    panel.broken_barh([(asked, first - asked)], (y, height), facecolors=pale, alpha=0.35, lw=0)
    for colour, since, until in stretches:
        panel.broken_barh([(since - zero_s, until - since)], (y, height), facecolors=colour, lw=0)
    if judged.outcome is not Outcome.OK:
        honest = judged.outcome in {Outcome.BROKEN, Outcome.REFUSED, Outcome.MUTED}
        colour = "black" if honest else _BAD
        panel.plot([ended], [y + height / 2], marker="x", ms=4, mew=1.2, color=colour, zorder=5)


def _stretches(answer: Answer, colours: dict[str, str]) -> list[tuple[str, float, float]]:
    """Colours, each from when to when: the sound of each segment, at the times at which it came."""
    if answer.first_s is None:
        return []
    if not answer.segments:
        return [(colours.get(_machine(answer.provider), _NOBODY), answer.first_s, answer.ended_s)]
    stretches, since_s, spoken_s = [], answer.first_s, 0.0
    for segment in answer.segments:
        spoken_s += segment.duration_s
        end_bytes = (spoken_s - _ROUNDING_S) * BYTES_PER_S
        until_s = next((a.at_s for a in answer.arrivals if a.pcm_bytes >= end_bytes), answer.ended_s)
        stretches.append((colours.get(_machine(segment.provider), _NOBODY), since_s, until_s))
        since_s = until_s
    return stretches


def _legend(figure: object, colours: dict[str, str]) -> None:
    from matplotlib.artist import Artist
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [
        Patch(color=colour, label=f"answered by {machine}") for machine, colour in colours.items()
    ]
    handles += [
        Patch(color=_NOBODY, alpha=0.35, label="pale: waiting for the first byte"),
        Patch(color=_SHADE, label="the fault"),
        Patch(color="#F0F0F0", label="healed, not loaded yet"),
        Line2D([], [], marker="x", ls="", color="black", label="cut honestly, or refused"),
        Line2D([], [], marker="x", ls="", color=_BAD, label="failed or wrong"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)  # type: ignore[attr-defined]


def _strips(panel: "Axes", names: Sequence[str], samples: Sequence[Sequence[float]], bound: float) -> None:
    for row, values in enumerate(samples):
        panel.plot(values, [row] * len(values), "o", ms=4, alpha=0.6, color=_COLOURS[0])
        if not values:
            panel.text(0.02, row, "none measured", va="center", color="#888888", fontsize=7)
    _bounded(panel, names, bound)


def _detection(panel: "Axes", names: Sequence[str], faults: dict[str, list[tuple[Trial, Figures]]]) -> None:
    for row, name in enumerate(names):
        figures = [figure for _, figure in faults[name]]
        for marker, colour, field in (("o", _COLOURS[0], "detected_s"), ("s", _COLOURS[2], "returned_s")):
            values = [value for figure in figures if (value := getattr(figure, field)) is not None]
            panel.plot(values, [row] * len(values), marker, ms=5, alpha=0.7, color=colour)
    panel.axvline(DETECTED_S, color=_COLOURS[0], lw=1, ls="--")
    _bounded(panel, names, RETURNED_S, _COLOURS[2])
    panel.set_title("seconds to detection (circles, bound 1 s) and to return (squares, bound 3 s)")


def _bounded(panel: "Axes", names: Sequence[str], bound: float, colour: str = _COLOURS[0]) -> None:
    panel.axvline(bound, color=colour, lw=1, ls="--")
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.5, -0.5)
    panel.set_xlim(0, max(panel.get_xlim()[1], bound * 1.15))
    panel.grid(axis="x", lw=0.3, color="#BBBBBB")
