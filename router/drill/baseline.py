"""What everything sounds like without a fault: the right answers, asked of both machines."""

import asyncio
import json
from collections.abc import Sequence

from router.drill.answer import Answer, Kind, Question
from router.drill.cast import Cast
from router.drill.ledger import Reference
from router.drill.load import WRITER, aloud, chat, speech
from router.drill.process import CannotDrill
from router.drill.texts import SHORT, STREAMED_WORDS, WHOLE_WORDS


class Baseline:
    """`shorts` and `aloud` are what is asked; `short`, `long` and `other` answers of the preferred node and of the
    other one."""

    def __init__(self, cast: Cast, paragraphs: Sequence[str]) -> None:
        self._cast = cast
        self._paragraphs = paragraphs
        texts = SHORT if len(paragraphs) > 1 else SHORT[:2]
        self.shorts = tuple(speech(Kind.SHORT, text, _name(text)) for text in texts)
        self.aloud = (
            aloud(Kind.ALOUD_SSE, "two sentences", WRITER, STREAMED_WORDS),
            aloud(Kind.ALOUD_JSON, "one sentence", "chat", WHOLE_WORDS),
        )
        self.references: dict[str, Reference] = {}
        self.long: list[Answer] = []
        self.short: list[Answer] = []
        self.other: list[Answer] = []

    async def taken(self) -> "Baseline":
        """Raises CannotDrill when the machines do not agree: then nothing could be compared."""
        chats = [self._asked(chat(kind)) for kind in (Kind.CHAT_JSON, Kind.CHAT_SSE)]
        loading = [self._both(question) for question in self.shorts]
        await asyncio.gather(*chats, *loading)
        for question in self.shorts:
            self.short.append(await self._asked(question))
            self.other.append(await self._other(question))
        spoken = {answer.question.name: answer for answer in self.other} | await self._long() | await self._aloud()
        for name, answer in spoken.items():
            known = self.references[name]
            if (known.sound, known.words) != (bytes(answer.sound), answer.words):
                sizes = f"{len(known.sound)} and {len(answer.sound)} bytes of PCM"
                raise CannotDrill(
                    f"the two nodes do not say {name!r}… alike ({sizes}), so nothing could be compared"
                )
        return self

    async def _long(self) -> dict[str, Answer]:
        """Each paragraph as the other node says it."""
        theirs = [speech(Kind.LONG_AUDIO, text, _name(text)) for text in self._paragraphs]
        others = asyncio.gather(*(self._other(question) for question in theirs))
        try:
            for question in listeners_of(self._paragraphs)[::3]:
                self.long.append(await self._asked(question))
            return {answer.question.name: answer for answer in await others}
        finally:
            others.cancel()

    async def _aloud(self) -> dict[str, Answer]:
        """Both as the other node says them. Their words are those that the same model writes in a plain chat."""
        streamed, whole = self.aloud
        known, other_whole = await asyncio.gather(self._asked(streamed), self._other(whole))
        other_streamed, _ = await asyncio.gather(self._other(streamed), self._asked(whole))
        for answer in (known, other_streamed, other_whole):
            written = await self._written(answer.question.document["max_tokens"])
            if answer.words != written:
                raise CannotDrill(
                    f"even without a fault: {answer.words!r} is not what the model wrote: {written!r}"
                )
        return {answer.question.name: answer for answer in (other_streamed, other_whole)}

    async def _written(self, max_tokens: int) -> str:
        plain = await self._whole_of(chat(Kind.CHAT_JSON, WRITER, max_tokens=max_tokens))
        return str(json.loads(bytes(plain.sound))["choices"][0]["message"]["content"])

    async def _asked(self, question: Question) -> Answer:
        answer = await self._whole_of(question)
        durations_s = tuple(segment.duration_s for segment in answer.segments)
        reference = Reference(bytes(answer.sound), durations_s, answer.words)
        known = self.references.setdefault(question.name, reference)
        if (known.sound, known.words) != (reference.sound, reference.words):
            raise CannotDrill(f"{question.kind} of {question.name!r}… differs from what was said before")
        return answer

    async def _both(self, question: Question) -> None:
        await asyncio.gather(self._cast.client.ask(question), self._other(question))

    async def _other(self, question: Question) -> Answer:
        """The same from the machine that serves when the preferred one cannot."""
        voice = f"{self._cast.other.name}-tts/{self._cast.engine.model}"
        document = dict(question.document)
        if question.kind.is_aloud:
            document["audio"] = {**document["audio"], "model": voice}
        else:
            document["model"] = voice
        alone = ("X-Router-Fallback: none",)  # or the preferred one would help out
        return await self._whole_of(Question(question.kind, question.path, document, question.name, alone))

    async def _whole_of(self, question: Question) -> Answer:
        """Raises CannotDrill for any other."""
        answer = await self._cast.client.ask(question)
        if not answer.is_whole or answer.muted:
            raise CannotDrill(f"even without a fault: {answer}\n{self._cast.router.tail()}")
        return answer


def listeners_of(paragraphs: Sequence[str]) -> list[Question]:
    """Each paragraph in both ways of streaming, ways in turn."""
    return [speech(kind, text, _name(text)) for text in paragraphs for kind in (Kind.LONG_AUDIO, Kind.LONG_SSE)]


def _name(text: str) -> str:
    return text[:24]
