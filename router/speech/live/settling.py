"""Whether a text whose writer has paused has ended something, by what stands there and nothing else. Pure.

On a slow machine each token is followed by a pause, so what is asked is not "could a sentence end here?" but
"could it hardly go on?": `example.` may become example.com, `approx.` and `J.` go on, and so do quotations and
brackets. What waits here without need is said with the next word, so a rule that waits too often costs little.

What remains possible: a name of a file, a package or a host in plain letters, at the end of at least four words,
that is in no list here ("I wrote all of it in Foobar." and then "js"); an abbreviation that no list knows; a colon
before the rest of an emoticon or of `a::b`. It is then two passages, with a pause between; nothing is lost.
"""
# ruff: noqa: RUF001 - marks of many scripts are meant

import re
from typing import Final

from router.speech.clauses import asides_of, is_enough, width
from router.speech.live.ends import certain_clause_ends, sentence_ends
from router.speech.live.places import CJK_MARKS
from router.speech.live.wordlists import ABBREVIATIONS, NAMING, PRONOUNS, SCHEMES, STEMS
from router.speech.sentences import sentences_of

LEAST_WIDTH: Final = 12
_FEWEST_WORDS: Final = 4  # of a sentence that ends with a point
_MOST_KEPT: Final = 400
_END: Final = re.compile(rf"(?P<word>[^\s{CJK_MARKS}]*?)(?P<mark>[.!?,;:،؛؟।{CJK_MARKS}]+)[)\]）］】]*\Z")
_OPENERS: Final = "([{“„«\"'‘¿¡（「『【*_"
_CODE: Final = re.compile(r"[\d_/\\@=<>|#$%^+~*`.:&(){}\[\]]|[a-z][A-Z]")
_SINGLE_OPENED: Final = re.compile(r"(?<!\w)['‘](?=\w)")
_SINGLE_CLOSED: Final = re.compile(r"(?<=[\w.,!?])['’](?!\w)")
_WORDS: Final = re.compile(r"\w+")


class Settling:
    """Knows what of the paragraph is given out already: the sentence may have begun there, or a quotation."""

    def __init__(self) -> None:
        self._opened = ""
        self._words = 0

    def give(self, text: str, *, is_end: bool) -> None:
        """A passage is given out; `is_end`: it ends with a sentence."""
        opened = f"{self._opened} {text}"
        _, places = asides_of(opened)
        self._opened = opened[places[0] :] if places and len(opened) - places[0] <= _MOST_KEPT else ""
        self._words = 0 if is_end else self._words + len(_WORDS.findall(text))

    def end_paragraph(self) -> None:
        """What was open is so no more."""
        self._opened, self._words = "", 0

    def pause_after(self, line: str, language: str) -> str | None:
        """The mark that has ended something, where there is one: of a sentence or a clause."""
        found = _END.search(line[-80:])
        if found is None or self._is_open(line):
            return None
        mark, word = found["mark"][-1], found["word"].lstrip(_OPENERS).rstrip(")]")
        if mark in CJK_MARKS:
            return mark if is_enough(line, LEAST_WIDTH) else None
        return mark if self._is_plain(word, mark) and self._has_enough(line, mark, language) else None

    def _is_open(self, line: str) -> bool:
        if asides_of(f"{self._opened} {line}")[1]:
            return True
        return len(_SINGLE_OPENED.findall(line)) > len(_SINGLE_CLOSED.findall(line))

    def _is_plain(self, word: str, mark: str) -> bool:
        """Whether it can be the last word of something, and nothing that the mark is a part of."""
        if not word:
            return mark in "!?؟।"  # with a space before it, as in French
        lower = word.lower()
        if len(word) < 2 or _CODE.search(word) or lower in ABBREVIATIONS:
            return False
        if mark == ":":
            return lower not in SCHEMES
        return mark != "." or lower not in STEMS

    def _has_enough(self, line: str, mark: str, language: str) -> bool:
        if mark in ",;:،؛":
            seen = f"{line} X"
            return is_enough(line, LEAST_WIDTH) and len(line) + 1 in certain_clause_ends(seen)
        *before, last = sentences_of(line, language)
        words = _WORDS.findall(last)
        count = len(words) + (0 if before else self._words)
        if mark == "." and (count < _FEWEST_WORDS or self._names_a_place(words)):
            return False
        seen = f"{line} X"
        is_end = len(line) + 1 in sentence_ends(seen, len(line), language)
        return is_end and count > 1 and width(line) >= LEAST_WIDTH

    def _names_a_place(self, words: list[str]) -> bool:
        if len(words) < 2 or not words[-1].islower() or words[-1] in PRONOUNS:
            return False
        return words[-2].lower() in NAMING
