"""Where a text that goes on may be cut: where its sentences and its clauses end for certain. Pure.

`seen` is what is there, and how it goes on as far as that is known (a space and a letter is enough, mostly).
"""

import re
from heapq import merge
from itertools import accumulate
from typing import Final

from router.speech.clauses import SHORT_ASIDE, asides_of, clause_ends
from router.speech.sentences import sentences_of

_NUMBERED: Final = re.compile(r"\d\.\s*\Z")
_ENUMERATED: Final = re.compile(r"(?:\A|[.!?:;]\W*\s)\W*\d{1,9}\.\s*\Z")  # the 1. of a list is no sentence
# Thai, Lao, Khmer and Burmese set no space between words and few marks: a space ends a clause, but for a figure or
# the sign that repeats a word.
_UNSPACED_LETTER: Final = "\u0e00-\u0e4f\u0e81-\u0ecd\u1000-\u103f\u1780-\u17d3"
_UNSPACED_GAP: Final = re.compile(rf"(?<=[{_UNSPACED_LETTER}]) +(?=(?![\u0e46\u0ec6\u17d7])[{_UNSPACED_LETTER}])")
_ORDINAL: Final = re.compile(r"(?<!\d)\d{1,2}\.\s*\Z")
# "am 3. Oktober": in these the point after a figure makes it the third. Few sentences end with one.
_ORDINALS: Final = frozenset(re.findall(r"\w+", "cs da de et fi hr hu lv nb nn no pl sk sl sr tr"))


def sentence_ends(seen: str, known: int, language: str) -> list[int]:
    """The ends of sentences, with the spaces after them, in order; of what is there, `known` are whole words."""
    *sentences, _ = [*sentences_of(seen, language), ""] if not seen else list(sentences_of(seen, language))
    return [end for end in accumulate(map(len, sentences)) if _is_certain(seen[:end], end < known, language)]


def _is_certain(sentence: str, is_next_known: bool, language: str) -> bool:
    """A figure and a point may be anything before the whole next word is there."""
    if not _NUMBERED.search(sentence[-12:]):
        return True
    is_ordinal = language in _ORDINALS and _ORDINAL.search(sentence[-12:])
    return is_next_known and not is_ordinal and not _ENUMERATED.search(sentence[-24:])


def certain_clause_ends(seen: str) -> list[int]:
    """The ends of clauses; none within a bracket or a quotation that may yet turn out to be short."""
    _, opened = asides_of(seen)
    open_at = next((at for at in opened if len(seen) - at <= SHORT_ASIDE), len(seen))
    gaps = (found.end() for found in _UNSPACED_GAP.finditer(seen))
    return [end for end in merge(clause_ends(seen), gaps) if end <= open_at]
