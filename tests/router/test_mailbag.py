"""What is written in one turn leaves together: by hand, and between real sockets."""

import asyncio
import contextlib
import gc
import json
import socket
import weakref
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from listening import Caller, calling, listening, lone_house
from running import LOOPS, run, until

from router import mailbag as module
from router.mailbag import _LARGE, _PATIENCE, Mailbag, Wire, mailbag

BODY = b'{"model":"m"}'
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n" % len(BODY)
REQUEST = HEAD + b"\r\n" + BODY
LAST_REQUEST = HEAD + b"Connection: close\r\n\r\n" + BODY
WRONG_REQUEST = b"GET /v1/completions HTTP/1.1\r\nHost: localhost\r\n\r\n"
CLIENTS = 8


class Post(asyncio.Transport):
    """Notes under its name, among all others', what is written to it and how it ends."""

    def __init__(self, name: str, seen: list[tuple[str, bytes]]) -> None:
        super().__init__()
        self.name, self._seen = name, seen
        self.buffered = 0
        self.has_closed = False

    def write(self, data: Any) -> None:
        assert not self.has_closed, "nothing is written to what is closed"
        self._seen.append((self.name, bytes(data)))

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def is_closing(self) -> bool:
        return self.has_closed

    def close(self) -> None:
        self._seen.append((self.name, b"<close>"))
        self.has_closed = True

    def abort(self) -> None:
        self._seen.append((self.name, b"<abort>"))
        self.has_closed = True


class Turns:
    """A mailbag on a loop that turns by hand, and wires `a`, `b` and `c`. `seen`: what left, in its order."""

    def __init__(self, *, is_busy: bool = False) -> None:
        self.next: list[Callable[[], None]] = []
        self.seen: list[tuple[str, bytes]] = []
        self.bag = Mailbag(self.next.append)
        self.bag.is_busy = is_busy
        self.posts = [Post(name, self.seen) for name in "abc"]
        self.a, self.b, self.c = (Wire(post, self.bag) for post in self.posts)

    def read(self, count: int = 1) -> None:
        self.bag.arrived += count

    def turn(self) -> None:
        calls, self.next[:] = self.next[:], []
        for call in calls:
            call()


def test_a_lone_write_leaves_at_once() -> None:
    """One came in, one goes out: time after time, with no turn between."""
    turns = Turns()
    for _ in range(3):
        turns.read()
        turns.a.write(b"1")
    assert ([("a", b"1")] * 3, []) == (turns.seen, turns.next)


def test_a_write_that_nothing_was_read_for_leaves_at_once() -> None:
    """A timer's, or a client's own."""
    turns = Turns()
    turns.a.write(b"1")
    turns.b.write(b"2")
    assert [("a", b"1"), ("b", b"2")] == turns.seen


def test_writes_of_several_reads_leave_together_after_the_turn() -> None:
    """In one delivery, however many they are; a wire's parts as one, in their order."""
    turns = Turns()
    turns.read(3)
    turns.b.write(b"1")
    turns.a.write(b"2")
    turns.b.write(b"3")
    turns.c.write(b"4")
    turns.b.write(b"5")
    assert ([], 1) == (turns.seen, len(turns.next))
    turns.turn()
    assert [("b", b"135"), ("a", b"2"), ("c", b"4")] == turns.seen
    assert (0, []) == (turns.bag.arrived, turns.next)


def test_what_has_left_leaves_once() -> None:
    """The next turn has letters of its own only."""
    turns = Turns(is_busy=True)
    turns.a.write(b"1")
    turns.turn()
    turns.b.write(b"2")
    turns.turn()
    assert [("a", b"1"), ("b", b"2")] == turns.seen


def test_what_is_written_to_a_wire_that_waits_stays_behind() -> None:
    """Also when by then nothing else would have to wait."""
    turns = Turns()
    turns.read(2)
    turns.a.write(b"1")
    turns.bag.arrived = 0
    turns.a.write(b"2")
    turns.b.write(b"3")
    turns.turn()
    assert [("b", b"3"), ("a", b"12")] == turns.seen


def test_who_writes_while_letters_are_delivered_waits_for_the_next_turn_at_most() -> None:
    """A delivery may wake whoever writes at once; nothing is lost, and nothing comes twice."""
    turns = Turns(is_busy=True)
    write = turns.posts[0].write

    def write_and_answer(data: bytes) -> None:
        write(data)
        if data == b"1":
            turns.a.write(b"3")

    turns.posts[0].write = write_and_answer  # type: ignore[method-assign]
    turns.a.write(b"1")
    turns.b.write(b"2")
    turns.turn()
    turns.turn()
    assert [("a", b"1"), ("b", b"2"), ("a", b"3")] == turns.seen


def test_closing_loses_nothing() -> None:
    """What waits is written first, at once; the delivery finds nothing more."""
    turns = Turns(is_busy=True)
    turns.a.write(b"1")
    turns.b.write(b"2")
    turns.a.close()
    assert [("a", b"1"), ("a", b"<close>")] == turns.seen
    turns.turn()
    assert [("a", b"1"), ("a", b"<close>"), ("b", b"2")] == turns.seen


def test_aborting_loses_what_waits() -> None:
    """As it loses what the kernel has not taken."""
    turns = Turns(is_busy=True)
    turns.a.write(b"1")
    turns.b.write(b"2")
    turns.a.abort()
    assert turns.a.is_empty
    turns.turn()
    assert [("a", b"<abort>"), ("b", b"2")] == turns.seen


def test_a_wire_that_was_lost_is_skipped() -> None:
    """Its client left before the delivery; the others get theirs."""
    turns = Turns(is_busy=True)
    for wire in (turns.a, turns.b, turns.c):
        wire.write(b"1")
    turns.posts[1].has_closed = True
    turns.turn()
    assert [("a", b"1"), ("c", b"1")] == turns.seen
    assert turns.b.is_empty


def test_a_large_thing_is_not_kept() -> None:
    """It needs no company, and would be copied."""
    turns = Turns(is_busy=True)
    turns.a.write(b"x" * _LARGE)
    assert [] == turns.seen
    turns.b.write(b"x" * (_LARGE + 1))
    assert [("b", _LARGE + 1)] == [(name, len(data)) for name, data in turns.seen]


def test_what_grows_large_while_it_waits_is_not_kept() -> None:
    """It leaves whole and in order, and what follows it does too."""
    turns = Turns(is_busy=True)
    parts = [b"1" * 40_000, b"2" * 20_000, b"3" * 20_000, b"4" * 10]
    for part in parts:
        turns.a.write(part)
    assert [("a", b"".join(parts[:3]))] == turns.seen
    turns.turn()
    assert b"".join(parts) == b"".join(data for _, data in turns.seen)


def test_many_together_make_it_busy() -> None:
    """Then the next ones wait for one another, though a single read came in."""
    turns = Turns()
    turns.read(2)
    turns.a.write(b"1")
    turns.b.write(b"2")
    turns.turn()
    turns.read()
    turns.a.write(b"3")
    assert (True, 2) == (turns.bag.is_busy, len(turns.seen))


def test_waiting_ends_when_it_was_in_vain_several_times() -> None:
    """After `_PATIENCE` deliveries of a single letter; one of two in between begins the count anew."""
    turns = Turns(is_busy=True)

    def deliver(*wires: Wire) -> bool:
        for wire in wires:
            wire.write(b"1")
        turns.turn()
        return turns.bag.is_busy

    assert [True] * (_PATIENCE - 1) == [deliver(turns.a) for _ in range(_PATIENCE - 1)]
    assert deliver(turns.a, turns.b)
    assert [True] * (_PATIENCE - 1) + [False] == [deliver(turns.a) for _ in range(_PATIENCE)]
    turns.seen.clear()
    turns.read()
    turns.a.write(b"2")
    assert [("a", b"2")] == turns.seen


def test_a_wire_is_empty_when_the_kernel_has_taken_all() -> None:
    """Neither waiting here nor in the transport's buffer."""
    turns = Turns(is_busy=True)
    was_empty = [turns.a.is_empty]
    turns.a.write(b"1")
    was_empty.append(turns.a.is_empty)
    turns.posts[0].buffered = 1
    turns.turn()
    was_empty.append(turns.a.is_empty)
    turns.posts[0].buffered = 0
    assert [True, False, False, True] == [*was_empty, turns.a.is_empty]


@pytest.mark.parametrize("loop", LOOPS)
def test_each_loop_has_its_own(loop: str) -> None:
    """The same one for all that write on it."""

    async def main() -> Mailbag:
        bag = mailbag()
        await asyncio.sleep(0)
        assert bag is mailbag()
        return bag

    assert run(main(), loop) is not run(main(), loop)


def test_a_loop_that_has_ended_is_let_go() -> None:
    """Nothing here holds it, or its mailbag, when its last wire is gone."""

    async def main() -> "weakref.ref[asyncio.AbstractEventLoop]":
        bag = mailbag()
        wire = Wire(Post("a", []), bag)
        wire.write(b"1")
        return weakref.ref(asyncio.get_running_loop())

    loop = run(main())
    gc.collect()
    assert loop() is None
    assert not [bag for bag in module._bags.values() if bag.wires]


# Real sockets: `http_protocol.py` writes by way of the loop's mailbag.


class _Office:
    """The running loop's mailbag, watched; what it delivers is held back while `is_shut`."""

    def __init__(self) -> None:
        self.bag = mailbag()
        self.delivered: list[int] = []  # letters of each delivery
        self.is_shut = False
        self.held: list[Callable[[], None]] = []
        self._soon = asyncio.get_running_loop().call_soon

    def call_soon(self, deliver: Callable[[], None]) -> None:
        if self.is_shut:
            self.held.append(deliver)
        else:
            self._soon(self._deliver, deliver)

    def _deliver(self, deliver: Callable[[], None]) -> None:
        self.delivered.append(len(self.bag.wires))
        deliver()

    def open(self) -> None:
        self.is_shut = False
        for deliver in self.held:
            self._deliver(deliver)


@contextlib.contextmanager
def _office() -> Iterator[_Office]:
    office = _Office()
    office.bag.call_soon = office.call_soon
    yield office
    office.bag.call_soon = office._soon


async def _callers(count: int, port: int, stack: contextlib.AsyncExitStack) -> list[Caller]:
    return [await stack.enter_async_context(calling(port)) for _ in range(count)]


@pytest.mark.parametrize("loop", LOOPS)
def test_many_clients_at_once_get_whole_and_right_answers(loop: str) -> None:
    """Each client its own, again and again on one connection; and several leave together."""

    async def main() -> list[int]:
        async with contextlib.AsyncExitStack() as stack:
            server = await stack.enter_async_context(listening(lone_house()))
            office = stack.enter_context(_office())
            callers = await _callers(CLIENTS, server.port, stack)
            for _ in range(5):
                for number, caller in enumerate(callers):
                    caller.send(WRONG_REQUEST if number % 2 else REQUEST)
                answers = await asyncio.gather(*(caller.response() for caller in callers))
                assert [200, 405] * (CLIENTS // 2) == [answer.status for answer in answers]
                assert {b"{}"} == {answer.body for answer in answers[::2]}
                assert all("error" in json.loads(answer.body) for answer in answers[1::2])
            return office.delivered

    assert max(run(main(), loop)) > 1


@pytest.mark.parametrize("loop", LOOPS)
def test_an_answer_that_ends_its_connection_is_not_lost(loop: str) -> None:
    """It waits with others, and the connection closes behind it."""

    async def main() -> None:
        async with contextlib.AsyncExitStack() as stack:
            server = await stack.enter_async_context(listening(lone_house()))
            callers = await _callers(CLIENTS, server.port, stack)
            for caller in callers:
                caller.send(LAST_REQUEST)
            for caller in callers:
                answer = await caller.response()
                assert (200, b"{}", "close") == (answer.status, answer.body, answer.headers["connection"])
                assert b"" == await caller.rest()

    run(main(), loop)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_leaves_before_its_answer_does_harms_nobody(loop: str) -> None:
    """Its connection is lost while the answer waits for the others': theirs arrive."""

    async def main() -> tuple[int, int, bool]:
        async with contextlib.AsyncExitStack() as stack:
            server = await stack.enter_async_context(listening(lone_house()))
            office = stack.enter_context(_office())
            office.bag.is_busy = office.is_shut = True
            stays, leaves = await _callers(2, server.port, stack)
            for caller in (leaves, stays):
                caller.send(REQUEST)
            await until(lambda: len(office.bag.wires) == 2)
            sock = cast("socket.socket", leaves.writer.get_extra_info("socket"))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            leaves.writer.transport.abort()
            await until(lambda: any(wire.transport.is_closing() for wire in office.bag.wires))
            office.open()
            first = await stays.response()
            stays.send(REQUEST)
            return first.status, (await stays.response()).status, office.bag.wires == []

    assert (200, 200, True) == run(main(), loop)
