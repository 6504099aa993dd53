"""A long text cut where a speaker breathes: whole sentences packed into what an engine speaks well. Pure.

An over-long sentence is cut at its clauses, an over-long clause at its words, an over-long word anywhere but
inside a character. Nothing is lost and nothing repeated: the pieces join to the text, spaces aside.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import sentencex

from tts_node.domain import Piece
from tts_node.text.tags import words_of

PARAGRAPH_PAUSE_S = 0.4
SENTENCE_PAUSE_S = 0.2
CLAUSE_PAUSE_S = 0.1
_FIRST_WIDTH = 40  # the first piece ends with the first sentence beyond this: what is short is heard sooner
_CLAUSE_END = re.compile(r"(?<=[,;:،؛])\s+|(?<=[、，；：])|\s+(?=[—–] )")
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n\s*")


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of text with the spaces after it, and the pause if a piece ends there."""

    text: str
    pause_s: float


def width(text: str) -> int:
    """Its length in Latin letters, by the time it takes to say: an ideograph is a syllable and more.

    Engines have a limit of time, not of signs: 300 Chinese characters are over a minute, beyond
    Chatterbox's 40 seconds; 300 Latin letters are about 20 s.
    """
    return len(text) if text.isascii() else sum(map(_char_width, text))


def _char_width(each: str) -> int:
    if each < "\u3040":
        return 1
    if "\u3040" <= each <= "\u30ff" or "\uac00" <= each <= "\ud7af":
        return 2
    return 3 if "\u3400" <= each <= "\u9fff" or "\uf900" <= each <= "\ufaff" or each >= "\U00020000" else 1


def pieces_of(text: str, language: str | None, cap: int) -> tuple[Piece, ...]:
    """Pieces of at most `cap` (as `width` counts) with the pause after each; the last has none."""
    packed = _packed(_sentences(text, language or "en", cap), cap, first=_FIRST_WIDTH)
    found = [Piece(part.text.strip(), part.pause_s) for part in packed if part.text.strip()]
    return (*found[:-1], Piece(found[-1].text)) if found else ()


def _sentences(text: str, language: str, cap: int) -> Iterator[Part]:
    for paragraph in _PARAGRAPH_END.split(text):
        line = " ".join(paragraph.split())
        sentences = [each for each in sentencex.segment(language, line) if each]
        for number, sentence in enumerate(sentences, 1):
            pause_s = PARAGRAPH_PAUSE_S if number == len(sentences) else SENTENCE_PAUSE_S
            yield from _cut(Part(sentence, pause_s), cap, (_clauses, words_of, _characters))


def _cut(part: Part, cap: int, ways: tuple[Callable[[str], Iterable[str]], ...]) -> Iterator[Part]:
    """The part itself where it is short enough, else its parts by the first of the ways that is left."""
    if width(part.text.rstrip()) <= cap or not ways:
        yield part
        return
    pause_s = CLAUSE_PAUSE_S if ways[0] is _clauses else 0.0
    smaller = [each for text in ways[0](part.text) for each in _cut(Part(text, pause_s), cap, ways[1:])]
    *before, last = _packed(smaller, cap)
    yield from before
    yield Part(last.text, part.pause_s)


def _clauses(text: str) -> list[str]:
    parts, start = [], 0
    for match in _CLAUSE_END.finditer(text):
        parts.append(text[start : match.end()])
        start = match.end()
    return [each for each in (*parts, text[start:]) if each]


def _characters(text: str) -> list[str]:
    """Base characters with the marks that belong to them."""
    found: list[str] = []
    for each in text:
        if found and unicodedata.combining(each) and len(found[-1]) < 8:
            found[-1] += each
        else:
            found.append(each)
    return found


def _packed(parts: Iterable[Part], cap: int, first: int = 0) -> Iterator[Part]:
    """Neighbours joined while they fit, never over a paragraph's end. `first`: enough for the first of all."""
    held: list[str] = []
    held_width, pause_s = 0, 0.0
    is_first = bool(first)
    for part in parts:
        wide = width(part.text)
        is_full = held_width + width(part.text.rstrip()) > cap or pause_s == PARAGRAPH_PAUSE_S
        if held and (is_full or (is_first and held_width >= first)):
            yield Part("".join(held), pause_s)
            held, held_width, is_first = [], 0, False
        held.append(part.text)
        held_width += wide
        pause_s = part.pause_s
    if held:
        yield Part("".join(held), pause_s)
