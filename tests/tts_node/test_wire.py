"""Frames survive being cut anywhere; anything else is refused."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_node.domain import EngineConfig, Job
from tts_node.life import wire

MESSAGES: list[wire.AnyMessage] = [
    wire.Load("module:factory", EngineConfig(model="x", device="cuda:1"), 0.3, 0.4),
    wire.Speak(Job(id=7, text="Grüße", voice="alloy", seed=-1)),
    wire.Cancel(7),
    wire.Ready(0.5),
    wire.Audio(7, bytes(range(256))),
    wire.Progress(),
    wire.Done(7, 1.25),
    wire.Failed(7, "hoarse"),
    wire.LoadFailed("no weights"),
]


@given(cuts=st.lists(st.integers(0, 700), max_size=12))
def test_messages_survive_any_cut(cuts: list[int]) -> None:
    """However the pipe cuts the bytes, the same messages come out in the same order."""
    data = b"".join(wire.encode(message) for message in MESSAGES)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    reader = wire.FrameReader()
    found = [message for start, end in pairwise(edges) for message in reader.feed(data[start:end])]
    assert MESSAGES == found
    assert reader.is_between_frames


def test_half_a_frame_gives_nothing_yet() -> None:
    """An unfinished frame is kept back and known to be unfinished."""
    reader = wire.FrameReader()
    assert [] == list(reader.feed(wire.encode(wire.Progress())[:-1]))
    assert not reader.is_between_frames


@pytest.mark.parametrize(
    "data",
    [
        b"Loading weights: 100%\n",
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x05hello",
        b"\x00\x00\x00\x01\xc0",
        b"\x00\x00\x00\x0c\x81\xa4kind\xa5magic",
    ],
    ids=["printed text", "too long", "no MessagePack", "nil", "unknown kind"],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    """What is no frame raises, and never passes as one."""
    with pytest.raises(wire.WireError):
        list(wire.FrameReader().feed(data))
