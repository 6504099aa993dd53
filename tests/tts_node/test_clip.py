"""Whether a recording will do: a table of faults and flaws, and the process that reads it."""

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

import recordings
from nodes import eventually, is_running
from tts_node.engines import ESPEAK, Cloning
from tts_node.errors import BadRequest
from tts_node.voices.clip import Demand, judge
from tts_node.voices.clip_process import ClipReader
from tts_node.voices.recording import Measures

GOOD = Measures(heard_s=10.0, is_cut=False, speech_s=9.0, loudness_lufs=-20.0, clipped_share=0.0, snr_db=40.0)


def but(**changes: object) -> Measures:
    """A good recording but for this."""
    return msgspec.structs.replace(GOOD, **changes)


def test_a_good_recording_has_no_flaws() -> None:
    """Nothing is said where nothing is wrong."""
    assert () == judge(GOOD, Demand())


@pytest.mark.parametrize(
    ("measures", "code", "advice"),
    [
        (but(speech_s=1.8), "clip_too_short", "1.8 s; record at least 6 s of continuous speech"),
        (but(speech_s=0.0, loudness_lufs=-70.0), "clip_silent", "Check the microphone"),
        (but(loudness_lufs=-60.0), "clip_quiet", "closer"),
        (but(clipped_share=0.1), "clip_clipped", "Lower"),
        (but(snr_db=3.0), "clip_noisy", "quiet room"),
    ],
)
def test_faults_say_what_to_do(measures: Measures, code: str, advice: str) -> None:
    """A 400 that names the field and helps."""
    with pytest.raises(BadRequest, match=advice) as caught:
        judge(measures, Demand())
    assert ("audio_sample", code) == (caught.value.param, caught.value.code)


@pytest.mark.parametrize(
    ("measures", "word"),
    [
        (but(is_cut=True), "first 60 s"),
        (but(speech_s=4.0), "6 s serve every engine"),
        (but(loudness_lufs=-45.0), "Quiet"),
        (but(clipped_share=0.01), "Overdriven"),
        (but(snr_db=12.0), "Noisy"),
        (but(speech_s=7.0, heard_s=40.0), "silence"),
    ],
)
def test_flaws_are_told(measures: Measures, word: str) -> None:
    """The recording is taken, with one warning."""
    (warning,) = judge(measures, Demand())
    assert word in warning


def test_the_demand_is_that_of_the_engines_here() -> None:
    """The least demanding one decides what is refused, the most demanding one what is advised."""
    engines = [replace(ESPEAK, cloning=Cloning(min_s, 10.0)) for min_s in (3.0, 5.0, 8.0)]
    assert Demand(shortest_s=3.0, advised_s=9.0) == Demand.of([ESPEAK, *engines])
    assert Demand(shortest_s=5.0, advised_s=6.0) == Demand.of(engines[1:2])
    assert Demand() == Demand.of([ESPEAK])


# the process


async def said_by(code: str) -> str:
    """What a process of its own prints that runs this."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    return said.decode()


def read_by(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader is this shell script from now on; `folder` keeps it."""
    interpreter = folder / "python"
    interpreter.write_text(f"#!/bin/sh\n{script}\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))


@pytest.mark.anyio
async def test_the_process_reads_what_recorders_write() -> None:
    """With pictures and many streams too: what PyAV imports late is imported before the rights are given up."""
    read = ClipReader()
    for data in (recordings.voice(), recordings.film(), recordings.crowd(40)):
        assert (await read(data)).pcm


@pytest.mark.anyio
@pytest.mark.parametrize(
    "data", [b"", b"#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n", bytes(1_000_000), recordings.wav(b"")]
)
async def test_the_process_refuses_the_rest(data: bytes) -> None:
    """A 400 with the formats that work."""
    with pytest.raises(BadRequest, match="WAV, FLAC, MP3") as caught:
        await ClipReader()(data)
    assert ("audio_sample", "unreadable_audio") == (caught.value.param, caught.value.code)


@pytest.mark.anyio
async def test_a_reader_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline holds for a process that hears no signal but the last, and the client is told."""
    pid_file = tmp_path / "pid"
    read_by(f"echo $$ > {pid_file}\nexec sleep 600", tmp_path, monkeypatch)
    with pytest.raises(BadRequest, match="too much time"):
        await ClipReader(deadline_s=3.0)(recordings.voice())
    assert not is_running(int(pid_file.read_text()))


@pytest.mark.anyio
async def test_a_reader_whose_client_left_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelling leaves no process behind."""
    pid_file = tmp_path / "pid"
    read_by(f"echo $$ > {pid_file}.part\nmv {pid_file}.part {pid_file}\nexec sleep 600", tmp_path, monkeypatch)
    reading = asyncio.create_task(ClipReader()(recordings.voice()))
    assert await asyncio.to_thread(eventually, pid_file.exists)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not is_running(int(pid_file.read_text()))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("crime", "sign"),
    [
        ("open('/etc/hostname')", "Too many open files"),
        ("__import__('socket').socket()", "Too many open files"),
        ("(__import__('os').close(0), open('/etc/hostname'))", "Too many open files"),
        ("bytearray(2 << 30)", "MemoryError"),
    ],
)
async def test_rights_are_given_up(crime: str, sign: str) -> None:
    """No file, no socket, no memory beyond a gigabyte."""
    code = (
        "import sys, socket, tts_node.voices.clip_process as process\n"
        "process._give_up_rights()\n"
        f"try:\n    {crime}\nexcept BaseException as exc:\n    print(type(exc).__name__, exc)\n"
    )
    assert sign in await said_by(code)


@pytest.mark.anyio
async def test_rights_that_are_gone_already_are_no_fault() -> None:
    """A container may have lower limits than ours: they are kept, not raised."""
    code = (
        "import resource, tts_node.voices.clip_process as process\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (7, 7))\n"
        "process._give_up_rights()\n"
        "print(resource.getrlimit(resource.RLIMIT_CPU))\n"
    )
    assert "(7, 7)" == (await said_by(code)).strip()


@pytest.mark.anyio
async def test_rights_that_cannot_be_given_up_keep_none_of_the_others() -> None:
    """A limit that the system refuses, in whichever words, does not stop those after it."""
    code = (
        "import resource, tts_node.voices.clip_process as process\n"
        "real_get, real_set = resource.getrlimit, resource.setrlimit\n"
        "def get(kind):\n"
        "    if kind == resource.RLIMIT_CPU: raise OSError(1, 'refused')\n"
        "    return real_get(kind)\n"
        "def set_(kind, limits):\n"
        "    if kind == resource.RLIMIT_AS: raise ValueError('not allowed to raise maximum limit')\n"
        "    real_set(kind, limits)\n"
        "resource.getrlimit, resource.setrlimit = get, set_\n"
        "process._give_up_rights()\n"
        "print(real_get(resource.RLIMIT_NOFILE))\n"
    )
    assert "(0, 0)" == (await said_by(code)).strip()


@pytest.mark.anyio
async def test_the_reader_is_told_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and tokens of the node's environment stay with the node; what an interpreter needs goes along."""
    told = tmp_path / "told"
    read_by(f"env > {told}", tmp_path, monkeypatch)
    monkeypatch.setenv("TTS_NODE_API_KEY", "s3cret-key")
    monkeypatch.setenv("HF_TOKEN", "hf_s3cret")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    monkeypatch.setenv("PYTHONUTF8", "1")
    with pytest.raises(BadRequest):
        await ClipReader()(recordings.voice())
    text = told.read_text()
    assert "s3cret" not in text
    assert {"LD_LIBRARY_PATH=/opt/lib", "PYTHONUTF8=1", f"PATH={os.environ['PATH']}"} <= set(text.splitlines())
