"""When the first clause of a reply is there. The benchmark's own notion: it knows nothing of how the router cuts.

A clause ends with one of , . ; : ! ? … — that white space follows, at least three words after the beginning and
not within a number or after an abbreviation; a text without such a place is one clause.
"""

import re
from collections.abc import Sequence
from typing import Final

LEAST_WORDS: Final = 3
_MARK: Final = re.compile(r"[,.;:!?…—]+[\"')*_]*(?=\s)")
_WORD: Final = re.compile(r"\w+(?:['.-]\w+)*")
_ABBREVIATION: Final = re.compile(
    r"(?:^|[\s(])(?:[A-Za-z]|[ap]\.m|e\.g|i\.e|approx|cf|Dr|etc|Mr|Mrs|Ms|No|Prof|St|vs)\.$"
)
_NUMBER: Final = re.compile(r"\d[.,:]\s\d")  # "10, 000" and a date; a list's own number has no digit behind it
_ITEM: Final = re.compile(r"(?:^|\n)\s*\d+\.$")


def first_clause_chars(text: str) -> int:
    """How much of `text` has to be written until its first clause is there, the white space behind it included."""
    for mark in _MARK.finditer(text):
        if _is_end(text, mark):
            return mark.end() + 1
    return len(text)


def first_clause_at_s(pieces: Sequence[str], times_s: Sequence[float]) -> float:
    """The time at which so much was written, of pieces with the times at which each was."""
    due, written = first_clause_chars("".join(pieces)), 0
    for piece, at_s in zip(pieces, times_s, strict=True):
        written += len(piece)
        if written >= due:
            return at_s
    raise ValueError("nothing was written")


def _is_end(text: str, mark: re.Match[str]) -> bool:
    before = text[: mark.end()].rstrip("\"')*_")
    if len(_WORD.findall(before)) < LEAST_WORDS:
        return False
    if before.endswith(".") and (_ABBREVIATION.search(before) or _ITEM.search(before)):
        return False
    return _NUMBER.match(text, max(0, mark.start() - 1)) is None
