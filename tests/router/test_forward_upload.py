"""How long an upstream may be silent while it is sent an upload."""

import asyncio
from collections.abc import Sequence

import pytest
from fakes import FakeExchange, FakeForward, ManualClock, head
from houses import FakeHouse
from running import run, until
from uploading import MadeUp

from router.domain import Endpoint, Modality, ProviderCard, Route
from router.errors import NothingCanServe
from router.forward import ForwardCall
from router.ports import Body, Exchange, Header, Record, Sink

FIRST_BYTE_S = 0.05
ROUTE = Route("stt", "large", 1)


class _Slow(FakeForward):
    """Takes a piece whenever it is told to, and answers in the end."""

    def __init__(self, clock: ManualClock) -> None:
        modalities = frozenset({Modality.TRANSCRIPTION})
        card = ProviderCard("stt", "openai", "h", modalities, first_byte_s=FIRST_BYTE_S, stall_s=60)
        super().__init__(card, [])
        self.may_answer = asyncio.Event()

    async def send(
        self, endpoint: Endpoint, headers: Sequence[Header], body: Body, sink: Sink, *, is_once: bool = False
    ) -> Exchange:
        exchange = FakeExchange(
            [self.may_answer, head(200, (b"content-type", b"text/plain")), b"text"], sink, self.forbidden
        )
        self.exchanges.append(exchange)
        return exchange


class _Collected:
    is_started = False

    def __init__(self) -> None:
        self.body = b""

    async def start(self, status: int, headers: object) -> None:
        self.is_started = True

    def push(self, chunk: bytes) -> bool:
        return False

    async def send(self, chunk: bytes, *, is_last: bool = False) -> None:
        self.body += chunk


async def _forwarded(clock: ManualClock, *, is_taken: bool) -> bytes:
    """The answer, when its deadline passes several times while pieces are taken, or none is."""
    house = FakeHouse(provider := _Slow(clock))
    house.forwarder._clock = clock
    house.report("stt", "large")
    upload, reply = MadeUp(1), _Collected()
    upload.taken_at = clock()
    record = Record("r", "transcriptions", clock())
    call = ForwardCall(Endpoint.TRANSCRIPTIONS, "large", [ROUTE], [], lambda _: upload, record)
    forwarding = asyncio.create_task(house.forwarder.forward(call, reply))
    await until(lambda: provider.exchanges != [])
    for _ in range(4):
        clock.advance(FIRST_BYTE_S * 0.9)
        if is_taken:
            upload.taken_at = clock()
        await asyncio.wait([forwarding], timeout=FIRST_BYTE_S)
    provider.may_answer.set()
    await forwarding
    return reply.body


def test_while_it_takes_the_upload_it_is_not_silent() -> None:
    """A long recording over Wi-Fi takes longer than an answer may."""
    assert b"text" == run(_forwarded(ManualClock(), is_taken=True))


def test_when_it_takes_nothing_and_says_nothing_it_is() -> None:
    """Its deadline begins with the last piece."""
    with pytest.raises(NothingCanServe):
        run(_forwarded(ManualClock(), is_taken=False))
