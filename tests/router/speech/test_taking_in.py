"""Recordings on their way in: so many at once, and in so much time."""

import asyncio
from pathlib import Path

import pytest
from running import run
from wired import split, told, wired

from router.errors import RateLimited
from router.speech.copies import Copies
from router.speech.library import VoiceLibrary

HEAD = (
    b"POST /v1/audio/voices HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
)


def test_only_so_many_are_taken_in_at_once(tmp_path: Path) -> None:
    """Each is in memory until it is kept; the next is told when to come again, and a place is given back."""

    async def main() -> tuple[float | None, int]:
        copies = Copies(VoiceLibrary(tmp_path), {}, is_live=lambda _: True, cloners=lambda _: [])
        held = [copies.taking_in() for _ in range(5)]
        for place in held[:4]:
            place.__enter__()
        with pytest.raises(RateLimited) as refusal, held[4]:
            pass
        held[0].__exit__(None, None, None)
        with copies.taking_in():
            return refusal.value.retry_after_s, refusal.value.status

    assert (2.0, 429) == run(main())


def test_a_recording_that_does_not_arrive_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The place is for somebody whose recording comes."""
    monkeypatch.setattr("router.api.voices.BODY_DEADLINE_S", 0.1)

    async def main() -> bytes:
        async with asyncio.timeout(10), wired(b"") as port:
            return split(await told(port, HEAD + b"--x\r\n"))[0]

    assert run(main()).startswith(b"HTTP/1.1 408")
