"""Figures to words by CLDR's rule-based number formats, whole numbers only: fractions are read digit by digit."""

import logging
from functools import lru_cache

from unicode_rbnf import RbnfEngine
from unicode_rbnf.engine import RbnfError

from tts_node.text.grammar import Grammar

_NUMBERING = "spellout-numbering"
_MAX_DIGITS = 15  # beyond, CLDR's rules give figures again; who writes more means an identifier
_ZERO = {"zh": "零", "ja": "ゼロ", "ko": "영"}  # where the rules' own zero is a sign, not a word

logging.getLogger("unicode_rbnf").setLevel(logging.ERROR)  # it warns of rule kinds it skips


@lru_cache(maxsize=32)
def _engine(language: str) -> RbnfEngine:
    return RbnfEngine.for_language(language)


@lru_cache(maxsize=8192)
def spell(language: str, number: int, rule_set: str = "") -> str:
    """The number in words by a rule set of CLDR; by plain counting where the language lacks that set."""
    if number == 0 and language in _ZERO:
        return _ZERO[language]
    for name in (rule_set, _NUMBERING):
        if not name:
            continue
        try:
            return _engine(language).format_number(number, ruleset_names=[name]).text
        except RbnfError:
            continue
    return str(number)


def digits(grammar: Grammar, text: str) -> str:
    """Each digit by itself."""
    words = [spell(grammar.language, int(each)) for each in text]
    return (" " if grammar.is_spaced else "").join(words)


def whole(grammar: Grammar, text: str, rule_set: str = "") -> str:
    """A whole number; one that starts with 0 or is very long is an identifier and read by its digits."""
    if len(text) > _MAX_DIGITS or (len(text) > 1 and text.startswith("0")):
        return digits(grammar, text)
    return spell(grammar.language, int(text), rule_set)


def number(grammar: Grammar, integer: str, fraction: str = "", *, is_negative: bool = False) -> str:
    """`-3.14` as "minus three point one four"."""
    space = " " if grammar.is_spaced else ""
    words = whole(grammar, integer)
    if fraction:
        words += f"{space}{grammar.point}{space}{digits(grammar, fraction)}"
    return f"{grammar.minus}{space}{words}" if is_negative else words


def year(grammar: Grammar, text: str) -> str:
    """`1984` as "nineteen eighty-four" where the language reads years in pairs."""
    return whole(grammar, text, grammar.year or "")
