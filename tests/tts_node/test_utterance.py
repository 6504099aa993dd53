"""The buffer between the child's pace and the client's."""

import pytest

from tts_node.domain import Job, Piece, Speech
from tts_node.errors import EngineCrashed
from tts_node.life.utterance import Utterance

pytestmark = pytest.mark.anyio
JOB = Job(id=1, text="x", voice="alloy")
TEXT = (Piece("x"),)


async def test_pieces_are_joined_in_order() -> None:
    """What came before it was read comes as one piece."""
    utterance = Utterance(JOB, TEXT)
    for piece in (b"aa", b"bb"):
        utterance.offer(piece)
    utterance.finish(0.5)
    assert [b"aabb"] == [piece async for piece in utterance.pieces()]
    assert Speech(4 / 48000, 0.5) == utterance.speech


async def test_a_failure_comes_after_what_was_said() -> None:
    """Audio first, then the error."""
    utterance = Utterance(JOB, TEXT)
    utterance.offer(b"aa")
    utterance.fail(EngineCrashed("died"))
    pieces = utterance.pieces()
    assert b"aa" == await anext(pieces)
    with pytest.raises(EngineCrashed):
        await anext(pieces)


async def test_a_full_buffer_says_so() -> None:
    """The engine is held back at the bound, and let go by reading."""
    utterance = Utterance(JOB, TEXT, buffer_bytes=4)
    assert utterance.offer(b"aa")
    assert not utterance.offer(b"bb")
    assert b"aabb" == await anext(utterance.pieces())
    await utterance.room()
    assert utterance.offer(b"c")


async def test_cancelling_makes_room_and_drops() -> None:
    """Nobody listens: nothing is kept, nobody is held back, the slot is told once."""
    calls: list[str] = []
    utterance = Utterance(JOB, TEXT, buffer_bytes=2)
    utterance.on_cancel = lambda: calls.append("stop")
    utterance.offer(b"aa")
    utterance.cancel()
    utterance.cancel()
    await utterance.room()
    assert utterance.offer(b"bb")
    assert ["stop"] == calls
    assert 4 == utterance.pcm_bytes


async def test_cancelling_after_the_end_stops_nothing() -> None:
    """A finished utterance has nothing to stop."""
    calls: list[str] = []
    utterance = Utterance(JOB, TEXT)
    utterance.on_cancel = lambda: calls.append("stop")
    utterance.finish(0.1)
    utterance.cancel()
    assert [] == calls
    assert "<Utterance 1 pcm=0 over=True cancelled=True>" == repr(utterance)
