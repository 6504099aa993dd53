"""A vendor's fake of the drill: started, told what to do, killed, stopped and mended."""

import asyncio
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from vendors.server import Mode

from router.drill.ports import free_port
from router.drill.process import Process

SPEAKER: Final = Path(__file__).with_name("speaker.py")
WITHIN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds before an answer, seconds for each second of sound, and how many it makes at once."""

    first_s: float
    rtf: float
    at_once: int

    def __str__(self) -> str:
        return f"{self.first_s:g} s and {self.rtf:g} s for each second of sound, {self.at_once} at once"


PACES: Final = {
    "elevenlabs": Pace(0.25, 0.1, 2),
    "cartesia": Pace(0.15, 0.1, 2),
    "chattts": Pace(0.1, 0.55, 1),  # document 003's RTF on a rented RTX 4090; a 5090 had 0.3
}


class VendorServer:
    """`name` is the vendor's module in tests/vendors. Times are monotonic."""

    def __init__(self, name: str, voice_url: str, folder: Path, started: list[Process]) -> None:
        self.name = name
        self.port = free_port()
        pace = PACES[name]
        command = [sys.executable, str(SPEAKER), name, str(self.port), voice_url]
        command += [str(pace.first_s), str(pace.rtf), str(pace.at_once)]
        self._process = Process(f"{name}-fake", command, folder)
        started.append(self._process)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Until it listens. Raises CannotDrill."""
        await self._process.start()
        await self._process.until(self._is_there)

    async def tell(self, mode: Mode) -> float:
        """What becomes of speech from now on; when it obeyed."""
        async with _client() as client:
            (await client.put(f"{self.url}/_mode", content=mode.encode())).raise_for_status()
        return time.monotonic()

    async def kill(self) -> float:
        at = time.monotonic()
        await self._process.kill()
        return at

    async def restart(self) -> float:
        await self.start()
        return time.monotonic()

    async def stop(self) -> float:
        self._process.signal(signal.SIGSTOP)
        return time.monotonic()

    async def resume(self) -> float:
        self._process.signal(signal.SIGCONT)
        return time.monotonic()

    async def _is_there(self) -> bool:
        try:
            async with asyncio.timeout(1.0), _client() as client:
                return (await client.get(f"{self.url}/_asked")).is_success
        except (httpx.TransportError, TimeoutError):
            return False


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(trust_env=False, timeout=WITHIN_S)
