"""The broadcasts of a house: each has a task that makes it, keeps it for a while, and forgets it.

They outlive the request that ordered them and the configuration that it was made under. Bounded: so many, so many
bytes, so long. Whoever knows one's id may hear it, since players send no keys; so ids cannot be guessed.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from router.api.broadcast import Broadcast
from router.errors import Gone, NotFound, RateLimited, RouterError
from router.ports import Monotonic

MAX_BROADCASTS: Final = 32
MAX_BYTES: Final = 128 * 1024 * 1024  # of all: four and a half hours
IDLE_S: Final = 60.0  # nobody has fetched anything: nobody listens
KEPT_S: Final = 600.0  # after the last fetch of what is over
_ID_BYTES: Final = 24  # 192 random bits
_TRY_AGAIN_S: Final = 10.0

Make = Callable[[Broadcast], Awaitable[None]]
"""Publishes all of it. Raises RouterError."""


class Broadcasts:
    """See the module. `aclose` ends all."""

    def __init__(self, clock: Monotonic, *, idle_s: float = IDLE_S, kept_s: float = KEPT_S) -> None:
        self._clock = clock
        self._idle_s = idle_s
        self._kept_s = kept_s
        self._all: dict[str, Broadcast] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def begin(self, make: Make) -> Broadcast:
        """Have it made. Raises RateLimited when too many are being made."""
        if len(self._all) >= MAX_BROADCASTS and not self._forget_one():
            raise RateLimited(f"{MAX_BROADCASTS} texts are being broadcast already.", retry_after_s=_TRY_AGAIN_S)
        broadcast = Broadcast(secrets.token_urlsafe(_ID_BYTES), self._clock)
        self._all[broadcast.id] = broadcast
        task = asyncio.get_running_loop().create_task(self._live(broadcast, make), name="broadcast")
        self._tasks[broadcast.id] = task
        task.add_done_callback(lambda _: self._forget(broadcast.id))
        return broadcast

    def find(self, broadcast_id: str) -> Broadcast:
        """Raises NotFound: there is none, or none any more."""
        found = self._all.get(broadcast_id)
        if found is None:
            raise NotFound(
                f"There is no such broadcast, or none any more: it is kept {self._kept_s / 60:g} minutes.",
                code="broadcast_not_found",
            )
        return found

    def make_room(self) -> None:
        """Forget what is over. Raises Gone when that is not enough."""
        while sum(each.size for each in self._all.values()) > MAX_BYTES:
            if not self._forget_one():
                raise Gone(f"Broadcasts may hold {MAX_BYTES // 2**20} MiB in all; this one is too long.")

    async def aclose(self) -> None:
        """End all."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _live(self, broadcast: Broadcast, make: Make) -> None:
        try:
            await self._make(broadcast, make)
        finally:
            broadcast.touched = lambda: None
            broadcast.fail(Gone("The router shuts down."))  # unless it is over
        while (left_s := broadcast.touched_at + self._kept_s - self._clock()) > 0:  # noqa: ASYNC110  time itself
            await asyncio.sleep(left_s)

    async def _make(self, broadcast: Broadcast, make: Make) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._idle_s) as limit:

                def go_on() -> None:
                    if not limit.expired():  # else it is being ended, and who fetches now comes too late
                        limit.reschedule(loop.time() + self._idle_s)

                broadcast.touched = go_on
                await make(broadcast)
                broadcast.touched = lambda: None
            broadcast.finish()
        except TimeoutError:
            broadcast.fail(Gone(f"Nobody has fetched anything of it for {self._idle_s:g} s."))
        except RouterError as error:
            broadcast.fail(error)

    def _forget_one(self) -> bool:
        """The one over that nobody has fetched for longest; whether there was one."""
        over = [each for each in self._all.values() if each.is_over]
        if not over:
            return False
        oldest = min(over, key=lambda each: each.touched_at)
        self._tasks[oldest.id].cancel()
        self._all.pop(oldest.id, None)
        return True

    def _forget(self, broadcast_id: str) -> None:
        self._all.pop(broadcast_id, None)
        self._tasks.pop(broadcast_id, None)
