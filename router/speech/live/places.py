"""Where a text that is being written may be read up to: only the text decides, however it comes in pieces. Pure.

A place is a gap between words, a mark of Chinese or Japanese, a line's end; and where none of these comes for long
(Thai, an address, a line of dots), just there. Each is certain only with the character behind it.
"""
# ruff: noqa: RUF001 - marks of many scripts are meant

import re
from dataclasses import dataclass
from typing import Final

from router.speech.clauses import UNSPACED

CJK_MARKS: Final = "。！？…，、；："
CJK_CLOSERS: Final = "”’）」』】》〉"
_PLACE: Final = re.compile(
    r"(?P<line>[^\S\n]*+\n)"
    r"|(?P<gap>(?<=[^\s\\])[^\S\n\u00a0\u202f\u2007]++)(?=\S)"
    rf"|(?P<mark>[{CJK_MARKS}][{CJK_MARKS}{CJK_CLOSERS}]*+)(?=[^\s{CJK_MARKS}{CJK_CLOSERS}])"
)
_IN_WORD: Final = re.compile(rf"[^\s{CJK_MARKS}{CJK_CLOSERS}]")
_UNBROKEN: Final = 200
_UNBROKEN_UNSPACED: Final = 30
_MARGIN: Final = 40  # a gap is at most that long (`unfolding`)


@dataclass(frozen=True, slots=True)
class Place:
    """The text is read up to `end` and looked at again from `after`; `ahead`: how it goes on, see `Said`."""

    end: int
    after: int
    ahead: str
    is_line_end: bool


def next_place(text: str, at: int) -> Place | None:
    """The first place from here; None where it is not written yet. The rest's length costs nothing."""
    end = at + (_UNBROKEN_UNSPACED if UNSPACED.match(text, at) else _UNBROKEN)
    found = _PLACE.search(text, at, end + _MARGIN)
    if found is None or found.start() >= end:
        is_within_word = len(text) > end and _IN_WORD.match(text, end - 1) is not None
        is_written = is_within_word or len(text) >= end + _MARGIN  # else a gap may have begun
        return Place(end, end, "", is_line_end=False) if is_written else None
    if found["line"] is not None:
        return Place(found.end() - 1, found.end(), "", is_line_end=True)
    is_gap = found["gap"] is not None
    following = text[found.end()]
    ahead = " " * is_gap + following if following.isalnum() else ""
    return Place(found.start() if is_gap else found.end(), found.end(), ahead, is_line_end=False)
