"""A speakable text to the passages that are spoken, each whole by one provider. Pure and deterministic.

A passage is one sentence. The first ones are smaller (`FIRST_WIDTHS`), for two reasons. Sound starts when the
first passage is whole. And a fault costs more time the longer the passage it hits: with d the passage's duration,
r1 the real-time factor of the provider that is lost, r2 of the one that takes over, D the time to detect the loss
(at most 0.8 s), the listener hears a gap unless

    (r1 + r2) · d + D <= what is buffered ahead of the listener

At worst the loss comes at the passage's very end: r1·d is wasted, D passes, and r2·d is needed to speak it again.
What is buffered grows by d · (1 - r) with each passage, so passages may grow with it: by at most half, which also
keeps a provider with r <= 0.6 from falling behind on the way.

What is guaranteed:

* The passages' texts, joined, are the text, white space aside; the same text gives the same passages.
* None is wider than `HARD_WIDTH` as `clauses.width` counts, which is the tts-node's measure and cap.
* Sentences are not packed together, except tiny ones ("Yes. No. Well."), which join the next, or the one before
  at the end of a line: engines stumble over one word. A line without a mark at its end (a heading) stands alone.
* A sentence wider than its passage should be is cut at a clause, if that leaves a few words on both sides and cuts
  no number, no abbreviation, no short bracket or quotation; else it stays whole. Only beyond `HARD_WIDTH` is it
  cut between words, and only a word wider than that within, never inside a character (unless that alone is wider).
* Each passage has a letter or a figure, unless the text has none or 300 other signs in a row.
* Time grows with the text's length and no faster.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from router.domain import Passage
from router.speech.clauses import Sentence, is_said, width
from router.speech.sentences import language_of, sentences_of

HARD_WIDTH: Final = 300
FIRST_WIDTHS: Final = (50, 50, 75, 110, 160, 240)
PARAGRAPH_PAUSE_S: Final = 0.4
SENTENCE_PAUSE_S: Final = 0.2
CLAUSE_PAUSE_S: Final = 0.08

TINY: Final = 24
_TINY_LINE: Final = 12  # "Sure!" as a paragraph
JOINED_BACK: Final = 110
_WIDTH_PER_S: Final = 15.0
_FIGURE_WIDTH: Final = 4  # a figure is a word: 7 is "seven"
_SHORTEST_S: Final = 0.3
_PARAGRAPH_END: Final = re.compile(r"\n[^\S\n]*\n\s*")
_SPACES: Final = re.compile(r"[^\S\u00a0\u202f\u2007]+")  # those spaces hold the parts of a number together
_SENTENCE_END: Final = re.compile(r"[.!?。！？…।؟۔：:;；][\"'”’»)\]」』）]*$")


@dataclass(frozen=True, slots=True)
class _Stretch:
    """One sentence, or tiny ones and the next."""

    text: str
    pause_s: float
    ends_line: bool


def passages(text: str, language: str | None) -> tuple[Passage, ...]:
    """What `speakable` made, cut for speaking; `language` as BCP 47, None: by the text's script. () for a text of
    white space only. The last has no pause after it.
    """
    found: list[Passage] = []
    for stretch in _joined(_stretches(text, language_of(text, language))):
        sentence = Sentence(stretch.text)
        while sentence:
            soft = FIRST_WIDTHS[len(found)] if len(found) < len(FIRST_WIDTHS) else HARD_WIDTH
            cut = sentence.take(soft, HARD_WIDTH)
            pause_s = (CLAUSE_PAUSE_S if cut.ends_clause else 0.0) if sentence else stretch.pause_s
            found.append(Passage(cut.text.strip(), pause_s))
    return (*found[:-1], Passage(found[-1].text)) if found else ()


def expected_s(text: str, speed: float) -> float:
    """About how long it takes to say this, in seconds; always more than 0. Good to a factor of two."""
    wide = width(text) + (_FIGURE_WIDTH - 1) * sum(map(str.isdigit, text))
    return max(wide / _WIDTH_PER_S, _SHORTEST_S) / (speed if speed > 0 else 1.0)


def _stretches(text: str, language: str) -> Iterator[_Stretch]:
    for paragraph in _PARAGRAPH_END.split(text):
        lines = [line for each in paragraph.split("\n") if (line := _SPACES.sub(" ", each).strip())]
        for number, line in enumerate(lines, 1):
            sentences = [each for each in sentences_of(line, language) if each.strip()]
            for position, sentence in enumerate(sentences, 1):
                is_end = position == len(sentences)
                is_paragraph = is_end and number == len(lines)
                yield _Stretch(sentence, PARAGRAPH_PAUSE_S if is_paragraph else SENTENCE_PAUSE_S, is_end)


def _joined(stretches: Iterator[_Stretch]) -> Iterator[_Stretch]:
    """Tiny sentences with the next (the last of a line: with the one before), and what nobody can say."""
    held: _Stretch | None = None
    for stretch in stretches:
        if held is None:
            held = stretch
        elif _belong_together(held, stretch):
            text = f"{held.text}{' ' * held.ends_line}{stretch.text}"
            held = _Stretch(text, stretch.pause_s, stretch.ends_line)
        else:
            yield held
            held = stretch
    if held is not None:
        yield held


def is_tiny_line(text: str) -> bool:
    """Whether a line is too little to be spoken alone, and is no heading: that has no mark at its end."""
    return width(text) < _TINY_LINE and _SENTENCE_END.search(text) is not None


def _belong_together(first: _Stretch, second: _Stretch) -> bool:
    before, after = width(first.text), width(second.text)
    if not is_said(first.text) or not is_said(second.text):
        return before <= HARD_WIDTH
    if before + 1 + after > HARD_WIDTH:
        return False
    if first.ends_line:
        return is_tiny_line(first.text)
    is_last_tiny = second.ends_line and after < TINY and before + after <= JOINED_BACK
    return before < TINY or is_last_tiny
