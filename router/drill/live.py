"""What a person sees while a drill runs: plain lines, with a moving one below them on a terminal."""

import sys
import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.status import Status

_ON_TERMINAL: Final = "dots"


class Live:
    """`say` writes a line that stays; `now` replaces what moves, and is a line of its own in a log."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
        self._status: Status | None = None
        self._began_s = time.monotonic()
        self._last = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("", spinner=_ON_TERMINAL)
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    @property
    def is_moving(self) -> bool:
        """Whether there is a terminal to move a line on."""
        return self._status is not None

    def say(self, line: str) -> None:
        self._console.print(f"{self._clock()}  {line}", soft_wrap=True)

    def now(self, line: str) -> None:
        if self._status is not None:
            self._status.update(f"{self._clock()}  {line}")
        elif line != self._last:
            self.say(line)
        self._last = line

    def _clock(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._began_s), 60)
        return f"{minutes:2}:{seconds:02}"
