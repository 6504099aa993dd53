"""Turns of a conversation, with a router made up."""

import asyncio

import pytest
from fakes import ManualClock
from running import run, until
from talks import SUMMED, FakeRouter, FakeScreen, FakeSound, pcm, sounded

from router.talk.answer import Answer
from router.talk.client import Model
from router.talk.conversation import Conversation, Voice
from router.talk.errors import Broken, CannotTalk, Refused
from router.talk.happenings import Ended, Happening, Named, Opened, Wrote
from router.talk.talk import Talk, chats_of, chosen

GOOD: list[Happening | Exception | asyncio.Event] = [
    Opened("ollama", "m", 1, "req-1"),
    Named("audio_1"),
    Wrote("One. Two."),
    sounded(1.0, 0, "One."),
    sounded(1.0, 1, "Two."),
    SUMMED,
    Ended(),
]
FORGOTTEN = Refused("Gone.", status=400, code="audio_not_found")


class Room:
    """A conversation and all that it was given."""

    def __init__(self, *answers: list[Happening | Exception | asyncio.Event]) -> None:
        self.router = FakeRouter(list(answers))
        self.sound = FakeSound()
        self.screen = FakeScreen()
        self.clock = ManualClock()
        self.talk = Talk(self.router, Conversation("m", Voice()), self.sound, self.screen, self.clock)

    def turns(self, *questions: str) -> list[Answer]:
        async def main() -> list[Answer]:
            return [await self.talk.turn(question) for question in questions]

        return run(main())

    def interrupted(self, question: str, condition: str) -> Answer:
        """A turn that is stopped once this was shown, or once this was done with the sound."""

        async def main() -> Answer:
            turn = asyncio.ensure_future(self.talk.turn(question))
            await until(lambda: condition in self.screen.text or condition in self.sound.calls)
            turn.cancel()
            return await turn

        return run(main())

    def sent(self, number: int) -> object:
        return self.router.requests[number]["messages"]


def test_an_answer_is_shown_heard_told_and_remembered() -> None:
    """In one turn; the next names it."""
    room = Room([*GOOD], [*GOOD])
    first, _ = room.turns("Why?", "And?")
    assert (True, False, ("provider_req-1",)) == (first.is_whole, first.is_interrupted, first.failovers)
    assert ("One. Two." * 2, pcm(4.0)) == (room.screen.text, room.sound.pcm)
    assert ["begin", "finish"] * 2 == room.sound.calls
    assert room.screen.lines[0].startswith(
        "first word 0.00 s (ollama, m) · first sound 0.00 s (gaming-pc-tts, turbo)"
    )
    assert [
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "audio": {"id": "audio_1"}},
        {"role": "user", "content": "And?"},
    ] == room.sent(1)


def test_an_answer_that_the_router_forgot_is_sent_in_words() -> None:
    """Once; nobody learns of it."""
    room = Room([*GOOD], [FORGOTTEN], [*GOOD])
    _, second = room.turns("Why?", "And?")
    assert second.is_whole
    assert [
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "One. Two."},
        {"role": "user", "content": "And?"},
    ] == room.sent(2)


def test_a_router_that_forgets_again_is_not_asked_for_ever() -> None:
    """There is nothing left that it could have forgotten."""
    room = Room([FORGOTTEN], [*GOOD])
    with pytest.raises(Refused):
        room.turns("Why?")
    assert 1 == len(room.router.requests)


def test_stopping_an_answer_stops_its_stream_and_its_sound() -> None:
    """What was heard is what the next question follows."""
    room = Room([*GOOD[:5], asyncio.Event()], [*GOOD])
    room.sound.played = 0.5
    stopped = room.interrupted("Why?", "One. Two.")
    assert (True, 1) == (stopped.is_interrupted, room.router.closed)
    assert ["begin", "stop"] == room.sound.calls
    assert room.screen.lines[-1].startswith("stopped after 0.5 s of speech")
    room.turns("And?")
    assert [
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "One."},
        {"role": "user", "content": "And?"},
    ] == room.sent(1)


def test_an_answer_can_be_stopped_while_it_is_played() -> None:
    """Though all of it is there. Its figures are told once."""
    room = Room([*GOOD])
    room.sound.played = 1.5
    room.sound.holds = asyncio.Event()
    stopped = room.interrupted("Why?", "finish")
    assert stopped.is_interrupted
    words = ["first word", "failed over", "stopped after 1.5 s"]
    assert words == [line[: len(word)] for line, word in zip(room.screen.lines, words, strict=True)]
    assert "One. Two." == room.talk.conversation.messages[-1].text


def test_a_question_stopped_before_any_answer_leaves_no_trace() -> None:
    """Nor does one that nobody answers."""
    room = Room([asyncio.Event()])
    room.interrupted("Why?", "begin")
    assert [] == room.talk.conversation.messages
    room = Room([CannotTalk("Nobody.")])
    with pytest.raises(CannotTalk, match="Nobody"):
        room.turns("Why?")
    assert ([], ["begin", "stop"]) == (room.talk.conversation.messages, room.sound.calls)


@pytest.mark.parametrize(
    ("broken", "failure"), [([Broken("Cut.")], "Cut."), ([], "it ended without its end")], ids=["cut", "ended"]
)
def test_an_answer_that_breaks_off_is_played_and_told(broken: list[Happening | Exception], failure: str) -> None:
    """As far as it came."""
    room = Room([*GOOD[:4], *broken])
    (answer,) = room.turns("Why?")
    assert (failure, f"the answer broke off: {failure}") == (answer.failure, room.screen.lines[-1])
    assert ["begin", "finish"] == room.sound.calls
    assert "One. Two." == room.talk.conversation.messages[-1].text


def test_sound_that_cannot_be_saved_ends_the_turn() -> None:
    """The disk is full."""
    room = Room([*GOOD])
    room.sound.error = CannotTalk("Full.")
    with pytest.raises(CannotTalk, match="Full"):
        room.turns("Why?")
    assert (1, ["begin", "stop"]) == (room.router.closed, room.sound.calls)


def test_without_a_loudspeaker_the_clock_says_what_was_heard() -> None:
    """As somebody would have heard it who plays what comes."""
    room = Room([*GOOD[:5], asyncio.Event()])
    room.clock.now = room.router.at_s + 1.5  # when it is stopped, the second has begun
    room.interrupted("Why?", "One. Two.")
    assert "One. Two." == room.talk.conversation.messages[-1].text


MODELS = [Model("tts", "speech"), Model("off", state="down"), Model("demo"), Model("a", state="cold"), Model("b")]


def test_whom_to_talk_to() -> None:
    """The first chat model that can answer, the demo only where there is no other."""
    assert "a" == chosen(MODELS)
    assert "demo" == chosen(MODELS[:3])
    with pytest.raises(CannotTalk, match=r"lists: off \(down\)"):
        chosen(MODELS[:2])
    with pytest.raises(CannotTalk, match="none at all"):
        chosen([])
    assert ["off", "demo", "a", "b"] == chats_of(MODELS)
