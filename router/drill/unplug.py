"""The drill on a cast of its own: references, then each fault in each scene."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from router.drill.answer import Answer, Kind, Question
from router.drill.cast import Cast, on_stage
from router.drill.faults import Fault
from router.drill.figures import Figures, figures_of
from router.drill.hearing import longest_gap_s
from router.drill.ledger import Ledger, Outcome, Reference, Trial
from router.drill.live import Live
from router.drill.load import Scene, chat, speech
from router.drill.process import CannotDrill, LeftOut
from router.drill.texts import PARAGRAPHS, QUICK_PARAGRAPHS, SHORT
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
        baseline = await _Baseline(cast, paragraphs).taken()
        listened_s = (0.2, 1.5) if plan.is_quick else (0.5, 6.0)
        stage = Stage(cast, baseline.references, baseline.shorts, rng, plan.hold, listened_s)
        notes = list(_simulated(cast))
        trials = []
        listeners = _listeners(paragraphs)
        for number in range(plan.rounds):
            for index, fault in enumerate(plan.faults):
                paragraph = listeners[(index + number) % len(listeners)]
                for scene in Scene:
                    live.now(f"{engine}: {fault.name}, {scene}")
                    try:
                        trials.append(await held(stage, fault, scene, paragraph))
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


def _listeners(paragraphs: Sequence[str]) -> list[Question]:
    """Each paragraph in both ways of streaming, ways in turn."""
    return [speech(kind, text, _name(text)) for text in paragraphs for kind in (Kind.LONG_AUDIO, Kind.LONG_SSE)]


def _first(answers: Sequence[Answer]) -> tuple[float, ...]:
    return tuple(answer.first_s - answer.asked_s for answer in answers if answer.first_s is not None)


def _name(text: str) -> str:
    return text[:24]


class _Baseline:
    """Everything asked once without a fault, of both machines: the right answers."""

    def __init__(self, cast: Cast, paragraphs: Sequence[str]) -> None:
        self._cast = cast
        self._paragraphs = paragraphs
        texts = SHORT if len(paragraphs) > 1 else SHORT[:2]
        self.shorts = tuple(speech(Kind.SHORT, text, _name(text)) for text in texts)
        self.references: dict[str, Reference] = {}
        self.long: list[Answer] = []
        self.short: list[Answer] = []
        self.other: list[Answer] = []

    async def taken(self) -> "_Baseline":
        """Raises CannotDrill when the machines do not agree: then nothing could be compared."""
        chats = [self._asked(chat(kind)) for kind in (Kind.CHAT_JSON, Kind.CHAT_SSE)]
        loading = [self._both(question) for question in self.shorts]
        await asyncio.gather(*chats, *loading)
        for question in self.shorts:
            self.short.append(await self._asked(question))
            self.other.append(await self._other(question))
        others = asyncio.gather(*(self._others(paragraph) for paragraph in self._paragraphs))
        try:
            for question in _listeners(self._paragraphs)[::3]:
                self.long.append(await self._asked(question))
            spoken = dict(await others) | {a.question.name: bytes(a.sound) for a in self.other}
        finally:
            others.cancel()
        for name, sound in spoken.items():
            if self.references[name].sound != sound:
                sizes = f"{len(self.references[name].sound)} and {len(sound)} bytes of PCM"
                raise CannotDrill(
                    f"the two nodes do not say {name!r}… alike ({sizes}), so nothing could be compared"
                )
        return self

    async def _asked(self, question: Question) -> Answer:
        answer = await self._cast.client.ask(question)
        if not answer.is_whole:
            raise CannotDrill(f"even without a fault: {answer}\n{self._cast.router.tail()}")
        reference = Reference(bytes(answer.sound), tuple(segment.duration_s for segment in answer.segments))
        known = self.references.setdefault(question.name, reference)
        if known.sound != reference.sound:
            raise CannotDrill(f"{question.kind} of {question.name!r}… differs from what was said before")
        return answer

    async def _both(self, question: Question) -> None:
        await asyncio.gather(self._cast.client.ask(question), self._other(question))

    async def _others(self, text: str) -> tuple[str, bytes]:
        answer = await self._other(speech(Kind.LONG_AUDIO, text, _name(text)))
        return _name(text), bytes(answer.sound)

    async def _other(self, question: Question) -> Answer:
        """The same from the machine that serves when the preferred one cannot."""
        model = f"{self._cast.other.name}-tts/{self._cast.engine.model}"
        document = {**question.document, "model": model}
        alone = ("X-Router-Fallback: none",)  # or the preferred one would help out
        theirs = Question(question.kind, question.path, document, question.name, alone)
        answer = await self._cast.client.ask(theirs)
        if not answer.is_whole:
            raise CannotDrill(f"even without a fault: {answer}\n{self._cast.router.tail()}")
        return answer


def told(trial: Trial, row: Figures) -> list[str]:
    """A trial in a line, and each answer that is not as it should be."""
    seconds = {
        "detected": row.detected_s,
        "elsewhere": row.elsewhere_s,
        "first audio": max(row.first_audio_s, default=None),
        "gap": max(row.gaps_s, default=None),
        "back": row.returned_s,
    }
    shown = ", ".join(f"{name} {value:.2f} s" for name, value in seconds.items() if value is not None)
    bad = row.failed + row.dishonest + row.truncated + row.repeated + row.missing + row.other_sound
    counts = f"{row.requests} requests, {bad} bad" + (f", {row.broken} chat streams broken" if row.broken else "")
    counts += f", {row.refused} refused" if row.refused else ""
    lines = [f"{trial.fault:14} {trial.scene:6} {counts}; {shown}"]
    fine = {Outcome.OK, Outcome.BROKEN} | ({Outcome.REFUSED} if not trial.has_fallback else set())
    wrong = [answer for answer in trial.answers if answer.outcome not in fine]
    return (
        lines + [f"    {answer}" for answer in wrong[:5]] + ([f"    … {len(wrong) - 5} more"] * (len(wrong) > 5))
    )
