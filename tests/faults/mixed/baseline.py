"""What everything sounds like without a fault: each text by each provider, which must agree to the sample."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mixed.cast import MODELS, NODE, MixedCast, model_of
from router.drill.answer import Answer, Kind, Question
from router.drill.ledger import Reference
from router.drill.load import speech
from router.drill.process import CannotDrill
from router.drill.texts import SHORT

ALONE: Final = ("X-Router-Fallback: none",)


def shorts(chain: str) -> tuple[Question, ...]:
    """Short texts for a chain."""
    return tuple(speech(Kind.SHORT, text, text, chain) for text in SHORT)


def paragraph(chain: str, texts: Sequence[str], number: int) -> Question:
    """A long text for a chain, all texts and both ways of streaming in turn."""
    text, kind = texts[number % len(texts)], (Kind.LONG_AUDIO, Kind.LONG_SSE)[number // len(texts) % 2]
    return speech(kind, text, text[:24], chain)


async def references(cast: MixedCast, texts: Sequence[str]) -> dict[str, Reference]:
    """By the names of the short texts and of `texts`. Raises CannotDrill where two providers do not agree: then
    nothing could be compared."""
    providers = [one for one in (NODE, *MODELS) if "-flat-" not in one]
    told = await asyncio.gather(*(_said_by(cast, provider, texts) for provider in providers))
    for provider, theirs in zip(providers, told, strict=True):
        for name, reference in theirs.items():
            if reference.sound != told[0][name].sound:
                sizes = f"{len(told[0][name].sound)} and {len(reference.sound)} bytes of PCM"
                raise CannotDrill(f"{provider} does not say {name!r}… as {NODE} does ({sizes})")
    return told[0]


async def _said_by(cast: MixedCast, provider: str, texts: Sequence[str]) -> dict[str, Reference]:
    model = model_of(provider)
    found = {}
    for question in (*shorts(model), *(paragraph(model, texts, number) for number in range(len(texts)))):
        answer = await _whole(cast, replace(question, headers=ALONE))
        durations_s = tuple(segment.duration_s for segment in answer.segments)
        found[question.name] = Reference(bytes(answer.sound), durations_s)
    return found


async def _whole(cast: MixedCast, question: Question) -> Answer:
    """Raises CannotDrill for any other."""
    answer = await cast.client.ask(question)
    if not answer.is_whole:
        raise CannotDrill(f"even without a fault: {answer}\n{cast.drill.router.tail()}")
    return answer
