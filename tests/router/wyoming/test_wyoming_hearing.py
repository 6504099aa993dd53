"""What a voice service says, from its first event to audio-stop."""

from typing import Any

import pytest

from router.errors import Malformed, Rejected
from router.wyoming import Event, messages
from router.wyoming.hearing import MAX_OTHER_EVENTS, Hearing

SHAPE = {"rate": 22_050, "width": 2, "channels": 1, "timestamp": None}
START, STOP = Event("audio-start", SHAPE), Event("audio-stop", {"timestamp": None})


def chunk(samples: bytes = bytes(2048), **changed: Any) -> Event:
    return Event("audio-chunk", SHAPE | changed, samples)


def heard(*events: Event, most_s: float = 60.0, max_bytes: int = 10**6) -> Hearing:
    hearing = Hearing(most_s, max_bytes)
    assert (STOP in events) is hearing.is_whole_with(events)
    return hearing


def test_all_that_is_said() -> None:
    """The chunks in order, in the format that was told; events that nobody knows mean nothing."""
    hearing = heard(START, chunk(b"ab"), Event("progress", {"done": 0.5}), chunk(b"cd"), STOP)
    assert b"abcd" == hearing.audio
    assert messages.AudioFormat(22_050, 2, 1) == hearing.format


def test_the_first_chunk_may_tell_the_format() -> None:
    """Home Assistant takes it from there, so there are services that send no audio-start."""
    assert 16_000 == heard(chunk(rate=16_000), STOP).format.rate


def test_audio_stop_is_the_end() -> None:
    """Whoever hangs up before has cut it; what comes behind is not heard."""
    hearing = Hearing(60, 10**6)
    assert [False, True] == [hearing.is_whole_with(events) for events in ([START, chunk(b"ab")], [STOP, chunk()])]
    assert b"ab" == hearing.audio


@pytest.mark.parametrize("events", [[STOP], [START, STOP], [START, chunk(b""), STOP]])
def test_nothing_said_is_malformed(events: list[Event]) -> None:
    """As Piper answers a text of which it can say nothing."""
    hearing = heard(*events)
    with pytest.raises(Malformed, match="nothing at all"):
        _ = hearing.format


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (chunk(rate=16_000), "changed"),
        (chunk(width=1), "changed"),
        (chunk(channels=2), "changed"),
        (Event("audio-chunk", {}, b"ab"), "that is none"),
        (chunk(rate="many"), "that is none"),
        (chunk(bytes(2 * 22_050 * 2 + 2)), "more than 2 s"),
    ],
)
def test_what_is_no_speech(event: Event, why: str) -> None:
    """A format that changes, or is none; more than the text can take."""
    with pytest.raises(Malformed, match=why):
        heard(START, event, most_s=2)


@pytest.mark.parametrize(
    "shape", [{"rate": 1}, {"rate": 10**9}, {"width": 0}, {"width": 8}, {"channels": 0}, {"channels": 99}]
)
def test_formats_that_nobody_speaks_in(shape: dict[str, int]) -> None:
    """A sample at 1 Hz would be a second."""
    with pytest.raises(Malformed, match="speaks with"):
        heard(Event("audio-start", SHAPE | shape))


def test_more_bytes_than_are_kept() -> None:
    """However long it may be."""
    with pytest.raises(Malformed, match="too long"):
        heard(START, chunk(), max_bytes=2000)


def test_an_error_is_the_services_fault() -> None:
    """In its words, in one line."""
    with pytest.raises(Rejected, match="failed while it spoke: VoiceNotFoundError no such voice") as caught:
        heard(START, Event("error", {"text": "no such\nvoice", "code": "VoiceNotFoundError"}))
    assert 500 == caught.value.upstream_status


def test_noise_without_end() -> None:
    """So many events without audio are too many."""
    with pytest.raises(Malformed, match="without audio"):
        heard(START, *[Event("progress")] * (MAX_OTHER_EVENTS + 1))
