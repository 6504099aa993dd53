"""A text that somebody is writing, as a script of what is to be said: cut into segments while it comes, and where
its writer pauses."""

import asyncio
import functools
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from router.domain import Passage
from router.pacing import Pacing
from router.script import Script
from router.speech.live import Unfolding

_log = logging.getLogger(__name__)
SLICE_CHARS: Final = 1024  # are cut in some milliseconds; others run in between


class Lost(Protocol):
    """Is told, once, that the script ends before the text does: that `is_too_long`, or could not be cut."""

    def __call__(self, *, is_too_long: bool) -> None: ...


class Dictation:
    """`language`, `max_chars` and `quick_width` (of the first segment) are of what is spoken. Whoever has one
    drops it. `is_lost`: the script ends before the text does."""

    def __init__(
        self, lost: Lost | None = None, *, language: str | None, max_chars: int, quick_width: int
    ) -> None:
        self.script = Script()
        self.is_lost = False
        self._tell_lost = lost
        self._max_chars = max_chars
        self._chars = 0
        self._unfolding = Unfolding(language, quick_width)
        self._pacing = Pacing(self._settle)

    async def write(self, text: str) -> None:
        """So much more. Nothing, once the script is finished."""
        if not text or self.script.is_finished:
            return
        self._pacing.stop()
        room = self._max_chars - self._chars
        self._chars += len(text)
        for at in range(0, min(len(text), room), SLICE_CHARS):
            piece = text[at : min(at + SLICE_CHARS, room)]
            self._cut_with(functools.partial(self._unfolding.feed, piece))
            await self._pause()
        if len(text) > room:
            self._cut_with(self._unfolding.close)
            self._lose(is_too_long=True)
        else:
            self._pacing.came()

    async def close(self) -> None:
        """Nothing more will come, be it in the middle of a sentence: what is there is said."""
        if not self.script.is_finished:
            await self._pause()
            self._cut_with(self._unfolding.close)
        self.drop()

    def drop(self) -> None:
        """Nobody will say what is there. Idempotent."""
        self._pacing.stop()
        self.script.finish()

    async def _pause(self) -> None:
        """Others have their turn."""
        await asyncio.sleep(0)

    def _settle(self) -> None:
        self._cut_with(self._unfolding.settle)

    def _cut_with(self, cut: Callable[[], Sequence[Passage]]) -> None:
        """More for the script. A fault in cutting must not reach who writes."""
        if self.script.is_finished:
            return
        try:
            self.script.write(cut())
        except Exception:
            _log.exception("a text could not be cut into segments")
            self._lose(is_too_long=False)

    def _lose(self, *, is_too_long: bool) -> None:
        self.is_lost = True
        self.script.finish()
        if self._tell_lost is not None:
            self._tell_lost(is_too_long=is_too_long)
