"""A short-lived process that reads one recording: bytes on its stdin, one MessagePack answer on its stdout.

Why a process and not a thread: FFmpeg's parsers are native code, and the bytes are a stranger's. A parser that
crashes, loops or swallows memory takes this process with it and nothing else; a thread could not even be ended.
Before it reads a byte it gives up what it does not need: it can open no file and no socket (no free
descriptor), and has bounded memory and CPU time; of the node's secrets it is told none. Windows has no such
limits; the deadline holds there too.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Mapping

import av
import msgspec

from tts_node.domain import SAMPLE_RATE
from tts_node.errors import BadRequest, Unavailable
from tts_node.voices.recording import MAX_HEARD_S, Recording, Unreadable, read_recording, wav_of

DEADLINE_S = 30.0
_AT_ONCE = 2
_MEMORY_BYTES = 1 << 30
_CPU_S = 20
_NICENESS = 10  # speech goes first
_MAX_ANSWER_BYTES = int((MAX_HEARD_S + 5) * 48_000) + 4096

# What an interpreter needs to find itself, its libraries and its packages: no key, no token.
_NEEDED = frozenset({"PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "HOME", "APPDATA"})
_NEEDED_PREFIX = "PYTHON"

ReadRecording = Callable[[bytes], Awaitable[Recording]]


class _Answer(msgspec.Struct):
    """One of the two."""

    recording: Recording | None = None
    refusal: str | None = None


_decoder = msgspec.msgpack.Decoder(_Answer)


def needed_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of the node's environment that the process gets."""
    return {
        name: value
        for name, value in environment.items()
        if name.upper() in _NEEDED or name.upper().startswith(_NEEDED_PREFIX)
    }


class ClipReader:
    """The node's side. At most two processes at once; the next waits."""

    def __init__(self, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, data: bytes) -> Recording:
        """What is in these bytes. Raises BadRequest when it is no sound, Unavailable when no process starts."""
        async with self._places:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-P", "-m", "tts_node.voices.clip_process"),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                    env=needed_environment(os.environ),
                )
            except OSError as exc:
                raise Unavailable(
                    f"No process can be started to read it: {exc}", code="overloaded", retry_after_s=5
                ) from exc
            return _understood(await self._answer(process, data))

    async def _answer(self, process: asyncio.subprocess.Process, data: bytes) -> bytes:
        assert process.stdin
        assert process.stdout
        try:
            async with asyncio.timeout(self._deadline_s):
                _, answer = await asyncio.gather(_give(process.stdin, data), _take(process.stdout))
                await process.wait()
                return answer
        except TimeoutError:
            return b""
        finally:
            if process.returncode is None:
                process.kill()
                await asyncio.shield(process.wait())


async def _give(stdin: asyncio.StreamWriter, data: bytes) -> None:
    try:
        stdin.write(data)
        await stdin.drain()
    except ConnectionError:
        pass  # it ended before it had read all: its answer, or its silence, says why
    finally:
        stdin.close()


async def _take(stdout: asyncio.StreamReader) -> bytes:
    answer = bytearray()
    while len(answer) <= _MAX_ANSWER_BYTES and (data := await stdout.read(1 << 16)):
        answer += data
    return bytes(answer)


def _understood(answer: bytes) -> Recording:
    try:
        said = _decoder.decode(answer)
    except msgspec.MsgspecError:
        said = _Answer(refusal="Reading it took too much time or memory, or broke the reader.")
    if said.recording is None:
        raise BadRequest(
            f"The recording cannot be used. {said.refusal} Send a WAV, FLAC, MP3, M4A or Ogg file.",
            param="audio_sample",
            code="unreadable_audio",
        )
    return said.recording


# the child's side


def main() -> None:
    """One recording."""
    av.logging.set_level(av.logging.PANIC)
    data = sys.stdin.buffer.read()
    read_recording(wav_of(bytes(SAMPLE_RATE)))  # PyAV imports parts of itself on first use: now, while it can
    _give_up_rights()
    try:
        answer = _Answer(recording=read_recording(data))
    except Unreadable as exc:
        answer = _Answer(refusal=str(exc))
    sys.stdout.buffer.write(msgspec.msgpack.encode(answer))
    sys.stdout.buffer.flush()


def _give_up_rights() -> None:
    """What an outer sandbox does not let this process limit (systemd's `~@resources`), that one limits."""
    if sys.platform == "win32":
        return
    import resource

    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    for kind, limit in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CPU, _CPU_S),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),  # stdin, stdout, stderr are open: no other will be, not even in their place
    ):
        with contextlib.suppress(OSError, ValueError):
            _, hard = resource.getrlimit(kind)
            lowest = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            resource.setrlimit(kind, (lowest, lowest))


if __name__ == "__main__":
    main()
