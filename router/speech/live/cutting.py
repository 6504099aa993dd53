"""Text that goes on, cut into passages as soon as each is certain. Pure; the rules of `segments`, from in front.

Sound starts with the first passage, so that is the first clause of a few words; where none ends early, what stands
before a phrase, or behind a word that holds on to nothing. While a passage plays, the next is made: at worst in
0.4 s and 0.3 of what it lasts. So each may be half as wide again as all before it, until the widths of `segments`
are reached.
"""
# ruff: noqa: RUF001 - marks of many scripts are meant

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from router.domain import Passage
from router.speech.clauses import Sentence, is_enough, is_said, width
from router.speech.live.ends import certain_clause_ends, sentence_ends
from router.speech.live.phrases import loose_ends, phrase_starts
from router.speech.live.reading import Said
from router.speech.live.settling import LEAST_WIDTH, Settling
from router.speech.segments import (
    CLAUSE_PAUSE_S,
    FIRST_WIDTHS,
    HARD_WIDTH,
    JOINED_BACK,
    PARAGRAPH_PAUSE_S,
    SENTENCE_PAUSE_S,
    TINY,
    is_tiny_line,
)
from router.speech.sentences import language_of

QUICK_WIDTH: Final = 18  # of the first passage, at the least: 1.2 s of speech
LATER_WIDTHS: Final = (45, *FIRST_WIDTHS[2:])  # of the second and the next
_LEAST_SENTENCE: Final = 10  # wide, for the first passage: "Of course!"
_RATHER_WHOLE: Final = 4  # wider the first passage may be, to be a whole clause
_OPENING_WIDTH: Final = 50  # up to which it may end before a phrase
_PHRASED: Final = 3  # passages that may end before a phrase
_MOST_HUNGRY: Final = 2 * _OPENING_WIDTH
_GROWTH: Final = 1.5
_SLACK: Final = 1.1  # by which a whole sentence may be wider than it should be
_AHEAD_WIDTH: Final = 60  # given out: so much that the end of a sentence may wait for 24 letters more
_LOOKED_AT: Final = 400  # letters that tell the language
_BREAK: Final = re.compile(r"(\n+)")
_WINDOW: Final = 3 * HARD_WIDTH  # of the line, that is looked at: enough for a passage and what follows it
_MARKS: Final = ".!?…,;:。！？，；：\"'”’»)]"


@dataclass(frozen=True, slots=True)
class _Cut:
    end: int
    pause_s: float


@dataclass(frozen=True, slots=True)
class _View:
    """What there is to cut: `line` is whole words, `seen` is that and how it goes on. `end_pause_s`: the line has
    ended, with this pause.
    """

    line: str
    seen: str
    ends: tuple[int, ...]
    end_pause_s: float | None

    def cut(self, end: int) -> _Cut:
        """A cut at the end of a sentence or of the line."""
        is_end = self.end_pause_s is not None and end == len(self.seen)
        return _Cut(end, self.end_pause_s if is_end and self.end_pause_s is not None else SENTENCE_PAUSE_S)


class Cutting:
    """Cuts what it is given, a little at a time. `language` as BCP 47, None: by the text's script; `quick_width`:
    of the first passage."""

    def __init__(self, language: str | None, quick_width: int = QUICK_WIDTH) -> None:
        self._quick_width = quick_width
        self._widths = (quick_width + _RATHER_WHOLE, *LATER_WIDTHS, HARD_WIDTH)
        self._wanted = language
        self._heard = ""
        self._language = language_of("", language)
        self._line = ""
        self._settling = Settling()
        self._is_settled = False  # what was given out last may go on with a mark
        self._count = 0
        self._given_width = 0

    @property
    def is_hungry(self) -> bool:
        """Whether each word counts: soon, or in vain, it does not."""
        return self._count < _PHRASED and len(self._line) <= _MOST_HUNGRY

    def take(self, said: Said) -> list[Passage]:
        """The passages that are certain with this."""
        found: list[Passage] = []
        if said.text and len(self._heard) < _LOOKED_AT:
            self._heard += said.text
            self._language = language_of(self._heard, self._wanted)
        for part in _BREAK.split(self._unmarked(said.text)):
            if part.startswith("\n"):
                found += self._end_line(PARAGRAPH_PAUSE_S if len(part) > 1 else SENTENCE_PAUSE_S)
            else:
                self._line = self._line + part if self._line else part.lstrip()
        return [*found, *self._drain(said.ahead, None)]

    def _unmarked(self, text: str) -> str:
        """Without the marks that belong to what was given out: nobody could say them alone."""
        if not self._is_settled or not text:
            return text
        rest = text.lstrip(_MARKS)
        self._is_settled = not rest
        return rest

    def settle(self, glimpsed: str, last_word: str) -> list[Passage]:
        """All that is there and what is `glimpsed` of more, where that seems to end something; else nothing.
        `last_word` as it is written: what is code need not look so.
        """
        line = (self._line + glimpsed).rpartition("\n")[2].rstrip()
        mark = self._settling.pause_after(line, self._language) if "`" not in last_word else None
        if mark is None:
            return []
        found = self.take(Said(glimpsed))
        found += self._drain("", CLAUSE_PAUSE_S if mark in ",;،؛、，；" else SENTENCE_PAUSE_S)
        self._is_settled = True
        return found

    def close(self, said: Iterable[Said]) -> list[Passage]:
        """All the rest; the last of it has no pause."""
        found = [passage for each in said for passage in self.take(each)]
        found += self._drain("", 0.0)
        return [*found[:-1], replace(found[-1], pause_s=0.0)] if found else []

    def _end_line(self, pause_s: float) -> Iterator[Passage]:
        line = self._line.strip()
        if line and (not is_said(line) or is_tiny_line(line)) and width(line) < HARD_WIDTH:
            self._line = f"{line} "  # too little to be spoken: it joins the next line
        else:
            yield from self._drain("", pause_s)
        if pause_s == PARAGRAPH_PAUSE_S:
            self._settling.end_paragraph()

    def _drain(self, ahead: str, end_pause_s: float | None) -> Iterator[Passage]:
        while self._line.strip() and (cut := self._next(self._view(ahead, end_pause_s))):
            text = (self._line + ahead)[: cut.end].strip()
            self._line = self._line[cut.end :].lstrip()
            if is_said(text):
                self._count += 1
                self._given_width += width(text)
                self._settling.give(text, is_end=cut.pause_s >= SENTENCE_PAUSE_S)
                yield Passage(text, cut.pause_s)

    def _view(self, ahead: str, end_pause_s: float | None) -> _View:
        line = self._line
        if len(line) > _WINDOW:
            line, ahead, end_pause_s = line[:_WINDOW], "", None
        seen = line + ahead
        ends = sentence_ends(seen, len(line), self._language)
        if end_pause_s is not None:  # a rest that nobody can say is not left over
            ends = [*(end for end in ends if is_said(seen[end:])), len(seen)]
        return _View(line, seen, tuple(ends), end_pause_s)

    def _next(self, view: _View) -> _Cut | None:
        if self._count == 0 and (cut := self._opening(view)):
            return cut
        unit = next((end for end in view.ends if self._stands_alone(view, end)), None)
        soft = min(self._widths[min(self._count, len(self._widths) - 1)], self._most())
        if unit is None:
            return self._begun(view, soft)
        text = view.seen[:unit]
        if width(text.strip()) <= min(soft * _SLACK, HARD_WIDTH):
            return view.cut(unit)
        if (small := self._small_sentence(view, unit, soft)) is not None:
            return view.cut(small)
        part = Sentence(text).take(soft, HARD_WIDTH)
        if len(part.text) < unit:
            return _Cut(len(part.text), CLAUSE_PAUSE_S if part.ends_clause else 0.0)
        return self._phrase(text, soft, is_open=False) or view.cut(unit)

    def _small_sentence(self, view: _View, unit: int, soft: int) -> int | None:
        """The end of a sentence that would be joined to the next, were that not too much at once."""
        ends = [end for end in view.ends if end < unit and is_enough(view.seen[:end], LEAST_WIDTH)]
        return next((end for end in reversed(ends) if width(view.seen[:end].strip()) <= soft), None)

    def _most(self) -> int:
        return round(max(_GROWTH * self._given_width, QUICK_WIDTH)) if self._count else _OPENING_WIDTH

    def _stands_alone(self, view: _View, end: int) -> bool:
        text, rest = view.seen[:end], view.seen[end:]
        if not is_said(text):
            return False
        if end == len(view.seen):
            return True
        if not (is_enough(text, LEAST_WIDTH) if self._count < 2 else width(text) >= TINY):
            return False
        is_last_tiny = self._given_width >= _AHEAD_WIDTH and width(rest) < TINY
        return (
            not is_last_tiny or width(text) + (width(rest) if view.end_pause_s is not None else TINY) > JOINED_BACK
        )

    def _opening(self, view: _View) -> _Cut | None:
        """The end of the first passage, if it is a small one."""
        clauses = certain_clause_ends(view.seen)
        places = sorted({*view.ends, *clauses})
        first = next((at for at in places if self._is_opening(view, at)), None)
        if first is not None and width(view.seen[:first].strip()) <= self._quick_width + _RATHER_WHOLE:
            return view.cut(first) if first in view.ends else _Cut(first, CLAUSE_PAUSE_S)
        if width(view.line) <= self._quick_width + _RATHER_WHOLE:
            return None
        return self._phrase(view.line, self._quick_width, is_open=True)

    def _is_opening(self, view: _View, end: int) -> bool:
        """Two words are enough for a sentence: "Great question!" """
        text = view.seen[:end]
        if end in view.ends and len(text.split()) > 1:
            return width(text.strip()) >= _LEAST_SENTENCE
        return is_enough(text, LEAST_WIDTH)

    def _phrase(self, line: str, soft: int, *, is_open: bool) -> _Cut | None:
        """Before the last phrase that begins within `soft`, else before the next; `is_open`: more will follow."""
        if self._count >= _PHRASED:
            return None
        language = None if self._wanted is None and self._language == "en" else self._language
        starts = phrase_starts(line, language)
        if not self._count:  # whoever waits for the first sound
            starts += [(at, False) for at in loose_ends(line, language)]
        starts = [(at, is_good) for at, is_good in starts if is_enough(line[:at], LEAST_WIDTH)]
        if not is_open:
            starts = [(at, is_good) for at, is_good in starts if is_enough(line[at:], LEAST_WIDTH)]
        within = [(is_good, at) for at, is_good in starts if width(line[:at].strip()) <= soft]
        beyond = [at for at, _ in sorted(starts) if soft < width(line[:at].strip()) <= max(soft, _OPENING_WIDTH)]
        if within:
            return _Cut(max(within)[1], 0.0)
        return _Cut(beyond[0], 0.0) if beyond else None

    def _begun(self, view: _View, soft: int) -> _Cut | None:
        """Where a sentence is cut that has not ended: at a clause, once there are a few words on both sides."""
        seen = view.seen
        if width(view.line.strip()) <= soft:
            return None
        ends = [end for end in certain_clause_ends(seen) if is_enough(seen[:end]) and _fits(seen[:end])]
        within = [end for end in ends if width(seen[:end].strip()) <= soft]
        end = next(iter(within[::-1] or ends), None)
        if end is not None:
            if is_enough(seen[end:]):
                return _Cut(end, CLAUSE_PAUSE_S)
            if width(view.line) <= HARD_WIDTH:
                return None
        elif cut := self._phrase(view.line, soft, is_open=True):
            return cut
        if width(view.line) <= HARD_WIDTH:
            return None
        part = Sentence(view.line).take(soft, HARD_WIDTH)
        return _Cut(len(part.text), CLAUSE_PAUSE_S if part.ends_clause else 0.0)


def _fits(text: str) -> bool:
    return width(text.strip()) <= HARD_WIDTH
