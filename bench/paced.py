"""Many slow streams at once: the load that a house of listeners makes.

Each event carries the time at which the upstream sent it (CLOCK_MONOTONIC, one for all processes of a machine), so
its whole way is measured. Only what happens between two instants counts, when all streams are open: what it
costs to open a stream is the burst's business.
"""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import httptools
import uvloop

from bench.accounts import Account
from bench.cases import Case, request_headers
from bench.contenders import Contender, Upstream
from bench.wrk import LoadFailed

_STAMP: Final = re.compile(rb'"stamp":(\d+)')
_OPEN_WITHIN_S: Final = 20.0
_SETTLE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class PacedLoad:
    """`delays_us`: of each event received between the two instants; `events`: sent by the upstream between them;
    `account`: what the gateway used between them, None where there is none."""

    delays_us: list[float]
    events: int
    account: Account | None
    duration_s: float


class _Listener(asyncio.Protocol):
    """One stream. `note` is called with each event's delay in µs."""

    def __init__(self, request: bytes, note: Callable[[float], None]) -> None:
        self._request = request
        self._note = note
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self.has_begun = asyncio.get_running_loop().create_future()
        self.is_lost = False

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        if not self.has_begun.done():
            self.has_begun.set_exception(LoadFailed(f"a stream ended before its first event: {exc}"))

    def on_body(self, body: bytes) -> None:
        now = time.monotonic_ns()
        for stamp in _STAMP.findall(body):
            self._note((now - int(stamp)) / 1000)
            if not self.has_begun.done():
                self.has_begun.set_result(None)


def paced_load(
    case: Case,
    contender: Contender,
    upstream: Upstream,
    key: str,
    duration_s: float,
    account: Callable[[], Account | None],
) -> PacedLoad:
    """Hold `case.connections` streams open for `duration_s`. `account`: the gateway's until now.

    Raises LoadFailed.
    """
    return uvloop.run(_listen(case, contender, upstream, key, duration_s, account))


async def _listen(
    case: Case,
    contender: Contender,
    upstream: Upstream,
    key: str,
    duration_s: float,
    account: Callable[[], Account | None],
) -> PacedLoad:
    loop = asyncio.get_running_loop()
    delays_us: list[float] = []
    listeners: list[_Listener] = []
    request = _request(case, key)

    def listener() -> _Listener:
        listeners.append(_Listener(request, lambda delay: delays_us.append(delay)))
        return listeners[-1]

    try:
        async with asyncio.timeout(_OPEN_WITHIN_S):
            for _ in range(case.connections):
                await loop.create_connection(listener, "127.0.0.1", contender.port)
            await asyncio.gather(*(each.has_begun for each in listeners))
        await asyncio.sleep(_SETTLE_S)
        counts, before, began = await asyncio.to_thread(upstream.counts), account(), time.monotonic()
        delays_us.clear()
        await asyncio.sleep(duration_s)
        received = delays_us[:]
        duration_s, after = time.monotonic() - began, account()
        events = (await asyncio.to_thread(upstream.counts))["events"] - counts["events"]
        if any(each.is_lost for each in listeners) or not received:
            raise LoadFailed(f"{contender.name}: paced streams were cut")
    finally:
        for each in listeners:
            each.close()
    used = after.since(before) if after is not None and before is not None else None
    return PacedLoad(received, events, used, duration_s)


def _request(case: Case, key: str) -> bytes:
    headers = {"Host": "127.0.0.1", **request_headers(key), "Content-Length": str(len(case.body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {case.path} HTTP/1.1\r\n{head}\r\n".encode() + case.body
