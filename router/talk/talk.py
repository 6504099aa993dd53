"""One conversation: a question goes out, and what comes back is shown, played, told of and kept."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from router.ports import Monotonic
from router.talk.answer import Answer
from router.talk.client import Asked, Model
from router.talk.conversation import Conversation
from router.talk.errors import Broken, CannotTalk, Refused
from router.talk.happenings import Arrived, Sounded, Wrote
from router.talk.report import interruption, report
from router.talk.screen import Shown
from router.talk.sound import Heard

DEMO: Final = "demo"
FORGOTTEN: Final = "audio_not_found"
_CAN_ANSWER: Final = frozenset({"up", "cold"})


@dataclass(frozen=True, slots=True)
class Talk:
    """`turn` after `turn`."""

    router: Asked
    conversation: Conversation
    sound: Heard
    screen: Shown
    clock: Monotonic

    async def turn(self, question: str) -> Answer:
        """Ask, until the answer has been heard. Being cancelled once stops the answer, which is then told to be
        interrupted. Raises CannotTalk when there is none at all."""
        self.conversation.ask(question)
        answer = Answer(self.clock())
        try:
            await self._hear(answer)
            await self._look_up(answer)
            self._tell(answer)
            if answer.first_sound_s is not None:
                self.screen.wait("speaking; Ctrl-C stops")
            await self.sound.finish()
        except asyncio.CancelledError:
            _go_on()
            await self._stop(answer)
        except CannotTalk:
            await self._give_up(answer)
            raise
        finally:
            self.screen.end_text()
        self.conversation.settle(answer, self._played_s(answer))
        return answer

    async def _hear(self, answer: Answer) -> None:
        self.screen.wait(f"{self.conversation.model} is asked; Ctrl-C stops")
        self.sound.begin()
        try:
            await self._read(answer)
        except Refused as refused:
            if refused.code != FORGOTTEN or not self.conversation.in_words():
                raise
            await self._read(answer)  # the router knows the answers' ids for a while; we know their words

    async def _read(self, answer: Answer) -> None:
        try:
            async with aclosing(self.router.answer(self.conversation.request())) as arrivals:
                async for arrived in arrivals:
                    self._take(arrived, answer)
        except Broken as broken:
            answer.failure = answer.failure or str(broken)
        if not answer.is_whole and not answer.failure:
            answer.failure = "it ended without its end"

    def _take(self, arrived: Arrived, answer: Answer) -> None:
        answer.take(arrived)
        match arrived.happening:
            case Wrote(text):
                self.screen.write(text)
            case Sounded(pcm):
                self.sound.add(pcm)
            case _:
                pass

    async def _look_up(self, answer: Answer) -> None:
        if answer.opened is not None and answer.opened.request_id and answer.summed is not None:
            answer.failovers = await self.router.failovers(answer.opened.request_id)

    def _tell(self, answer: Answer) -> None:
        for line in report(answer):
            self.screen.tell(line)

    async def _stop(self, answer: Answer) -> None:
        played_s = self._played_s(answer)
        is_told = answer.is_whole or bool(answer.failure)
        answer.is_interrupted = True
        await self.sound.stop()
        self.screen.end_text()
        if not is_told:
            self._tell(answer)
        self.screen.tell(interruption(answer, played_s))

    async def _give_up(self, answer: Answer) -> None:
        await self.sound.stop()
        self.conversation.settle(answer, self._played_s(answer))

    def _played_s(self, answer: Answer) -> float:
        """Of what nobody plays, what somebody would have heard who did."""
        played_s = self.sound.played_s()
        return answer.audio_s - answer.playback.left_s(self.clock()) if played_s is None else played_s


def _go_on() -> None:
    """The cancellation was meant for the answer, not for who waits for it."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


def chosen(models: list[Model]) -> str:
    """Whom to talk to when nobody is named. Raises CannotTalk."""
    chats = [model for model in models if model.modality == "chat"]
    for model in chats:
        if model.id != DEMO and model.state in _CAN_ANSWER:
            return model.id
    if any(model.id == DEMO for model in chats):
        return DEMO
    known = ", ".join(f"{model.id} ({model.state})" for model in chats) or "none at all"
    raise CannotTalk(f"No chat model can answer now. The router lists: {known}.")


def chats_of(models: list[Model]) -> list[str]:
    """The names of those that one can talk to."""
    return [model.id for model in models if model.modality == "chat"]
