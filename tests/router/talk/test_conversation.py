"""What the next request says of the turns before."""

from talks import sounded

from router.talk.answer import Answer
from router.talk.conversation import Conversation, Message, Voice
from router.talk.happenings import Arrived, Ended, Happening, Named, Wrote

USER = {"role": "user", "content": "Why?"}


def conversation(*before: Message) -> Conversation:
    made = Conversation("m", Voice(), list(before))
    made.ask("Why?")
    return made


def answer(*happenings: Happening, is_interrupted: bool = False) -> Answer:
    made = Answer(0.0, is_interrupted=is_interrupted)
    for happening in happenings:
        made.take(Arrived(1.0, happening))
    return made


def test_a_request() -> None:
    """Text and audio, streamed; only what was chosen of the voice is said."""
    assert {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, USER],
        "modalities": ["text", "audio"],
        "audio": {"format": "pcm16"},
        "stream": True,
        "stream_options": {"include_usage": True},
    } == conversation(Message("system", "Be brief.")).request()
    assert {"format": "pcm16", "voice": "alloy", "model": "t", "speed": 1.5} == Voice("alloy", "t", 1.5).as_json()


def test_an_answer_is_named_by_its_audio_until_that_is_forgotten() -> None:
    """Then its words are sent."""
    made = conversation()
    made.settle(answer(Wrote("So."), Named("audio_1"), Ended()), 9.0)
    assert [USER, {"role": "assistant", "audio": {"id": "audio_1"}}] == made.request()["messages"]
    assert [True, False] == [made.in_words(), made.in_words()]
    assert [USER, {"role": "assistant", "content": "So."}] == made.request()["messages"]


def test_an_interrupted_answer_is_what_was_heard() -> None:
    """Though more was written, and though it may be whole already."""
    made = conversation()
    parts = (Named("audio_1"), Wrote("One. Two."), sounded(1, 0, "One."), sounded(1, 1, "Two."), Ended())
    made.settle(answer(*parts, is_interrupted=True), 0.5)
    assert [USER, {"role": "assistant", "content": "One."}] == made.request()["messages"]


def test_a_question_without_an_answer_is_taken_back() -> None:
    """Many models take no two of a user's messages in a row."""
    made = conversation()
    made.settle(answer(Wrote("One."), is_interrupted=True), 0.0)
    assert [] == made.request()["messages"]


def test_an_answer_that_broke_off_is_what_was_written() -> None:
    """Its audio has no id that anybody knows."""
    made = conversation()
    made.settle(answer(Named("audio_1"), Wrote("One. Tw")), 0.0)
    assert [USER, {"role": "assistant", "content": "One. Tw"}] == made.request()["messages"]
