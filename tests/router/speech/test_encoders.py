"""Whole answers in one copy; threads that make way for the event loop, and for each other."""

import asyncio
import os
import subprocess
import sys
import threading
import tracemalloc

import pytest
from encoded import encode_whole
from fakes import pcm
from running import run

from router.domain import AudioFormat, Rendition
from router.speech import encoders
from router.speech.encoders import Encoders
from router.speech.encoding import AudioFile

SEGMENT = pcm(5.0)


async def _whole(audio_format: AudioFormat, count: int) -> bytes:
    encoder = Encoders().whole(Rendition(audio_format))
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
        making = asyncio.ensure_future(_whole(AudioFormat.FLAC, 1))
        await asyncio.sleep(0)
        go_on.set()
        return await making

    assert run(main()).startswith(b"fLaC")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no niceness of its own")
def test_the_threads_make_way_and_the_loop_does_not() -> None:
    """What is encoded can wait; who chats meanwhile should not."""

    def nice() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = nice()
    assert (min(19, before + encoders.NICE), before) == (run(Encoders().run(nice)), nice())


def test_a_long_answer_lets_others_have_their_turns() -> None:
    """It is encoded two seconds at a time: a sentence that comes meanwhile is done long before it."""

    async def main() -> list[str]:
        crew, done = Encoders(1), list[str]()

        async def one(name: str, pcm: bytes) -> None:
            await crew.encoded(pcm, Rendition(AudioFormat.FLAC))
            done.append(name)

        await asyncio.gather(one("long", SEGMENT * 12), one("short", SEGMENT))
        return done

    assert ["short", "long"] == run(main())


@pytest.mark.parametrize("audio_format", [AudioFormat.WAV, AudioFormat.PCM])
def test_what_is_only_copied_needs_no_thread(audio_format: AudioFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    """To hand it to one and back would cost more than the copy."""

    def refuse(_: object) -> None:
        pytest.fail("a thread was asked")

    monkeypatch.setattr(Encoders, "run", lambda _, work: refuse(work))

    async def main() -> tuple[bytes, bytes]:
        streamed = Encoders().open(Rendition(audio_format))
        sent = await streamed.feed(SEGMENT) + await streamed.close()
        return sent, await Encoders().encoded(SEGMENT, Rendition(audio_format))

    for audio in run(main()):
        assert audio.endswith(SEGMENT)


def test_what_compresses_is_loaded_when_it_is_needed() -> None:
    """PyAV takes 17 MB, which a house that only chats keeps. Copying needs none of it."""
    steps = (
        "import asyncio, sys",
        "import router.commands.serve",
        "from router.domain import AudioFormat, Rendition",
        "from router.speech.encoders import Encoders",
        "asyncio.run(Encoders().encoded(bytes(480), Rendition(AudioFormat.WAV)))",
        "before = 'av' in sys.modules",
        "asyncio.run(Encoders().get_ready())",
        "print(before, 'av' in sys.modules)",
    )
    told = subprocess.run([sys.executable, "-c", "\n".join(steps)], check=True, capture_output=True, text=True)
    assert "False True" == told.stdout.strip()


def test_there_are_as_many_threads_as_cores_and_not_many() -> None:
    """More would encode no faster."""
    assert 1 <= encoders.usual_limit() <= encoders.MOST_THREADS
    assert encoders.usual_limit() == Encoders().limit
    assert 7 == Encoders(7).limit
