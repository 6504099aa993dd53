"""Listeners who have long texts spoken as mp3, all at once, one text after the other, until they are ended.

`python -m bench.voices.crowd PORT LISTENERS NAME FILE`; the key comes on the standard input. A line on the
standard output says that all have begun to hear, eight bytes in the file how many bytes they have heard until now.
Whoever gets a bad answer ends it with status 1.
"""

import asyncio
import contextlib
import json
import mmap
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, cast

import httptools
import uvloop

from bench import wire
from bench.cases import SPEECH
from bench.processes import end, pinned
from bench.servers import REPOSITORY, CannotMeasure
from bench.voices.house import House
from bench.voices.texts import Texts

_BEGUN: Final = b"all have begun\n"
_COUNTER_BYTES: Final = 8
_MP3_BYTES_PER_S: Final = 8000.0  # 64 kbit/s


class _Heard:
    """What all have heard together, for whoever looks into the file."""

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), _COUNTER_BYTES)
        self._bytes = 0

    def add(self, body: bytes) -> None:
        self._bytes += len(body)
        self._shared[:] = self._bytes.to_bytes(_COUNTER_BYTES, "little")


class _Listener(asyncio.Protocol):
    """One of them, on a connection of its own."""

    def __init__(self, key: str, texts: Texts, heard: _Heard) -> None:
        self._key = key
        self._texts = texts
        self._heard = heard
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self.begun = asyncio.get_running_loop().create_future()
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(f"a stream was cut: {exc!r}")

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    # llhttp's callbacks

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status != 200 and not self.lost.done():
            self.lost.set_result(f"status {status}")

    def on_body(self, body: bytes) -> None:
        self._heard.add(body)
        if not self.begun.done():
            self.begun.set_result(None)

    def on_message_complete(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._ask()

    def _ask(self) -> None:
        assert self._transport is not None
        body = json.dumps({"input": self._texts.long(), "response_format": "mp3", "stream": True}).encode()
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        self._transport.write(wire.request(SPEECH, headers, body))


@contextlib.contextmanager
def listening(house: House, listeners: int, name: str) -> Iterator[Callable[[], float]]:
    """All of them hear something while the block lasts: how many seconds of sound until now. Raises
    CannotMeasure."""
    file = house.folder / "heard"
    file.write_bytes(bytes(_COUNTER_BYTES))
    command = [sys.executable, "-m", "bench.voices.crowd", str(house.port), str(listeners), name, str(file)]
    with pinned(house.harness_core):
        process = subprocess.Popen(  # noqa: S603  ours
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY, process_group=0
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(house.key.encode())
        process.stdin.close()
        if process.stdout.readline() != _BEGUN:
            raise CannotMeasure("The listeners do not begin to hear.")
        yield lambda: int.from_bytes(file.read_bytes(), "little") / _MP3_BYTES_PER_S
        if process.poll() is not None:
            raise CannotMeasure("A listener's stream broke.")
    finally:
        end(process)
        process.stdout.close()


async def _main(port: int, count: int, name: str, file: Path, key: str) -> int:
    texts, heard, listeners = Texts(name), _Heard(file), list[_Listener]()

    def listener() -> _Listener:
        listeners.append(_Listener(key, texts, heard))
        return listeners[-1]

    for _ in range(count):
        await asyncio.get_running_loop().create_connection(listener, "127.0.0.1", port)
    lost = [each.lost for each in listeners]
    begun = asyncio.gather(*(each.begun for each in listeners))
    await asyncio.wait([begun, *lost], return_when=asyncio.FIRST_COMPLETED)
    if begun.done():
        sys.stdout.buffer.write(_BEGUN)
        sys.stdout.flush()
    done, _ = await asyncio.wait(lost, return_when=asyncio.FIRST_COMPLETED)
    sys.stderr.write("".join(f"{each.result()}\n" for each in done))
    return 1


if __name__ == "__main__":
    _, port, count, name, file = sys.argv
    sys.exit(uvloop.run(_main(int(port), int(count), name, Path(file), sys.stdin.read())))
