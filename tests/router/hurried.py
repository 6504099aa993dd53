"""A loop on which time passes only by sleeping, and then at once."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from running import watched

T = TypeVar("T")


class Hurried(asyncio.SelectorEventLoop):
    """Its clock stands still while anything runs."""

    now = 1000.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        loop: Any = self
        due = [timer._when for timer in loop._scheduled if not timer._cancelled] if not loop._ready else []
        if due:
            self.now = max(self.now, min(due))
        super()._run_once()  # type: ignore[misc]


def hurry(main: Coroutine[Any, Any, T]) -> T:
    """The result of `main`, however long it sleeps. Fails when an error was seen by nobody."""
    return watched(main, Hurried)
