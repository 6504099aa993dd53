"""Document 004's client code (chatterstream-tts, "LLM Integration Guide"), written anew against the router: the
same `StreamConfig`, the same `AudioChunk`, an async generator `synthesize`; over the WebSocket in the place of a
model in the same process."""

import asyncio
import dataclasses
import json
import struct
import wave
from collections.abc import AsyncIterator, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from processes import Process, start_node, start_router
from websockets.asyncio.client import connect

SOCKET = "WS /v1/audio/speech/ws"
TEXTS = ["First sentence.", "Second sentence.", "Third sentence."]
LONG = "The quick brown fox jumps over the lazy dog. It does so every day, and nobody in the house knows why."


class ChunkStrategy(Enum):
    """As document 004 has them."""

    ADAPTIVE = "adaptive"
    SENTENCE_ALIGNED = "sentence_aligned"


@dataclasses.dataclass(frozen=True)
class StreamConfig:
    """Its fields and defaults."""

    first_chunk_tokens: int = 25
    subsequent_chunk_tokens: int = 75
    overlap_tokens: int = 0
    strategy: ChunkStrategy = ChunkStrategy.ADAPTIVE
    temperature: float = 0.8
    top_k: int = 1000
    top_p: float = 0.95
    repetition_penalty: float = 1.2
    max_gen_len: int = 1000


@dataclasses.dataclass(frozen=True)
class AudioChunk:
    """Its fields."""

    pcm_bytes: bytes
    sample_rate: int
    is_final: bool
    chunk_index: int
    duration_ms: float


class StreamingTTS:
    """Its API, as far as a client sees it. `format`: what the chunks are encoded as."""

    def __init__(self, router: Process, config: StreamConfig | None = None, audio_format: str = "pcm") -> None:
        self._url = f"ws://127.0.0.1:{router.port}/v1/audio/speech/ws"
        config = config or StreamConfig()
        self._options = {**dataclasses.asdict(config), "strategy": config.strategy.value, "format": audio_format}

    async def synthesize(self, text: str, voice: str = "alloy") -> AsyncIterator[AudioChunk]:
        """One utterance, on a connection of its own."""
        async with connect(self._url, proxy=None) as socket:
            async for chunk in self._spoken(socket, text, voice):
                yield chunk

    async def synthesize_all(self, texts: list[str], voice: str = "alloy") -> AsyncIterator[AudioChunk]:
        """Several, one after the other on one connection."""
        async with connect(self._url, proxy=None) as socket:
            for text in texts:
                async for chunk in self._spoken(socket, text, voice):
                    yield chunk

    async def _spoken(self, socket: Any, text: str, voice: str) -> AsyncIterator[AudioChunk]:
        await socket.send(json.dumps({"text": text, "voice": voice, "seed": 7, **self._options}))
        while True:
            told = json.loads(await socket.recv())
            assert "chunk" == told["type"], told
            yield AudioChunk(
                await socket.recv(),
                told["sample_rate"],
                told["is_final"],
                told["chunk_index"],
                told["duration_ms"],
            )
            if told["is_final"]:
                return


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("004")
    with start_node(folder) as node:
        config = f"providers:\n  node: {{kind: tts-node, url: '{node.base_url}'}}\n"
        with start_router(config, folder) as running:
            yield running


async def _all(chunks: AsyncIterator[AudioChunk]) -> list[AudioChunk]:
    return [chunk async for chunk in chunks]


@pytest.mark.shows(client="websockets", route=SOCKET, what="document 004: chunks with index, duration, is_final")
def test_minimal_working_example(router: Process) -> None:
    """An async generator of AudioChunk: 24 kHz 16-bit mono, numbered, the last one final, the first one short."""

    async def main() -> list[AudioChunk]:
        return await _all(StreamingTTS(router).synthesize(LONG))

    chunks = asyncio.run(main())
    assert list(range(len(chunks))) == [chunk.chunk_index for chunk in chunks]
    assert [False] * (len(chunks) - 1) + [True] == [chunk.is_final for chunk in chunks]
    assert {24_000} == {chunk.sample_rate for chunk in chunks}
    assert chunks[0].duration_ms <= 1000
    for chunk in chunks:
        assert chunk.duration_ms == pytest.approx(len(chunk.pcm_bytes) / 2 / 24, abs=0.1)
        assert 0 < chunk.duration_ms <= 3000


@pytest.mark.shows(client="websockets", route=SOCKET, what="document 004: saved as a WAV file")
def test_save_to_wav_file(router: Process, tmp_path: Path) -> None:
    """As its example does; the file is as long as the chunks said, and no silence."""
    path = tmp_path / "output.wav"

    async def main() -> float:
        pcm_data, told_ms = bytearray(), 0.0
        async for chunk in StreamingTTS(router).synthesize("Hello world"):
            pcm_data.extend(chunk.pcm_bytes)
            told_ms += chunk.duration_ms
        with wave.open(str(path), "wb") as wf:
            wf.setnchannels(1)
            wf.setsampwidth(2)
            wf.setframerate(24_000)
            wf.writeframes(bytes(pcm_data))
        return told_ms

    told_ms = asyncio.run(main())
    with wave.open(str(path)) as file:
        length_ms = 1000 * file.getnframes() / file.getframerate()
        frames = file.readframes(file.getnframes())
    samples = struct.unpack(f"<{len(frames) // 2}h", frames)
    assert length_ms == pytest.approx(told_ms, abs=1)
    assert 300 < length_ms < 3000
    assert max(map(abs, samples)) > 1000


@pytest.mark.shows(client="websockets", route=SOCKET, what="document 004: several utterances in sequence")
def test_multiple_sequential_utterances(router: Process) -> None:
    """One after the other, each with chunks of its own, as long as by itself."""

    async def main() -> tuple[list[AudioChunk], list[AudioChunk]]:
        tts = StreamingTTS(router)
        alone = [chunk for text in TEXTS for chunk in await _all(tts.synthesize(text))]
        return alone, await _all(tts.synthesize_all(TEXTS))

    alone, together = asyncio.run(main())
    assert alone == together
    assert (3, 3) == (sum(c.is_final for c in together), sum(c.chunk_index == 0 for c in together))


@pytest.mark.shows(client="websockets", route=SOCKET, what="document 004: Ogg-Opus, chunk by chunk")
def test_stream_over_websocket_opus(router: Process) -> None:
    """An Ogg stream (RFC 3533, RFC 7845): it begins and ends as one, and is as long as the chunks said."""

    async def main() -> tuple[bytes, float]:
        chunks = await _all(StreamingTTS(router, audio_format="opus").synthesize(LONG))
        return b"".join(chunk.pcm_bytes for chunk in chunks), sum(chunk.duration_ms for chunk in chunks)

    stream, told_ms = asyncio.run(main())
    pages = list(_pages(stream))
    flags, _, head = pages[0]
    assert (2, b"OpusHead") == (flags, head[:8])
    assert pages[-1][0] & 4  # the end of the stream
    (pre_skip,) = struct.unpack_from("<H", head, 10)
    assert (pages[-1][1] - pre_skip) / 48 == pytest.approx(told_ms, abs=30)


@pytest.mark.shows(client="websockets", route=SOCKET, what="document 004: StreamConfig's fields as options")
def test_stream_config(router: Process) -> None:
    """Other sizes of chunks; whole sentences; the same words."""

    async def main() -> tuple[list[AudioChunk], ...]:
        small = StreamConfig(first_chunk_tokens=10, subsequent_chunk_tokens=20, temperature=0.7)
        whole = StreamConfig(strategy=ChunkStrategy.SENTENCE_ALIGNED)
        return tuple(
            [await _all(StreamingTTS(router, config).synthesize(LONG)) for config in (None, small, whole)]
        )

    usual, small, whole = asyncio.run(main())
    assert small[0].duration_ms == 400
    assert all(chunk.duration_ms <= 800 for chunk in small)
    assert len(whole) <= len(usual) < len(small)
    assert 1 == len({b"".join(chunk.pcm_bytes for chunk in chunks) for chunks in (usual, small, whole)})


def _pages(stream: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Flags, granule position and body of each page."""
    at = 0
    while at < len(stream):
        assert b"OggS" == stream[at : at + 4]
        flags = stream[at + 5]
        (granule,) = struct.unpack_from("<q", stream, at + 6)
        count = stream[at + 26]
        size = sum(stream[at + 27 : at + 27 + count])
        body = at + 27 + count
        yield flags, granule, stream[body : body + size]
        at = body + size
