"""A door of the fault proxy, on real sockets."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import pytest
from exchanges import http1_transport
from fakes import RecordingSink
from loopback import Loopback, answering, ok, serving
from running import run, until

from router.drill.door import Door
from router.drill.orders import Mode, Order
from router.drill.ports import free_port
from router.errors import ConnectionLost, DialRefused
from router.ports import UpstreamRequest
from router.transport import Http1Transport

BODY = bytes(range(256)) * 400
PROBE = UpstreamRequest("GET", "/health", [])
SPEECH = UpstreamRequest("POST", "/v1/audio/speech", [], b'{"input":"Hello"}')
AFTER = (100, 50_000)


@contextlib.asynccontextmanager
async def through_a_door() -> AsyncIterator[tuple[Door, Http1Transport, Loopback]]:
    """A door before a server that answers everything with BODY, and a client of it."""
    async with serving(answering(ok(BODY))) as upstream:
        port = free_port()
        door = Door(("127.0.0.1", port), ("127.0.0.1", upstream.port), random.Random(1))
        door.open()
        transport = http1_transport(port)
        try:
            yield door, transport, upstream
        finally:
            await transport.aclose()
            await door.close()


async def asked(transport: Http1Transport, request: UpstreamRequest) -> RecordingSink:
    sink = RecordingSink()
    await transport.send(request, sink)
    await sink.over.wait()
    return sink


def test_open_door_passes_everything_and_notes_inferences() -> None:
    """Requests and answers, byte for byte, over one connection."""

    async def main() -> tuple[list[bytes], int, int, list[bytes]]:
        async with through_a_door() as (door, transport, upstream):
            bodies = [(await asked(transport, request)).body for request in (PROBE, SPEECH, SPEECH)]
            received = [request.body for request in upstream.requests]
            return bodies, upstream.connections, len(door.asked_s), received

    assert run(main()) == ([BODY] * 3, 1, 2, [b"", SPEECH.body, SPEECH.body])


def test_storm_refuses_inferences_and_no_probe() -> None:
    """503, and the server is not asked."""

    async def main() -> tuple[int, int, int, int]:
        async with through_a_door() as (door, transport, upstream):
            await door.obey(Order(Mode.STORM))
            statuses = [(await asked(transport, request)).status for request in (SPEECH, PROBE)]
            return statuses[0], statuses[1], len(upstream.requests), len(door.struck_s)

    assert run(main()) == (503, 200, 1, 1)


def test_cut_resets_an_answer_in_its_middle() -> None:
    """A beginning of the right answer, then no more."""

    async def main() -> tuple[bool, bool, bytes, bytes]:
        async with through_a_door() as (door, transport, _):
            await door.obey(Order(Mode.CUT, AFTER))
            cut = await asked(transport, SPEECH)
            probed = await asked(transport, PROBE)
            return isinstance(cut.fault, ConnectionLost), 0 < len(cut.body) < len(BODY), cut.body, probed.body

    is_lost, is_part, part, probed = run(main())
    assert (is_lost, is_part, probed) == (True, True, BODY)
    assert BODY.startswith(part)


def test_stalled_answer_goes_on_when_healed() -> None:
    """Until then nothing more of it comes, and no end."""

    async def main() -> tuple[bool, bool, bytes]:
        async with through_a_door() as (door, transport, _):
            await door.obey(Order(Mode.STALL, AFTER))
            sink = RecordingSink()
            await transport.send(SPEECH, sink)
            await until(lambda: len(door.struck_s) == 1)
            is_over = sink.over.is_set()
            await door.obey(Order(Mode.PASS))
            await sink.over.wait()
            return is_over, sink.is_ended, sink.body

    assert run(main()) == (False, True, BODY)


def test_slow_answer_is_whole() -> None:
    """A few bytes at a time; 100 kB at 1 MB/s take at least 80 ms."""

    async def main() -> tuple[bytes, bool]:
        async with through_a_door() as (door, transport, _):
            await door.obey(Order(Mode.SLOW, rate=1e6))
            began = asyncio.get_running_loop().time()
            sink = await asked(transport, SPEECH)
            return sink.body, asyncio.get_running_loop().time() - began >= 0.08

    assert run(main()) == (BODY, True)


def test_black_hole_answers_no_dial_and_connections_fall_silent() -> None:
    """And everything is as before when the cable is in again."""

    async def main() -> tuple[bool, int, bytes]:
        async with through_a_door() as (door, transport, upstream):
            await asked(transport, PROBE)  # leaves a connection that the next request takes
            await door.obey(Order(Mode.BLACK_HOLE))
            sink = RecordingSink()
            await transport.send(SPEECH, sink)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await asyncio.open_connection(*door.listen)
            silent = sink.over.is_set(), len(upstream.requests)
            await door.obey(Order(Mode.PASS))
            await sink.over.wait()
            return *silent, sink.body

    assert run(main()) == (False, 1, BODY)


def test_refusing_door_is_as_if_the_server_were_gone() -> None:
    """Until it is open again."""

    async def main() -> bytes:
        async with through_a_door() as (door, transport, _):
            await door.obey(Order(Mode.REFUSE))
            with pytest.raises(DialRefused):
                await transport.send(PROBE, RecordingSink())
            await door.obey(Order(Mode.PASS))
            return (await asked(transport, PROBE)).body

    assert run(main()) == BODY
