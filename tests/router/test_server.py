"""The server: it stops in order, and its signals mean what they say."""

import asyncio
import signal

from fakes import head
from listening import calling, listening, lone_house
from running import run, until

BODY = b'{"model":"m"}'
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 13\r\n\r\n" + BODY


def test_asked_to_stop_it_finishes_what_is_in_flight(loop: str) -> None:
    """It is not ready any more, takes no connection, and ends when the last answer has gone."""

    async def main() -> tuple[bool, int, bytes]:
        go_on = asyncio.Event()
        house = lone_house(head(200, (b"Content-Length", b"2")), go_on, b"{}")
        async with listening(house) as server, calling(server.port) as caller:
            caller.send(CHAT)
            await until(lambda: bool(house.upstream("a").exchanges))
            server.stop()
            await until(lambda: house.is_draining)
            await _until_refused(server.port)
            is_early = server.ended.is_set()
            go_on.set()
            response = await caller.response()
            await server.ended.wait()
            return is_early, response.status, await caller.rest()

    assert (False, 200, b"") == run(main(), loop)


async def _until_refused(port: int) -> None:
    while True:
        try:
            async with calling(port):
                await asyncio.sleep(0.001)
        except ConnectionError:
            return


def test_an_idle_server_stops_at_once(loop: str) -> None:
    """Kept connections at rest hold nothing up."""

    async def main() -> bytes:
        house = lone_house()
        async with listening(house) as server, calling(server.port) as caller:
            caller.send(CHAT)
            await caller.response()
            server.stop()
            await server.ended.wait()
            return await caller.rest()

    assert b"" == run(main(), loop)


def test_asked_twice_it_stops_at_once(loop: str) -> None:
    """Whoever presses Ctrl-C again means it, whatever is in flight; that ends with the house."""

    async def main() -> tuple[int, str]:
        house = lone_house(asyncio.Event())
        async with listening(house) as server, calling(server.port) as caller:
            caller.send(CHAT)
            await until(lambda: bool(house.upstream("a").exchanges))
            server.stop()
            await until(lambda: house.is_draining)
            server.stop()
            await server.ended.wait()
            unfinished = len(house.observer.finished)
        await until(lambda: bool(house.observer.finished))
        return unfinished, house.observer.finished[0].outcome

    assert (0, "caller_gone") == run(main(), loop)


def test_sighup_reloads(loop: str) -> None:
    """As often as it comes, and the server goes on."""

    async def main() -> int:
        house = lone_house()
        async with listening(house) as server, calling(server.port) as caller:
            for count in (1, 2):
                signal.raise_signal(signal.SIGHUP)
                await until(lambda count=count: house.reloads == count)  # type: ignore[misc]
            caller.send(CHAT)
            return (await caller.response()).status

    assert 200 == run(main(), loop)


def test_signals_are_handled_only_while_it_serves(loop: str) -> None:
    """What they meant before they mean again."""
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

    async def main() -> None:
        async with listening(lone_house(head())):
            pass

    before = [signal.getsignal(number) for number in numbers]
    run(main(), loop)
    assert before == [signal.getsignal(number) for number in numbers]


def test_an_answer_has_one_date_and_no_server(loop: str) -> None:
    """RFC 9110 §6.6.1; what serves is nobody's business."""

    async def main() -> tuple[int, bool]:
        house = lone_house()
        async with listening(house) as server, calling(server.port) as caller:
            caller.send(CHAT)
            raw = await caller.reader.readuntil(b"\r\n\r\n")
            await caller.reader.readexactly(2)
            return raw.lower().count(b"\r\ndate: "), b"\r\nserver:" in raw.lower()

    assert (1, False) == run(main(), loop)
