"""A text on its way to players by HLS: its segments, who fetches them, and how far ahead of the listener it is.

What is fetched is taken for heard, as what is written to a socket is elsewhere: `speech.ahead_s` is made ahead of
it. What has been fetched stays, because players go back.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from router.errors import Gone, NotFound, NotYet, RouterError
from router.narration import Narration
from router.ports import Monotonic
from router.speech.playlist import playlist

PLAYLIST: Final = "playlist.m3u8"
HEAD: Final = "init.mp4"
# FFmpeg, and whoever plays by it, begins so far before the end of a list that grows, whatever EXT-X-START says. So
# it is shown no more than that beyond what has been fetched.
SHOWN_AHEAD: Final = 3
FIRST_WITHIN_S: Final = 30.0  # a playlist without a segment is an error to players: it is held until there is one
NEXT_WITHIN_S: Final = 9.0  # and one that is asked for its next segment, until that is there


class Broadcast:
    """One text's. `touched`: told of every sign of a listener."""

    def __init__(self, broadcast_id: str, clock: Monotonic) -> None:
        self.id = broadcast_id
        self.head = b""
        self.narration: Narration | None = None
        self.touched: Callable[[], None] = lambda: None
        self._clock = clock
        self.touched_at = clock()
        self._segments: list[bytes] = []
        self._durations_s: list[float] = []
        self._fetched = 0  # segments
        self._made_s = self._fetched_s = 0.0
        self._size = 0
        self._error: RouterError | None = None
        self._is_whole = False
        self._changed = asyncio.Event()

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._size

    @property
    def count(self) -> int:
        """Segments so far."""
        return len(self._segments)

    @property
    def is_over(self) -> bool:
        """Whole, or failed."""
        return self._is_whole or self._error is not None

    # who makes it

    def publish(self, segment: bytes, duration_s: float) -> None:
        """The next segment."""
        self._segments.append(segment)
        self._durations_s.append(duration_s)
        self._size += len(segment)
        self._made_s += duration_s
        self._announce()

    def finish(self) -> None:
        """That was all."""
        self._is_whole = True
        self._announce()

    def fail(self, error: RouterError) -> None:
        """There will be no more, and it is not whole. What is there stays."""
        if not self.is_over:
            self._error = error
            self._announce()

    async def until_wanted(self, ahead_s: float) -> None:
        """Returns when no more than `ahead_s` seconds wait for a listener."""
        while self._made_s - self._fetched_s > ahead_s:
            await self._change()

    # who listens

    async def playlist(self, number: int | None) -> str:
        """As it is; with `number`, when it has that segment. A player that does not ask for one is shown few
        beyond what it has. Raises the error of a text that nobody could begin, Gone for one that broke off: no
        player shall take the short for the whole."""
        self._touch()
        wanted, within_s = (1, FIRST_WITHIN_S) if number is None else (number + 1, NEXT_WITHIN_S)
        if not self._segments:
            within_s = FIRST_WITHIN_S
        try:
            async with asyncio.timeout(within_s):
                while self.count < wanted and not self.is_over:
                    await self._change()
        except TimeoutError:
            pass  # as it is, then
        self._touch()
        if self._error is not None:
            raise self._error if not self._segments else Gone(f"The speech broke off. {self._error.message}")
        if not self._segments:
            raise NotYet(f"Nothing has been spoken within {FIRST_WITHIN_S:g} s; ask again.")
        shown = self.count if self._is_whole or number is not None else self._fetched + SHOWN_AHEAD
        return playlist(self._durations_s[:shown], is_whole=self._is_whole)

    def file(self, name: str) -> bytes:
        """The initialization section, or a segment. Raises NotFound."""
        self._touch()
        if name == HEAD and self.head:
            return self.head
        number = _number(name)
        if number is None or number >= self.count:
            raise NotFound(f"There is no {name[:100]!r} here.", code="segment_not_found")
        self._note_fetched(number)
        return self._segments[number]

    def _note_fetched(self, number: int) -> None:
        if number < self._fetched:
            return
        fetched_s = sum(self._durations_s[self._fetched : number + 1])
        self._fetched, self._fetched_s = number + 1, self._fetched_s + fetched_s
        if self.narration is not None:
            self.narration.playback.handed_over(fetched_s, self._clock())
            self.narration.look_again()
        self._announce()

    def _touch(self) -> None:
        self.touched_at = self._clock()
        self.touched()

    def _announce(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _change(self) -> None:
        await self._changed.wait()


def _number(name: str) -> int | None:
    """Of a segment's name."""
    digits = name.removeprefix("seg").removesuffix(".m4s")
    is_one = name == f"seg{digits}.m4s" and digits.isascii() and digits.isdigit() and len(digits) < 8
    return int(digits) if is_one else None
