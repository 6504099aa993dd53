"""One flight for everybody who wants to go to the same place: work that is under way is shared, not repeated."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from router.errors import RouterError

T = TypeVar("T")


class FlightEnded(RouterError):
    """503: the router stopped the work that this request waited for, because it ends or is configured anew."""

    status = 503
    reason = "shutting_down"
    code = "shutting_down"
    retry_after_s = 1.0


class _Flight(Generic[T]):
    """Work under way, and how many wait for it."""

    __slots__ = ("task", "waiters")

    def __init__(self, task: "asyncio.Task[T]") -> None:
        self.task = task
        self.waiters = 0


class Flights(Generic[T]):
    """Shares work by key. Whoever asks first starts it; it belongs to nobody who waits, only to all of them: it
    goes on while one is left, and is cancelled with the last."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[T]] = {}
        self._tasks: set[asyncio.Task[T]] = set()  # those that are being cancelled too
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._flights)

    async def fly(self, key: str, make: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """What `make` returns, or what the flight under way to `key` brings; whether it was another's flight.

        Raises what `make` raises, to everybody who waits. Raises FlightEnded after `aclose`.
        """
        flight = self._flights.get(key)
        has_joined = flight is not None
        if flight is None:
            flight = self._started(key, make)
        flight.waiters += 1
        try:
            await asyncio.wait((flight.task,))  # which does not cancel it with whoever waits
            if flight.task.cancelled():
                raise FlightEnded("The router has stopped this work; ask again.")
            return flight.task.result(), has_joined
        finally:
            flight.waiters -= 1
            if not flight.waiters and not flight.task.done():
                self._forget(key, flight)
                flight.task.cancel()
            # An error's traceback holds this frame, which must not hold the error.
            del flight

    async def aclose(self) -> None:
        """Cancel whatever flies; nothing starts any more."""
        self._is_closed = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _started(self, key: str, make: Callable[[], Awaitable[T]]) -> "_Flight[T]":
        if self._is_closed:
            raise FlightEnded("The router is ending; ask again.")
        flight = _Flight(asyncio.get_running_loop().create_task(_made(make), name="flight"))
        self._flights[key] = flight
        self._tasks.add(flight.task)

        def landed(task: "asyncio.Task[T]") -> None:
            self._tasks.discard(task)
            self._forget(key, flight)
            if not task.cancelled():
                task.exception()  # seen, should nobody wait for it any more

        flight.task.add_done_callback(landed)
        return flight

    def _forget(self, key: str, flight: "_Flight[T]") -> None:
        if self._flights.get(key) is flight:  # and not the next one to the same place
            del self._flights[key]


async def _made(make: Callable[[], Awaitable[T]]) -> T:
    return await make()
