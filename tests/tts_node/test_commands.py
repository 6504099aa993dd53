"""`say`, `doctor` and the command line itself, as processes."""

import asyncio
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import sound
from tts_node.commands.say import quiet, say
from tts_node.domain import AudioFormat, SpeechRequest
from tts_node.settings import read_settings
from tts_node.voices.adoption import Adoption


def tts_node(*args: str, given: str | None = None, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Runs a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tts_node", *args],
        input=given,
        capture_output=True,
        text=True,
        timeout=100,
        cwd=cwd,
    )


def test_version() -> None:
    """One line."""
    assert "tts-node 0.1.0\n" == tts_node("--version").stdout


@pytest.mark.parametrize("suffix", ["wav", "mp3", "ogg"])
def test_say_writes_what_the_suffix_says(tmp_path: Path, suffix: str) -> None:
    """A file that decodes, and a line with duration, time and RTF."""
    output = tmp_path / f"out.{suffix}"
    answer = tts_node("say", "Good evening, everybody.", "-o", str(output), "--voice", "nova", "--speed", "1.2")
    assert (0, "") == (answer.returncode, answer.stderr)
    found = re.fullmatch(rf"{re.escape(str(output))}: (\S+) s of audio in \S+ s \(RTF \S+\)\n", answer.stdout)
    assert found
    heard = sound.decode(output.read_bytes(), suffix)
    assert float(found.group(1)) == pytest.approx(heard.duration_s, abs=0.08)
    assert heard.is_speech_like
    assert [output] == list(tmp_path.iterdir())


def test_say_takes_up_no_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The voices' folder may be a serving node's."""
    looks: list[Adoption] = []

    async def watch(adoption: Adoption) -> None:
        looks.append(adoption)

    monkeypatch.setattr(Adoption, "watch", watch)
    request = SpeechRequest(text="Hello.", model=None, voice=None, format=AudioFormat.PCM, speed=1.0)
    settings = read_settings({"engine": "espeak", "voices_dir": str(tmp_path / "voices")}, {})
    asyncio.run(say(settings, request, tmp_path / "x.pcm", quiet))
    assert (True, []) == ((tmp_path / "x.pcm").exists(), looks)


def test_say_reads_standard_input(tmp_path: Path) -> None:
    """For long texts."""
    output = tmp_path / "out"
    assert 0 == tts_node("say", "-", "-o", str(output), "--format", "pcm", given="Guten Abend.").returncode
    assert sound.of_pcm(output.read_bytes()).is_speech_like


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("hello", "-o", "x.docx"), "suffix"),
        (("  ", "-o", "x.wav"), "nothing to say"),
        (("hello", "-o", "x.wav", "--voice", "nowa"), "nova"),
        (("hello", "-o", "x.wav", "--speed", "9"), "--speed"),
        (("hello", "-o", "missing/x.wav"), "missing"),
    ],
)
def test_say_says_why_not(tmp_path: Path, args: tuple[str, ...], says: str) -> None:
    """Status 1, one line, no file."""
    answer = tts_node("say", *args, cwd=tmp_path)
    assert 1 == answer.returncode
    assert [True] == [says in line for line in answer.stderr.splitlines()]
    assert [] == list(tmp_path.iterdir())


def test_a_healthy_doctor() -> None:
    """One line per check, all ok, status 0."""
    answer = tts_node("doctor", "--port", "0")
    assert (0, "") == (answer.returncode, answer.stderr)
    assert ["interpreter", "codecs", "library", "chatterbox", "disk", "port", "speech"] == re.findall(
        r"^ok    (\w+): ", answer.stdout, re.MULTILINE
    )


def test_the_doctor_finds_a_taken_port() -> None:
    """The fault says what to do; the other checks go on; status 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answer = tts_node("doctor", "--port", str(taken.getsockname()[1]))
    assert 1 == answer.returncode
    assert ["port"] == re.findall(r"^FAULT (\w+): .*--port", answer.stdout, re.MULTILINE)
    assert 6 == answer.stdout.count("ok    ")


def test_the_doctor_reads_settings() -> None:
    """A contradiction is a fault too."""
    answer = tts_node("doctor", "--host", "0.0.0.0")
    assert 1 == answer.returncode
    assert answer.stdout.startswith("FAULT settings: ")


@pytest.mark.parametrize("args", [("say", "hello", "-o", "x.wav"), ("serve", "--port", "0")], ids=["say", "serve"])
def test_an_engine_by_name_that_is_absent(tmp_path: Path, args: tuple[str, ...]) -> None:
    """Status 1 and one line with the command that brings it; another engine does not speak instead."""
    answer = tts_node(*args, "--engine", "chatterbox-turbo", cwd=tmp_path)
    assert 1 == answer.returncode
    assert [True] == ["`tts-node setup cuda`" in line for line in answer.stderr.splitlines()]


def test_a_download_needs_the_setup(tmp_path: Path) -> None:
    """The library that fetches comes with it; status 1, one line."""
    answer = tts_node("download", "chatterbox", "--weights-dir", str(tmp_path))
    assert 1 == answer.returncode
    assert [True] == ["`tts-node setup cuda`" in line for line in answer.stderr.splitlines()]


def test_a_download_knows_its_models() -> None:
    """Another name is a usage error that lists them."""
    answer = tts_node("download", "chatterbox-maxi")
    assert 2 == answer.returncode
    assert "chatterbox-multilingual" in answer.stderr
