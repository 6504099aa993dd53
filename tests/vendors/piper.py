"""Piper behind Wyoming: rhasspy/wyoming-piper at commit fd78db7 (2026-07-23), the wire of the library `wyoming`
1.10.2. Standard library only.

As its `handler.py` has it: one text at a time for the whole process, and while it speaks it reads nobody's events;
`ping` is not answered; a text in which nothing can be said is an audio-stop and nothing else; a fault is `error`
and the end of the connection; once a stream has begun on a connection, a plain `synthesize` on it is swallowed for
good; every voice of its catalogue is `installed`.
"""

import asyncio
import contextlib
import json
import re
import struct
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from vendors.sound import seconds_of, tone

RATE_HZ = 22_050
SAMPLES_PER_CHUNK = 1024
SENTENCE = re.compile(r"[^.!?]*[.!?]+\s*")


class Mode(StrEnum):
    """What becomes of a text."""

    WELL = "well"
    ERROR = "error"  # in its own words, then the end
    CUT = "cut"  # half of the audio, then the connection ends
    RESET = "reset"  # not a byte, then RST
    SILENT = "silent"  # not a byte
    STALLED = "stalled"  # half of the audio, then nothing
    EMPTY = "empty"  # audio-stop alone
    GARBAGE = "garbage"  # what is no event
    CLAIMS = "claims"  # an event that says that a gigabyte follows
    CHANGES = "changes"  # another rate in the middle
    ENDLESS = "endless"  # audio for ever


@dataclass
class Piper:
    """The fake. `rtf`: how long it really takes for each second of speech. What came is in `heard`: type, data."""

    mode: Mode = Mode.WELL
    rtf: float = 0.0
    rate_hz: int = RATE_HZ
    width: int = 2
    channels: int = 1
    programs: int = 1
    heard: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    connections: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_speaking: asyncio.Event = field(default_factory=asyncio.Event)

    def texts(self) -> list[str]:
        return [data["text"] for kind, data in self.heard if kind == "synthesize"]

    def voices(self) -> list[object]:
        return [data.get("voice") for kind, data in self.heard if kind == "synthesize"]

    def info(self) -> dict[str, Any]:
        whose = {"name": "rhasspy", "url": "https://github.com/rhasspy/piper"}

        def voice(name: str, language: str, *speakers: str) -> dict[str, Any]:
            return {
                "name": name,
                "attribution": whose,
                "installed": True,
                "description": name.replace("-", " "),
                "version": "1.0.0",
                "languages": [language],
                "speakers": [{"name": each} for each in speakers] or None,
            }

        voices = [
            voice("en_US-lessac-medium", "en_US"),
            voice("de_DE-thorsten-medium", "de_DE"),
            voice("en_GB-vctk-medium", "en_GB", "p239", "p236"),
        ]
        names = ["piper", *(f"piper-{number}" for number in range(2, self.programs + 1))]
        programs = [
            {
                "name": name,
                "attribution": whose,
                "installed": True,
                "description": "A fast, local, neural text to speech engine",
                "version": "1.6.4",
                "voices": voices if name == "piper" else voices[:1],
                "supports_synthesize_streaming": True,
            }
            for name in names
        ]
        return {kind: [] for kind in ("asr", "handle", "intent", "wake", "mic", "snd")} | {"tts": programs}

    def audio(self, text: str) -> bytes:
        """What it says, in its own format."""
        samples = tone(seconds_of(text), self.rate_hz)
        if self.width == 1:
            values = struct.unpack(f"<{len(samples) // 2}h", samples)
            samples = bytes((value >> 8) + 128 for value in values)
        elif self.width == 4:
            values = struct.unpack(f"<{len(samples) // 2}h", samples)
            samples = struct.pack(f"<{len(values)}i", *(value << 16 for value in values))
        frames = [samples[at : at + self.width] for at in range(0, len(samples), self.width)]
        return b"".join(frame * self.channels for frame in frames) if self.channels > 1 else samples


@dataclass(slots=True)
class Running:
    """A Piper that listens on 127.0.0.1."""

    piper: Piper
    port: int

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def serving(piper: Piper, port: int = 0) -> AsyncIterator[Running]:
    """Serve until the block ends."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        piper.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await _Handler(piper, reader, writer).run()
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    try:
        yield Running(piper, server.sockets[0].getsockname()[1])
    finally:
        server.close()
        left = tuple(tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


class _Over(Exception):
    """The connection ends here."""


class _Handler:
    """One connection."""

    def __init__(self, piper: Piper, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._piper = piper
        self._reader = reader
        self._writer = writer
        self._is_streaming = False  # never cleared, as in the original
        self._pending = ""

    async def run(self) -> None:
        with contextlib.suppress(_Over):
            while (event := await self._read()) is not None:
                kind, data = event
                async with self._piper.turn:  # who comes while it speaks waits here, whatever it wants
                    self._piper.heard.append((kind, data))
                    await self._handle(kind, data)

    async def _handle(self, kind: str, data: Mapping[str, Any]) -> None:
        match kind:
            case "describe":
                self._write("info", self._piper.info())
            case "synthesize" if not self._is_streaming:
                await self._speak(data["text"])
            case "synthesize-start":
                self._is_streaming = True
                self._pending = ""
            case "synthesize-chunk":
                self._pending += data["text"]
                while (found := SENTENCE.match(self._pending)) and found.end() < len(self._pending):
                    self._pending = self._pending[found.end() :]
                    await self._speak(found[0].strip())
            case "synthesize-stop":
                if self._pending.strip():
                    await self._speak(self._pending.strip())
                self._write("synthesize-stopped", {})
        await self._writer.drain()

    async def _speak(self, text: str) -> None:
        piper = self._piper
        piper.is_speaking.set()
        try:
            await asyncio.sleep(piper.rtf * seconds_of(text))
            await self._say(text)
        finally:
            piper.is_speaking.clear()

    async def _say(self, text: str) -> None:
        piper, shape = self._piper, self._shape(self._piper.rate_hz)
        match piper.mode:
            case Mode.ERROR:
                self._write("error", {"text": "Voice not found: nobody", "code": "VoiceNotFoundError"})
                raise _Over
            case Mode.RESET:
                self._writer.transport.abort()
                raise _Over
            case Mode.SILENT:
                await self._reader.read()
                raise _Over
            case Mode.GARBAGE:
                self._writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                raise _Over
            case Mode.CLAIMS:
                self._writer.write(b'{"type":"audio-start","data_length":1000000000}\n')
                await self._reader.read()
                raise _Over
        if piper.mode is Mode.EMPTY or not any(map(str.isalnum, text)):
            self._write("audio-stop", {"timestamp": None})
            return
        self._write("audio-start", shape)
        audio, size = piper.audio(text), SAMPLES_PER_CHUNK * piper.width * piper.channels
        chunks = [audio[at : at + size] for at in range(0, len(audio), size)]
        halves = {Mode.CUT, Mode.STALLED}
        for chunk in chunks[: len(chunks) // 2] if piper.mode in halves else chunks:
            self._write("audio-chunk", shape, chunk)
        await self._writer.drain()
        match piper.mode:
            case Mode.CUT:
                raise _Over
            case Mode.STALLED:
                await self._reader.read()
                raise _Over
            case Mode.CHANGES:
                self._write("audio-chunk", self._shape(piper.rate_hz * 2), chunks[0])
            case Mode.ENDLESS:
                while True:
                    self._write("audio-chunk", shape, audio)
                    await self._writer.drain()
        self._write("audio-stop", {"timestamp": None})

    def _shape(self, rate_hz: int) -> dict[str, Any]:
        return {"rate": rate_hz, "width": self._piper.width, "channels": self._piper.channels, "timestamp": None}

    async def _read(self) -> tuple[str, dict[str, Any]] | None:
        line = await self._reader.readline()
        if not line:
            return None
        head = json.loads(line)
        data = head.get("data") or {}
        if head.get("data_length"):
            data |= json.loads(await self._reader.readexactly(head["data_length"]))
        if head.get("payload_length"):
            await self._reader.readexactly(head["payload_length"])
        return head["type"], data

    def _write(self, kind: str, data: Mapping[str, Any], payload: bytes = b"") -> None:
        body = json.dumps(data, ensure_ascii=False).encode() if data else b""
        head: dict[str, Any] = {"type": kind, "version": "1.10.2"}
        if body:
            head["data_length"] = len(body)
        if payload:
            head["payload_length"] = len(payload)
        self._writer.write(json.dumps(head).encode() + b"\n" + body + payload)


async def _main(port: str = "0", mode: str = "well") -> None:
    async with serving(Piper(Mode(mode)), int(port)) as running:
        print(f"listening on {running.port}", flush=True)  # noqa: T201  whoever started it reads that
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(*sys.argv[1:]))
