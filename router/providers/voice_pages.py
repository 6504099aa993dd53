"""A vendor's voices, which come in pages: which page is due, and what all of them say. No I/O.

One page is read with a probe, every quarter of a minute, so that no look takes long; when the last is there the
list is told, and read anew ten minutes later. Until then the provider is believed to have any voice.
"""

from collections.abc import Sequence
from typing import Final

from router.domain import Voice

EVERY_S: Final = 600.0
AGAIN_S: Final = 60.0  # after a page that could not be read; a key may be forbidden to list voices
PAGE_SIZE: Final = 100  # the most that ElevenLabs and Cartesia give
MAX_PAGES: Final = 20


class VoicePages:
    """Told the time, never asks it."""

    def __init__(self) -> None:
        self.cursor: str | None = None  # of the page that is due; None: the first
        self.told: tuple[Voice, ...] | None = None  # None until they have been read once
        self._read: dict[str, Voice] = {}
        self._pages = 0
        self._due_at = 0.0

    @property
    def first(self) -> Voice | None:
        """The first that it has, as far as is known."""
        return next(iter(self.told or self._read.values()), None)

    def is_due(self, now: float) -> bool:
        """Whether a page is to be read."""
        return now >= self._due_at

    def renew(self) -> None:
        """Something has changed, or is to be seen first: look soon, from the first page on."""
        self._begin_anew(0.0)

    def take(self, page: Sequence[Voice], next_cursor: str | None, now: float) -> None:
        """A page. It is the last when it says so, brings nothing new, or is one too many: there are servers that
        give the same page for ever."""
        before = len(self._read)
        self._read |= {voice.id: voice for voice in page}
        self._pages += 1
        if next_cursor is not None and len(self._read) > before and self._pages < MAX_PAGES:
            self.cursor = next_cursor
            return
        self.told = tuple(self._read.values())
        self._begin_anew(now + EVERY_S)

    def fail(self, now: float) -> None:
        """A page could not be read. What was told before stands."""
        self._begin_anew(now + AGAIN_S)

    def _begin_anew(self, at: float) -> None:
        self.cursor, self._read, self._pages, self._due_at = None, {}, 0, at
