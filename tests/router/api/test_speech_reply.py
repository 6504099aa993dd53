"""How a spoken answer is sent, and what happens behind its last byte."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from houses import Answer, FakeHouse
from narrating import TEXT, body, nodes, pcm_of, said
from running import run, turns

from router.api.speech_reply import PIECE_BYTES
from router.recollection import Recollection


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> "Slow":
    """A cache whose disk hangs until it is told to go on."""
    slow = Slow()
    whole = Recollection.keep

    async def keep(*args: Any) -> None:
        slow.has_begun.set()
        await slow.go_on.wait()
        await whole(*args)
        slow.is_done = True

    monkeypatch.setattr(Recollection, "keep", keep)
    return slow


class Slow:
    def __init__(self) -> None:
        self.has_begun, self.go_on = asyncio.Event(), asyncio.Event()
        self.is_done = False


def _house(folder: Path) -> FakeHouse:
    return nodes(said, cache={"enabled": True, "dir": str(folder)}, speech={"stream": "always"})


@pytest.mark.parametrize("shape", [{}, {"stream_format": "sse"}, {"response_format": "wav"}])
def test_a_disk_that_hangs_keeps_no_answer_from_its_end(kept: Slow, tmp_path: Path, shape: dict[str, str]) -> None:
    """The last byte is sent, and what became of it can be asked, before anything is kept. A client that leaves
    then, as they do, breaks nothing; the next is answered from the cache."""
    seen: list[Answer] = []

    noted: list[tuple[str, bool]] = []

    async def main() -> Answer:
        house = _house(tmp_path)
        put = house.store.put

        async def note(key: str, value: bytes, *, ttl_s: float) -> None:
            noted.append((json.loads(value)["status"], seen[0].is_complete if seen else False))
            await put(key, value, ttl_s=ttl_s)

        house.store.put = note  # type: ignore[method-assign]

        has_left = asyncio.Event()

        def leaves(answer: Answer) -> bool:
            seen[:] = [answer]
            if answer.is_complete:
                has_left.set()
            return answer.is_complete

        asking = asyncio.ensure_future(house.say(body(**shape), (b"x-request-id", b"id-1"), leaves=leaves))
        async with asyncio.timeout(5):
            await kept.has_begun.wait()
        told = (await house.ask("GET", "/v1/audio/speech/id-1")).json
        assert ("completed", True) == (told["status"], seen[0].is_complete)
        await has_left.wait()
        await turns(3)  # in which that is noticed
        kept.go_on.set()
        await asking
        again = await house.say(body(**shape))
        await house.cache.aclose()
        return again

    again = run(main())
    assert ("hit", True) == (again.get("x-router-cache"), kept.is_done)
    assert [("in_progress", False), ("completed", False)] == noted[:2]


def test_a_long_whole_answer_is_sent_piece_by_piece() -> None:
    """As the client takes it; a body written at once is copied at once, for who reads nothing as well."""
    long = " ".join([TEXT] * 5)
    answer = run(nodes(said).say(body(long, stream=False)))
    assert pcm_of(long) == answer.body
    assert len(answer.body) > 2 * PIECE_BYTES >= 2 * max(map(len, answer.chunks))
    assert (str(len(answer.body)), True) == (answer.get("content-length"), answer.is_complete)
