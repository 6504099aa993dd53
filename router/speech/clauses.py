"""Where a sentence may be cut: at its clauses, else between words, else between characters. Pure.

Widths are in Latin letters by the time it takes to say something, as the tts-node counts them (an ideograph 3,
kana and Hangul 2): a node cuts what is wider than 300 once more, so the two must count alike.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

_FEWEST_WORDS: Final = 3  # what is cut off is a few words at least, or it sounds chopped
_LEAST_WIDTH: Final = 15
_LOOKED_AT: Final = 20  # ends of clauses before, and as many after, the width that is wanted
SHORT_ASIDE: Final = 60  # brackets and quotations of this width stay whole
_CLOSERS: Final = "\"'”’»)\\]}」』”）】》"
# A mark counts with a space after it (not in 1,234 or 12:30), and not after a point ("e.g., …"); those of
# Chinese and Japanese need none; a dash stands between words. Between two figures none does ("May 5, 2024").
_CLAUSE_END: Final = re.compile(
    rf"(?<=[^.,;:،؛][,;:،؛])[{_CLOSERS}]*\s+|(?<=[、，；：])[{_CLOSERS}]*\s*"
    r"|(?<=\S)\s+(?=[—–]\s)|(?<=[^\W\d])\s+(?=-\s+[^\W\d])|(?<=[^\W\d]—)(?=[^\W\d])|(?<=\w——)(?=\w)"
)
_BRACKETS: Final = {
    "(": ")",
    "[": "]",
    "{": "}",
    "（": "）",
    "【": "】",
    "《": "》",
    "「": "」",
    "『": "』",
    "«": "»",
}
_QUOTES: Final = {"“": "”", "„": "“”"}
_MARK: Final = re.compile(
    '["' + "".join({*_BRACKETS, *_BRACKETS.values(), *"“”„"}).replace("]", "\\]").replace("[", "\\[") + "]"
)
UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")  # Thai, Lao, Burmese, Khmer
_SPACES_THAT_HOLD: Final = "\u00a0\u202f\u2007"
_JOINING: Final = re.compile(
    "[\u200c\u200d\u0e33\u0eb3\uff9e\uff9f\u1160-\u11ff\ud7b0-\ud7fb\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
)
_LEADING: Final = re.compile("[\u200d\u0600-\u0605\u06dd\u070f\u08e2\U000110bd\U000110cd]")
_FLAG: Final = re.compile("[\U0001f1e6-\U0001f1ff]")


def width(text: str) -> int:
    """How wide a text is: in Latin letters, by the time it takes to say."""
    return len(text) if text.isascii() else sum(map(_char_width, text))


def _char_width(each: str) -> int:
    if each < "\u3040":
        return 1
    if "\u3040" <= each <= "\u30ff" or "\uac00" <= each <= "\ud7af":
        return 2
    return 3 if "\u3400" <= each <= "\u9fff" or "\uf900" <= each <= "\ufaff" or each >= "\U00020000" else 1


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of a sentence, and whether it ends with a clause (or the sentence) rather than between words."""

    text: str
    ends_clause: bool


class Sentence:
    """A sentence that is cut from its beginning, a part at a time; each part costs only its own length."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._start = 0
        self._widths = [0, *accumulate(map(_char_width, text))]
        self._last_said = next((at for at in range(len(text) - 1, -1, -1) if text[at].isalnum()), 0)
        self._clause_ends: list[int] | None = None

    def __bool__(self) -> bool:
        return self._start < len(self._text)

    def take(self, soft: int, hard: int) -> Cut:
        """The next part: all that is left where that is no wider than `soft`, else up to a clause's end, else
        all that is left, or what `hard` leaves of it.
        """
        end, is_clause = len(self._text), True
        if self._width_to(end) > soft:
            if clause := self._clause_end(soft, hard):
                end = clause
            elif self._width_to(end) > hard:
                end, is_clause = self._word_end(hard), False
        start, self._start = self._start, end
        return Cut(self._text[start:end], is_clause)

    def _width_to(self, end: int) -> int:
        return self._widths[end] - self._widths[self._start]

    def _within(self, limit: int) -> int:
        """The furthest place that is no wider from here."""
        return bisect_right(self._widths, self._widths[self._start] + limit) - 1

    def _clause_end(self, soft: int, hard: int) -> int | None:
        """The last end of a clause within `soft`, else the first within `hard`."""
        if self._clause_ends is None:
            self._clause_ends = list(clause_ends(self._text))
        ends = self._clause_ends
        first = bisect_right(ends, self._start)
        beyond = bisect_right(ends, self._within(soft))
        last = bisect_right(ends, self._within(hard))
        candidates = [
            *reversed(range(max(first, beyond - _LOOKED_AT), beyond)),
            *range(beyond, min(last, beyond + _LOOKED_AT)),
        ]
        return next((ends[each] for each in candidates if self._leaves_enough(ends[each])), None)

    def _leaves_enough(self, end: int) -> bool:
        after = self._text[end : end + 2 * SHORT_ASIDE]
        return is_enough(self._text[self._start : end]) and is_enough(after)

    def _word_end(self, hard: int) -> int:
        """The last end of a word within `hard`, else of a character; so that either side can be said."""
        text, start = self._text, self._start
        limit = self._within(hard)
        if start < self._last_said < limit:
            limit = self._last_said
        for end in range(limit, start, -1):
            if text[end - 1].isspace() and text[end - 1] not in _SPACES_THAT_HOLD:
                if is_said(text[start:end]):
                    return end
                break
        return next((end for end in range(limit, start, -1) if not is_within_character(text, end, start)), limit)


def is_said(text: str) -> bool:
    """Whether there is a letter or a figure in it."""
    return any(each.isalnum() for each in text)


def is_enough(part: str, least: int = _LEAST_WIDTH) -> bool:
    """Whether it is a few words, at least `least` wide: less sounds chopped."""
    wide = width(part)
    is_unspaced = wide > len(part) or UNSPACED.search(part) is not None
    has_words = is_unspaced or len(part.split(maxsplit=_FEWEST_WORDS)) >= _FEWEST_WORDS
    return wide >= least and has_words and is_said(part)


def clause_ends(text: str) -> Iterator[int]:
    """Where clauses end (after the spaces that follow), in order; the text's own end is none."""
    asides, _ = asides_of(text)
    aside = 0
    for found in _CLAUSE_END.finditer(text):
        end = found.end()
        is_in_number = end < len(text) and text[end].isdigit() and text[max(0, found.start() - 2)].isdigit()
        while aside < len(asides) and asides[aside][1] <= end:
            aside += 1
        if 0 < end < len(text) and not is_in_number and not (aside < len(asides) and asides[aside][0] < end):
            yield end


def asides_of(text: str) -> tuple[list[tuple[int, int]], list[int]]:
    """Where short brackets and quotations begin and end, in order; what lies within another is not told. And where
    those begin that do not end.
    """
    found: list[tuple[int, int]] = []
    opened: list[tuple[int, str]] = []
    for mark in _MARK.finditer(text):
        each, at = mark[0], mark.start()
        if opened and each in opened[-1][1]:
            start, _ = opened.pop()
            if at + 1 - start <= SHORT_ASIDE:
                while found and found[-1][0] > start:
                    found.pop()
                found.append((start, at + 1))
        elif each in _BRACKETS or each in _QUOTES or each == '"':
            opened.append((at, '"' if each == '"' else _BRACKETS.get(each) or _QUOTES[each]))
    return found, [start for start, _ in opened]


def is_within_character(text: str, at: int, start: int = 0) -> bool:
    """Whether a cut here would part what is read as one character (UAX #29, with Indic conjuncts); `start`: where
    one is known to begin.
    """
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if unicodedata.category(after) in ("Mn", "Mc", "Me") or _JOINING.match(after) or _LEADING.match(before):
        return True
    if "\u1100" <= before <= "\u115f" and ("\u1100" <= after <= "\u115f" or "\uac00" <= after <= "\ud7a3"):
        return True
    if unicodedata.combining(before) == 9 and after.isalpha():  # a virama binds the next consonant
        return True
    flags = 0
    while flags < at - start and _FLAG.match(text[at - 1 - flags]):
        flags += 1
    return flags % 2 == 1 and _FLAG.match(after) is not None
