"""Flights: work that is under way is shared, and owned by all who wait for it."""

import asyncio
import contextlib
import functools
import gc
import weakref
from collections.abc import Callable

import pytest
from running import run, until

from router.errors import NothingCanServe
from router.speech.cache.flights import FlightEnded, Flights


class _Work:
    """Work that ends when it may; counts how often it was begun and cancelled."""

    def __init__(self, error: Exception | None = None) -> None:
        self.may_end = asyncio.Event()
        self.begun = self.cancelled = 0
        self._error = error

    async def __call__(self) -> str:
        self.begun += 1
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self._error is not None:
            raise self._error
        return f"take {self.begun}"


def _crowd(flights: Flights[str], work: Callable[[], object], size: int) -> list[asyncio.Task[tuple[str, bool]]]:
    return [asyncio.ensure_future(flights.fly("k", work)) for _ in range(size)]  # type: ignore[arg-type]


def test_a_thousand_who_ask_at_once_cause_one_call() -> None:
    """The first one is told that it was its own flight."""

    async def main() -> None:
        flights, work = Flights[str](), _Work()
        crowd = _crowd(flights, work, 1000)
        await until(lambda: work.begun == 1)
        work.may_end.set()
        results = await asyncio.gather(*crowd)
        assert [("take 1", False)] + [("take 1", True)] * 999 == results
        assert (1, 0) == (work.begun, len(flights))

    run(main())


def test_the_next_one_begins_anew() -> None:
    """Only what is under way is shared: keeping results is the cache's business."""

    async def main() -> None:
        flights, work = Flights[str](), _Work()
        work.may_end.set()
        assert ("take 1", False) == await flights.fly("k", work)
        assert ("take 2", False) == await flights.fly("k", work)

    run(main())


def test_other_keys_fly_on_their_own() -> None:
    """Nobody gets another's."""

    async def main() -> None:
        flights = Flights[str]()

        async def make(name: str) -> str:
            await asyncio.sleep(0)
            return name

        made = await asyncio.gather(*(flights.fly(name, functools.partial(make, name)) for name in "abab"))
        assert [("a", False), ("b", False), ("a", True), ("b", True)] == made

    run(main())


def test_who_began_may_leave_and_the_others_get_theirs() -> None:
    """The flight belongs to all who wait."""

    async def main() -> None:
        flights, work = Flights[str](), _Work()
        first, *others = _crowd(flights, work, 3)
        await until(lambda: work.begun == 1)
        first.cancel()
        await asyncio.wait((first,))
        work.may_end.set()
        assert [("take 1", True)] * 2 == await asyncio.gather(*others)
        assert (True, 1, 0) == (first.cancelled(), work.begun, work.cancelled)

    run(main())


def test_the_last_one_who_leaves_ends_it() -> None:
    """Nobody generates for nobody; and whoever comes then starts anew, also while the old one is ending."""

    async def main() -> None:
        flights, work = Flights[str](), _Work()
        crowd = _crowd(flights, work, 3)
        await until(lambda: work.begun == 1)
        for task in crowd:
            task.cancel()
        await asyncio.wait(crowd)
        late = asyncio.ensure_future(flights.fly("k", work))
        await until(lambda: work.cancelled == 1)
        work.may_end.set()
        assert ("take 2", False) == await late

    run(main())


def test_an_error_reaches_everybody() -> None:
    """And nobody who comes later."""

    async def main() -> None:
        flights, work = Flights[str](), _Work(NothingCanServe("speech", []))
        crowd = _crowd(flights, work, 5)
        await until(lambda: work.begun == 1)
        work.may_end.set()
        results = await asyncio.gather(*crowd, return_exceptions=True)
        assert [NothingCanServe] * 5 == [type(result) for result in results]
        with pytest.raises(NothingCanServe):
            await flights.fly("k", work)
        assert 2 == work.begun

    run(main())


def test_an_error_that_nobody_waits_for_is_no_noise() -> None:
    """It came as the last one left."""

    async def main() -> None:
        flights = Flights[str]()
        has_begun = asyncio.Event()

        async def stubborn() -> str:
            has_begun.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                raise ValueError from None
            return ""

        waiter = asyncio.ensure_future(flights.fly("k", stubborn))
        await has_begun.wait()
        waiter.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiter
        await asyncio.sleep(0)

    run(main())


def test_an_error_leaves_no_cycle() -> None:
    """Else every failure would keep its frames, and the audio in them, until the collector runs."""

    class _Heavy(Exception):
        pass

    async def fails() -> str:
        await asyncio.sleep(0)
        raise _Heavy

    async def asks(flights: Flights[str]) -> "weakref.ref[BaseException]":
        try:
            await flights.fly("k", fails)
        except _Heavy as error:
            return weakref.ref(error)
        raise AssertionError

    async def main() -> list[object]:
        flights = Flights[str]()
        errors = await asyncio.gather(asks(flights), asks(flights))
        await asyncio.sleep(0)
        return [error() for error in errors]

    gc.disable()
    try:
        assert [None, None] == run(main())
    finally:
        gc.enable()


def test_no_flight_outlives_the_end() -> None:
    """Whoever waits is told so, and nothing starts any more."""

    async def main() -> None:
        flights, work = Flights[str](), _Work()
        crowd = _crowd(flights, work, 2)
        await until(lambda: work.begun == 1)
        await flights.aclose()
        assert 1 == work.cancelled
        results = await asyncio.gather(*crowd, return_exceptions=True)
        assert [FlightEnded] * 2 == [type(result) for result in results]
        with pytest.raises(FlightEnded):
            await flights.fly("k", work)

    run(main())
