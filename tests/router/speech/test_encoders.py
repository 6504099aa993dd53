"""Whole answers in one copy."""

import asyncio
import threading
import tracemalloc

import pytest
from encoded import encode_whole
from fakes import pcm
from running import run

from router.domain import AudioFormat
from router.speech import encoders
from router.speech.encoders import Encoders
from router.speech.encoding import AudioFile

SEGMENT = pcm(5.0)


async def _whole(audio_format: AudioFormat, count: int) -> bytes:
    encoder = Encoders().whole(audio_format)
    for _ in range(count):
        await encoder.feed(SEGMENT)
    return await encoder.close()


@pytest.mark.parametrize("audio_format", [AudioFormat.WAV, AudioFormat.PCM])
def test_a_long_answer_is_in_memory_once(audio_format: AudioFormat) -> None:
    """Five minutes: the file, the room that it grows into, and a segment."""

    async def main() -> tuple[int, int]:
        await _whole(audio_format, 1)  # what is loaded once
        tracemalloc.start()
        try:
            return len(await _whole(audio_format, 60)), tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    size, most = run(main())
    assert 5 * 60 * 48_000 <= size
    assert most < 1.3 * size


@pytest.mark.parametrize("audio_format", [form for form in AudioFormat if form is not AudioFormat.OPUS])
def test_it_is_the_file_that_one_piece_would_be(audio_format: AudioFormat) -> None:
    """Header, true sizes and all. (Ogg has a random serial number.)"""
    assert encode_whole(SEGMENT * 3, audio_format) == run(_whole(audio_format, 3))


def test_the_event_loop_goes_on_while_a_file_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it is."""
    go_on = threading.Event()

    class SlowFile(AudioFile):
        def take(self) -> bytes:
            assert go_on.wait(10), "the event loop was blocked"
            return super().take()

    monkeypatch.setattr(encoders, "AudioFile", SlowFile)

    async def main() -> bytes:
        making = asyncio.ensure_future(_whole(AudioFormat.WAV, 1))
        await asyncio.sleep(0)
        go_on.set()
        return await making

    assert 44 + len(SEGMENT) == len(run(main()))
