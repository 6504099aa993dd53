"""The clients of a trial: who asks what, and how often."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from router.drill.answer import Answer, Kind, Question
from router.drill.client import Client
from router.drill.texts import SEED

CHAT_PATH: Final = "/v1/chat/completions"
SPEECH_PATH: Final = "/v1/audio/speech"
WRITER: Final = "writer"  # writes what is spoken while it is written, on the machine that no fault takes
ALOUD_PAUSE_S: Final = 8.0  # with shorter ones, what is to be said is more than the slower node can say alone


class Scene(StrEnum):
    """`crowd`: every kind at once and a listener, as at home. `quiet`: one short text after another, so that the
    first sound waits for nobody else's."""

    CROWD = "crowd"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Pace:
    """A client: what it asks in turn, and seconds between an answer and its next question, also when the others
    hurry if it `is_patient`."""

    questions: tuple[Question, ...]
    pause_s: float
    is_patient: bool = False


def chat(kind: Kind, model: str = "chat", **more: object) -> Question:
    """A short chat, streamed or not."""
    messages = [{"role": "user", "content": "Hello!"}]
    document = {"model": model, "messages": messages, "stream": kind is Kind.CHAT_SSE, **more}
    return Question(kind, CHAT_PATH, document, kind)


def aloud(kind: Kind, name: str, model: str, max_tokens: int, voice: str | None = None) -> Question:
    """A chat whose answer is spoken; streamed, while it is written. `voice` is the model that speaks."""
    audio = {"format": "pcm16", "seed": SEED} | ({"model": voice} if voice else {})
    spoken = {"modalities": ["text", "audio"], "audio": audio, "max_tokens": max_tokens}
    document = {**chat(kind, model).document, **spoken, "stream": kind is Kind.ALOUD_SSE}
    return Question(kind, CHAT_PATH, document, name)


def speech(kind: Kind, text: str, name: str, model: str = "speech") -> Question:
    """A text as PCM. `name` is the text's."""
    document = {"model": model, "input": text, "seed": SEED, "response_format": "pcm"}
    match kind:
        case Kind.SHORT:
            document |= {"stream": False}
        case Kind.LONG_SSE:
            document |= {"stream": True, "stream_format": "sse"}
        case _:
            document |= {"stream": True}
    return Question(kind, SPEECH_PATH, document, name)


def paces(scene: Scene, shorts: Sequence[Question], aloud: Sequence[Question]) -> list[Pace]:
    """The clients of a scene, but for its listeners."""
    if scene is Scene.QUIET:
        return [Pace(tuple(shorts), 0.05), Pace((chat(Kind.CHAT_JSON),), 0.3)]
    chats = [Pace((chat(kind),), 0.2) for kind in (Kind.CHAT_JSON, Kind.CHAT_SSE) for _ in range(2)]
    return [Pace(tuple(shorts), 3.0), *chats, *(aloud_pace(question) for question in aloud)]


def aloud_pace(question: Question) -> Pace:
    """A client whose chats are spoken."""
    return Pace((question,), ALOUD_PAUSE_S, is_patient=True)


@dataclass(slots=True)
class Load:
    """Clients at work. `answers` has those under way too: `ended_s` is 0 until they have ended."""

    client: Client
    answers: list[Answer] = field(default_factory=list)
    is_hurried: bool = False  # nobody pauses: whoever is back shall be seen soon
    _is_over: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list["asyncio.Task[Any]"] = field(default_factory=list)

    def listen(self, question: Question) -> None:
        """One more client, which asks once."""
        self._tasks.append(asyncio.create_task(self._ask(question)))

    def begin(self, paces: Sequence[Pace]) -> None:
        self._tasks += [asyncio.create_task(self._keep_asking(pace)) for pace in paces]

    async def finish(self) -> None:
        """Nobody asks anything new; wait for what was asked."""
        self._is_over.set()
        await asyncio.gather(*self._tasks)

    async def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_asking(self, pace: Pace) -> None:
        turn = 0
        while not self._is_over.is_set():
            answer = await self._ask(pace.questions[turn % len(pace.questions)])
            turn += 1
            is_hurried = self.is_hurried and not pace.is_patient
            pause_s = min(pace.pause_s, 0.1) if is_hurried else pace.pause_s
            # Whoever was refused asks again soon, as people do, but not in a frenzy.
            await self._pause(pause_s if answer.status == 200 else max(pause_s, 0.25), is_patient=pace.is_patient)

    async def _pause(self, pause_s: float, *, is_patient: bool) -> None:
        """As long as that, less when the clients are hurried or sent home meanwhile."""
        until_s = time.monotonic() + pause_s
        while time.monotonic() < until_s and not (  # noqa: ASYNC110  two things may end it, and time
            self._is_over.is_set() or (self.is_hurried and pause_s > 1 and not is_patient)
        ):
            await asyncio.sleep(min(0.05, pause_s))

    async def _ask(self, question: Question) -> Answer:
        answer = Answer(question, time.monotonic())
        self.answers.append(answer)
        await self.client.fill(answer)
        return answer


@contextlib.asynccontextmanager
async def load(client: Client, paces: Sequence[Pace]) -> AsyncIterator[Load]:
    """Clients that ask again and again while the block runs; then each finishes what it asked."""
    clients = Load(client)
    clients.begin(paces)
    try:
        yield clients
        await clients.finish()
    finally:
        await clients.cancel()
