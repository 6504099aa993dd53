"""A long text through real processes: bounded memory, and a client that stops reading stalls only itself."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from crowd import posted
from figures import IS_STRICT, note
from processes import Process, start_node, start_router

from router.domain import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

SENTENCES: Final = (
    "A long text is read from its beginning to its end. It is cut into sentences, and each is spoken whole. "
)
TEXT: Final = "".join(f"This is part {number}. {SENTENCES}" for number in range(200))[:20_000]
AHEAD_S: Final = 20
GROWTH_MB: Final = 48  # of the router: 20,000 characters are 60 MB of PCM
STOPS_FOR_S: Final = 60.0 if IS_STRICT else 4.0


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Process, Process]]:
    """A router and an espeak node at full speed, without a cache."""
    with ExitStack() as stack:
        node = stack.enter_context(start_node(tmp_path))
        config = f"""\
providers:
  node: {{kind: tts-node, url: "http://127.0.0.1:{node.port}", tier: 1}}
cache: {{enabled: false}}
speech: {{ahead_s: {AHEAD_S}}}
"""
        yield stack.enter_context(start_router(config, tmp_path)), node


def resident_mb(process: Process) -> float:
    """proc(5)."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


@contextlib.asynccontextmanager
async def asked(port: int, document: object) -> AsyncIterator[asyncio.StreamReader]:
    """A request on a connection of its own that buffers little."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=65_536)
    try:
        writer.write(posted(port, "/v1/audio/speech", document))
        yield reader
    finally:
        writer.close()


async def bytes_of(reader: asyncio.StreamReader) -> int:
    """Read to the end; how many came."""
    count = 0
    while data := await reader.read(65_536):
        count += len(data)
    return count


def test_a_long_text_is_streamed_in_bounded_memory(house: tuple[Process, Process]) -> None:
    """20,000 characters as PCM: the audio of all of it, and never all of it at once."""
    router, _ = house
    before_mb = resident_mb(router)

    async def main() -> tuple[int, float]:
        most_mb = 0.0
        async with asyncio.timeout(240), asked(router.port, {"input": TEXT, "response_format": "pcm"}) as reader:
            count = 0
            while data := await reader.read(65_536):
                count += len(data)
                most_mb = max(most_mb, resident_mb(router))
        return count, most_mb

    count, most_mb = asyncio.run(main())
    audio_s = count / (SAMPLE_RATE_HZ * BYTES_PER_SAMPLE)
    note(f"20,000 characters are {audio_s:.0f} s of audio; the router grew by {most_mb - before_mb:.0f} MB")
    assert len(TEXT) / 25 < audio_s < len(TEXT) / 8
    assert most_mb - before_mb < GROWTH_MB


def test_a_client_that_stops_reading_stalls_only_itself(house: tuple[Process, Process]) -> None:
    """It is not spoken to far beyond what it has taken; others are served meanwhile; then it gets all the rest."""
    router, node = house

    async def main() -> tuple[int, int, list[float]]:
        took_s: list[float] = []
        async with asyncio.timeout(240), asked(router.port, {"input": TEXT, "response_format": "pcm"}) as lazy:
            first = len(await lazy.readexactly(65_536))
            ends_at = time.monotonic() + STOPS_FOR_S
            spoken = []
            while time.monotonic() < ends_at:
                began_s = time.monotonic()
                async with asked(router.port, {"input": "Somebody else.", "response_format": "pcm"}) as reader:
                    assert (await reader.readline()).split()[1] == b"200"
                    await bytes_of(reader)
                took_s.append(time.monotonic() - began_s)
                spoken.append(node.output.count(" speech ok "))
                await asyncio.sleep(0.2)
            assert spoken[-1] - spoken[len(spoken) // 2] <= len(took_s) + 8, (
                "it is spoken to though it does not read"
            )
            return first, first + await bytes_of(lazy), took_s

    first, count, took_s = asyncio.run(main())
    note(f"others beside a client that does not read: slowest of {len(took_s)} {max(took_s) * 1000:.0f} ms")
    assert count > len(TEXT) / 25 * SAMPLE_RATE_HZ * BYTES_PER_SAMPLE > first
    assert max(took_s) < 10
