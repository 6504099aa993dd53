"""Pouring: what comes goes on at once, and whoever waits for the end is not woken for it."""

import asyncio

import pytest
from fakes import RecordingExchange, head
from hurried import hurry
from hypothesis import given
from hypothesis import strategies as st
from running import run

from router.deadlines import SLOT_S
from router.errors import ConnectionLost, HostLost, Silent, UpstreamFault
from router.transport import Inbox
from router.transport.inbox import HIGH_WATER_BYTES


class _Client:
    """Takes what is pushed, `takes` times."""

    def __init__(self, takes: int = 2**30) -> None:
        self.pushed: list[bytes] = []
        self._takes = takes

    def push(self, chunk: bytes) -> bool:
        if len(self.pushed) >= self._takes:
            return False
        self.pushed.append(chunk)
        return True


async def _turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def _carried(inbox: Inbox, client: _Client) -> bytes:
    """All of an answer, as the dispatch carries it."""
    got = bytearray()
    while not inbox.is_drained:
        seen = len(client.pushed)
        await inbox.pour(client.push, 5)
        got += b"".join(client.pushed[seen:])
        got += await inbox.read(5)
    return bytes(got)


@given(
    st.lists(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=4), max_size=12),
    st.integers(0, 12),
    st.booleans(),
)
def test_nothing_is_lost_doubled_or_overtaken(reads: list[list[bytes]], takes: int, ends_at_once: bool) -> None:
    """However it comes, whenever the client takes no more, and whether the end comes with the last bytes."""

    async def main() -> bytes:
        inbox, client = Inbox(), _Client(takes)
        inbox.head(head())
        carried = asyncio.ensure_future(_carried(inbox, client))
        await _turns()
        for number, read in enumerate(reads):
            for chunk in read:
                inbox.data(chunk)
            if not (ends_at_once and number == len(reads) - 1):
                await _turns()
        inbox.end()
        return await carried

    assert b"".join(chunk for read in reads for chunk in read) == run(main())


def test_one_read_is_one_push_and_wakes_nobody() -> None:
    """Fifty events that come together leave together."""

    async def main() -> tuple[list[bytes], bool]:
        inbox, client = Inbox(), _Client()
        pouring = asyncio.ensure_future(inbox.pour(client.push, 5))
        await _turns()
        for chunk in (b"a", b"b", b"c"):
            inbox.data(chunk)
        await _turns()
        inbox.data(b"d")
        await _turns()
        is_waiting = not pouring.done()
        inbox.end()
        await pouring
        return client.pushed, is_waiting

    assert ([b"abc", b"d"], True) == run(main())


def test_what_is_here_already_is_read_first() -> None:
    """Order."""

    async def main() -> tuple[list[bytes], bytes]:
        inbox, client = Inbox(), _Client()
        inbox.data(b"first")
        await inbox.pour(client.push, 5)
        return client.pushed, await inbox.read(5)

    assert ([], b"first") == run(main())


@pytest.mark.parametrize("fault", [ConnectionLost("cut", had_bytes=True), HostLost("gone")], ids=["error", "lost"])
def test_a_fault_ends_it(fault: UpstreamFault) -> None:
    """At once; what came before has been passed on."""

    async def main() -> list[bytes]:
        inbox, client = Inbox(), _Client()
        pouring = asyncio.ensure_future(inbox.pour(client.push, 5))
        await _turns()
        inbox.data(b"before")
        await _turns()
        inbox.lose(fault) if isinstance(fault, HostLost) else inbox.error(fault)
        with pytest.raises(type(fault)):
            await pouring
        return client.pushed

    assert [b"before"] == run(main())


def test_silence_is_counted_from_the_last_byte() -> None:
    """Not from the beginning: a stream that goes on is not silent, however long it is."""

    async def main() -> tuple[int, float]:
        inbox, client = Inbox(), _Client()
        pouring = asyncio.ensure_future(inbox.pour(client.push, 0.3))
        loop = asyncio.get_running_loop()
        heard_at = 0.0
        for _ in range(6):
            await asyncio.sleep(0.1)
            inbox.data(b"x")
            heard_at = loop.time()
        with pytest.raises(Silent):
            await pouring
        return len(client.pushed), loop.time() - heard_at

    count, silence_s = hurry(main())
    assert 6 == count
    assert 0.3 <= silence_s <= 0.3 + 2 * SLOT_S


def test_a_client_that_takes_no_more_pauses_the_upstream() -> None:
    """As ever: what it does not take waits in the inbox, up to the mark."""

    async def main() -> list[str]:
        inbox, exchange = Inbox(), RecordingExchange()
        inbox.attach(exchange)
        pouring = asyncio.ensure_future(inbox.pour(_Client(0).push, 5))
        await _turns()
        inbox.data(bytes(HIGH_WATER_BYTES))
        await pouring
        inbox.data(b"more")
        await inbox.read(5)
        return exchange.calls

    assert ["pause", "resume"] == run(main())


def test_whoever_stops_pouring_misses_nothing() -> None:
    """A cancelled pour, in the moment when something has come."""

    async def main() -> tuple[list[bytes], bytes]:
        inbox, client = Inbox(), _Client()
        pouring = asyncio.ensure_future(inbox.pour(client.push, 5))
        await _turns()
        pouring.cancel()
        inbox.data(b"late")
        with pytest.raises(asyncio.CancelledError):
            await pouring
        await _turns()
        return client.pushed, b"" if client.pushed else await inbox.read(5)

    pushed, rest = run(main())
    assert b"late" == b"".join(pushed) + rest
