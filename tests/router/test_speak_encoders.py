"""Encoders are few: who waits for one, and what a client that leaves may free."""

import asyncio
import threading

import pytest
from fakes import FakeForward, FakeSpeech, chat_card, speech_card
from houses import Fake, FakeHouse
from running import run, until
from speaking import GOOD, node_of, two_nodes

from router.speech import encoders


class SlowEncoder:
    """Encodes as long as it is told to, and counts how many of it work at once."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.at_once = self.most = self.done = 0
        self._lock = threading.Lock()

    def feed(self, pcm: bytes) -> bytes:
        with self._lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        in_time = self.go_on.wait(10)
        with self._lock:
            self.at_once -= 1
            self.done += 1
        assert in_time, "the event loop was blocked"
        return b"encoded"

    def close(self) -> bytes:
        return b""


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> SlowEncoder:
    """In place of the real one."""
    slow = SlowEncoder()
    monkeypatch.setattr(encoders, "encoder_of", lambda _: slow)
    return slow


ENCODERS = encoders.usual_limit()


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        (FakeForward(chat_card("llm")), 0),
        (FakeSpeech(speech_card("demo", is_demo=True), GOOD), 0),
        (FakeSpeech(speech_card("gpu"), GOOD), 1),
    ],
)
def test_codecs_are_loaded_ahead_where_somebody_speaks(
    provider: Fake, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else nobody may ever want them, and the demo's listener waits for them once."""
    loaded: list[str] = []
    monkeypatch.setattr(encoders, "load_codecs", lambda: loaded.append("all"))
    run(FakeHouse(provider).speaker.open())
    assert expected == len(loaded)


def test_more_speeches_than_encoders_all_finish(encoder: SlowEncoder) -> None:
    """One for each core at once, the others wait their turn, and the event loop goes on meanwhile."""

    async def main() -> set[tuple[int, bytes]]:
        house = two_nodes(GOOD)
        asked = [asyncio.ensure_future(house.say()) for _ in range(5 * ENCODERS)]
        await until(lambda: encoder.at_once == ENCODERS and len(node_of(house, "gpu").heard) == len(asked))
        encoder.go_on.set()  # only a loop that runs gets here
        return {(answer.status, answer.body) for answer in await asyncio.gather(*asked)}

    assert {(200, b"encoded")} == run(main())
    assert (ENCODERS, 5 * ENCODERS) == (encoder.most, encoder.done)


def test_clients_that_leave_free_no_encoder_that_still_works(encoder: SlowEncoder) -> None:
    """A thread cannot be stopped: to count it as free would let a crowd that comes and goes take every core."""

    async def main() -> set[int]:
        house = two_nodes(GOOD)
        node = node_of(house, "gpu")
        leaving = [asyncio.ensure_future(house.say()) for _ in range(ENCODERS)]
        await until(lambda: encoder.at_once == ENCODERS)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        staying = [asyncio.ensure_future(house.say()) for _ in range(2 * ENCODERS)]
        await until(lambda: len(node.heard) == 3 * ENCODERS)
        await asyncio.to_thread(lambda: None)  # a thread that was free would have begun by now
        assert ENCODERS == encoder.at_once
        encoder.go_on.set()
        statuses = {answer.status for answer in await asyncio.gather(*staying)}
        await until(lambda: encoder.done == 3 * ENCODERS)  # those whose client has left end when they end
        return statuses

    assert {200} == run(main())
    assert ENCODERS == encoder.most
