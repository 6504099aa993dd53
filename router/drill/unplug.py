"""The drill on a cast of its own: references, then each fault in each scene."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from router.drill.answer import Answer
from router.drill.baseline import Baseline, listeners_of
from router.drill.cast import Cast, on_stage
from router.drill.faults import Fault
from router.drill.figures import Figures, figures_of
from router.drill.hearing import longest_gap_s
from router.drill.ledger import Ledger, Trial
from router.drill.live import Live
from router.drill.load import Scene
from router.drill.process import LeftOut
from router.drill.texts import PARAGRAPHS, QUICK_PARAGRAPHS
from router.drill.trial import Stage, held


@dataclass(frozen=True, slots=True)
class Plan:
    """`rounds`: how often each fault in each scene; `hold`: a factor on how long faults hold."""

    faults: tuple[Fault, ...]
    rounds: int = 1
    hold: float = 1.0
    seed: int = 1
    is_quick: bool = False


async def drilled(engine: str, plan: Plan, live: Live) -> Ledger:
    """One engine's drill. Raises CannotDrill."""
    live.now(f"{engine}: starting the cast")
    rng = random.Random(plan.seed)  # noqa: S311  so that a drill can be held again
    async with on_stage(engine, plan.seed) as cast:
        live.say(f"{engine}: the cast is there; a machine is unplugged by {cast.preferred.way}")
        paragraphs = QUICK_PARAGRAPHS if plan.is_quick else PARAGRAPHS
        live.now(f"{engine}: what everything sounds like without a fault")
        baseline = await Baseline(cast, paragraphs).taken()
        listened_s = (0.2, 1.5) if plan.is_quick else (0.5, 6.0)
        stage = Stage(cast, baseline.references, baseline.shorts, baseline.aloud, rng, plan.hold, listened_s)
        notes = list(_simulated(cast))
        trials = []
        listeners = listeners_of(paragraphs)
        for number in range(plan.rounds):
            for index, fault in enumerate(plan.faults):
                paragraph = listeners[(index + number) % len(listeners)]
                aloud = baseline.aloud[(index + number) % len(baseline.aloud)]
                for scene in Scene:
                    live.now(f"{engine}: {fault.name}, {scene}")
                    try:
                        trials.append(await held(stage, fault, scene, paragraph, aloud))
                    except LeftOut as exc:
                        notes.append(f"Left out: {fault.name}, {scene}: {exc}.")
                        live.say(notes[-1])
                        continue
                    for line in told(trials[-1], figures_of(trials[-1])):
                        live.say(line)
        return Ledger(
            engine=cast.engine.label,
            way=cast.preferred.way,
            trials=tuple(trials),
            notes=tuple(notes),
            baseline_gaps_s=tuple(longest_gap_s(answer.arrivals) for answer in baseline.long),
            baseline_first_s=_first(baseline.short),
            baseline_other_s=_first(baseline.other),
            router_had_traceback=cast.log.has_traceback(),
        )


def _simulated(cast: Cast) -> tuple[str, ...]:
    engine = cast.engine
    speech = (
        f"The engine is {engine.label}. The preferred node behaves like a machine of {engine.gpu_like}, the other "
        f"like one of {engine.cpu_like} (tts-node's --simulate: seconds of work per second of audio, and before "
        "each segment): pieces are held back, nothing is computed slower."
    )
    return speech, "The LLM servers are two more of these routers with nothing but the built-in model demo."


def _first(answers: Sequence[Answer]) -> tuple[float, ...]:
    return tuple(answer.first_s - answer.asked_s for answer in answers if answer.first_s is not None)


def told(trial: Trial, row: Figures) -> list[str]:
    """A trial in a line, and each answer that is not as it should be."""
    seconds = {
        "detected": row.detected_s,
        "elsewhere": row.elsewhere_s,
        "first audio": max(row.first_audio_s, default=None),
        "gap": max(row.gaps_s, default=None),
        "gap of a chat aloud": max(row.aloud_gaps_s, default=None),
        "back": row.returned_s,
    }
    shown = ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items() if value is not None)
    bad = row.failed + row.dishonest + row.truncated + row.repeated + row.missing
    bad += row.other_sound + row.other_words
    counts = f"{row.requests} requests, {bad} bad" + (f", {row.broken} chat streams broken" if row.broken else "")
    counts += f", {row.refused} refused" if row.refused else ""
    lines = [f"{trial.fault:14} {trial.scene:6} {counts}; {shown}"]
    wrong = [answer for answer in trial.answers if not trial.is_fine(answer)]
    return (
        lines + [f"    {answer}" for answer in wrong[:5]] + ([f"    … {len(wrong) - 5} more"] * (len(wrong) > 5))
    )
