"""The open block of a text that is being written: what of it is said, and how it is kept short. Pure.

Reading costs what the block is long, so what needs no second look is forgotten: before an item of a list all that
went before; else all, and a stand-in of at most 61 characters keeps the rest from looking like the beginning of a
line or of a paragraph.
"""

import re
from functools import lru_cache
from typing import Final

from router.speech.cleaning import speakable
from router.speech.live.marks import definitions_end, is_bold
from router.speech.live.places import CJK_MARKS

TOO_LONG: Final = 800  # a block that is shortened whatever is bold in it
_LONG_LINE: Final = 200
_LONG_WIDE_LINE: Final = 100  # of a script whose letters take more time, to say and to read
_LONG_LINES: Final = 120  # of short lines
_FULL_LINE: Final = 60  # who wraps lines, wraps them later (`inline`)
_ITEM: Final = re.compile(r"[ ]*(?:[-+*][ ]|\d{1,9}[.)][ ]|>|#{1,6}[ ])")
_HEAD: Final = re.compile(r"[ ]*(?:(?:>|[-+*](?=[ ])|\d{1,9}[.)](?=[ ]))[ ]*)*")
_HEADING: Final = re.compile(r"[ ]*#{1,6}[ ]+")
_LONGEST_HEAD: Final = 20
_GAP: Final = re.compile(r"[\s\\]")
_KEPT: Final = tuple(f",;.:!?{CJK_MARKS}")  # at the end of a line, they tell how the next goes on


class Block:
    """`text`, of which the last line begins at `line_at`; looked at for places up to `at`, and for something new
    up to `read_at`; said up to `said_to`. `table`: the head of the table that it is in, else "".
    """

    def __init__(self) -> None:
        self.text = ""
        self.at = self.line_at = self.read_at = self.said_to = 0
        self.table = ""
        self._said = ""

    @property
    def has_said(self) -> bool:
        """Whether something of it is said."""
        return bool(self._said)

    @property
    def above(self) -> str:
        """The line before the last one."""
        return self.text[: self.line_at].rstrip("\n").rpartition("\n")[2]

    def say(self, end: int) -> str:
        """What it says up to here beyond what is said; that is said now."""
        self.said_to = max(self.said_to, end)
        return self.accept(speakable(self.text[:end]))

    def settle(self) -> None:
        """All of it is said: no place before its end is looked at any more."""
        end = len(self.text.rstrip())
        self.say(end)
        self.at = self.read_at = max(self.at, end)
        if end:
            self.shorten(end, is_forced=False)

    def beyond(self, said: str) -> str:
        """What of this is not said yet."""
        return _beyond(self._said, said)

    def accept(self, said: str) -> str:
        """This is said now; returns what of it is new."""
        new = self.beyond(said)
        if new:
            self._said = said
        return new

    def begin(self, guard: str, rest: str) -> None:
        """A new block; `guard` stands in for what went before, and is said already."""
        self.text = guard + rest
        self._said = _said_of(guard)
        self.at = self.read_at = self.said_to = len(guard)
        self.line_at = guard.rfind("\n") + 1
        if not guard.endswith("\n"):
            self.table = ""

    def forget_definitions(self) -> None:
        """They say nothing; nobody needs them where the block begins with them."""
        if not self._said and (end := definitions_end(self.text[: self.line_at])):
            line_at, at = self.line_at - end, self.at - end
            self.begin("", self.text[end:])
            self.line_at, self.at, self.read_at = line_at, at, line_at

    def shorten(self, end: int, *, is_forced: bool) -> None:
        """Forget what is read, where it needs no second look; up to `end` nothing is open, or `is_forced`. Behind
        that, only the next character is looked at: more may not be there yet.
        """
        if end < self.said_to:
            return
        is_too_long = is_forced or end > TOO_LONG + len(self.table)
        if not is_too_long and (self.table or is_bold(self.text[:end])):
            return
        if is_too_long or self._has_long_line(end) or (self.line_at and end > _LONG_LINES):
            self._begin_within(end)
        elif self.line_at and end > self.line_at and _ITEM.match(self.text, self.line_at, end + 1):
            at, end = self.at - self.line_at, end - self.line_at
            self.text = self.text[self.line_at :]
            self._said = speakable(self.text[:end])
            self.read_at = self.said_to = end
            self.at, self.line_at = at, 0

    def _has_long_line(self, end: int) -> bool:
        length = end - self.line_at
        return length > _LONG_LINE or (length > _LONG_WIDE_LINE and not self.text[:end].isascii())

    def _begin_within(self, end: int) -> None:
        at = self.at - end
        self.begin(self._stand_in(end), self.text[end:])
        self.at += at

    def _stand_in(self, end: int) -> str:
        """For all up to here: as wide as its last line, and of the same item or heading."""
        line = self.text[self.text.rfind("\n", 0, end) + 1 : end]
        head = (_HEADING.match(line) or _HEAD.match(line) or [""])[0]
        if not head.strip():  # a line of an item that goes on; the next is the item's too
            head = (_HEAD.match(self.text[:end]) or [""])[0]
        head = head[:_LONGEST_HEAD]
        stand_in = head + "x" * max(1, min(_FULL_LINE, len(line)) - len(head))
        is_kept = line.endswith(_KEPT) or _GAP.match(self.text, end) is None
        return stand_in + line[-1:] if is_kept else stand_in


@lru_cache(maxsize=512)
def _said_of(guard: str) -> str:
    return speakable(guard)


def _beyond(before: str, now: str) -> str:
    """What `now` says after what `before` said. Marks may have gone since; letters and figures stay."""
    if now.startswith(before):
        return now[len(before) :]
    count = sum(map(str.isalnum, before))
    start = 0
    while count and start < len(now):
        count -= now[start].isalnum()
        start += 1
    marks = re.search(r"[\W_]*\Z", before)
    for mark in marks[0] if marks else "":
        start += now.startswith(mark, start)
    return now[start:]
