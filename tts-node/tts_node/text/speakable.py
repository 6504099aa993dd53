"""Written signs to words, per language: the chain of all rules, from the most specific to the plain number. Pure.

Rule: no pattern may take more than linear time, whatever the text; so repetitions are bounded, and a match
starts only where a token starts.
"""

import re
import unicodedata
from functools import lru_cache

from tts_node.text import numerals
from tts_node.text.addresses import spell_addresses
from tts_node.text.figures import figures_of
from tts_node.text.grammar import Grammar, grammar_of
from tts_node.text.moments import KOREAN_COUNT, german_ordinal, spell_dates, spell_times
from tts_node.text.quantities import set_apart, spell_money, spell_units
from tts_node.text.shorthand import write_out

_PHONE = re.compile(
    r"(?<![\w.,])(?:\+\d(?:[ \-/()\u00a0]{0,2}\d){6,14}|\(\d{2,5}\) ?\d(?:[ \-]?\d){4,9}"
    r"|0\d{1,4}[ /\-]\d(?:[ \-]?\d){4,9}|\d{3}-\d{3}-\d{4}|\d{3}-\d{4})(?![\w\-])"
)
_DOTTED = re.compile(r"(?<![\w.])v?\d{1,5}(?:\.\d{1,5}){2,7}(?![.]?\w)")  # versions, addresses
_DECADE = re.compile(r"(?<![\w.,])(\d{3}0)[’']?s\b")
_CODE = re.compile(r"(?<![\w\-])\d{1,10}(?:-\d{1,10}){2,8}(?![\w\-])")  # ISBN and its like
_RANGE = re.compile(r"(?<=\d)(?:[ \u00a0]?[–—][ \u00a0]?|-)(?=\d)")
_RATIO = re.compile(r"(?<=\d):(?=\d)")
_SUM = re.compile(r"(?<=\d)[ \u00a0]?([+=])[ \u00a0]?(?=\d)")
_GERMAN_DECADE = re.compile(r"(?<![\w.,])(\d{1,3}0)er(?=n?\b)")
_KOREAN_COUNTED = re.compile(r"(?<![\d.,])(\d{1,2}) ?(?=시간|시|개|명|살|마리|잔|권|가지|달)")
_DOT_ORDINAL = re.compile(r"(?<![\w.,:])(\d{1,4})\.[ \u00a0](?=(?P<next>\w))")
_YEARS = range(1001, 2100)
_GERMAN_BEFORE = re.compile(r"\b(?:am|vom|zum|dem|den|des|im|beim|der|die|das)\s+$", re.IGNORECASE)


def make_speakable(text: str, language: str | None) -> str:
    """The text with figures, dates, units and addresses in words; unchanged in a language without rules."""
    grammar = grammar_of(language)
    if grammar is None:
        return text
    text = _ascii_digits(text)
    if not re.search(r"[\d@&]|\w\.\w", text):
        return text
    text = spell_addresses(grammar, write_out(grammar.language, text))
    text = spell_dates(grammar, text)
    text = _PHONE.sub(lambda match: _phone(grammar, match[0]), text)
    text = _CODE.sub(lambda match: _phone(grammar, match[0]), text)
    text = _RANGE.sub(_between(grammar, grammar.to), text)
    text = spell_times(grammar, text)
    text = _DOTTED.sub(lambda match: _dotted(grammar, match[0]), text)
    text = spell_money(grammar, text)
    text = _ordinals(grammar, text)
    if grammar.language == "tr":
        text = re.sub(r"(?<!\w)%[ ]?(?=\d)(\d{1,9}(?:,\d{1,9})?)", r"\1 %", text)
    text = spell_units(grammar, text)
    text = _RATIO.sub(_between(grammar, grammar.to), text)
    text = _SUM.sub(lambda match: _between(grammar, grammar.plus if match[1] == "+" else grammar.equals), text)
    text = _number_pattern(grammar.language).sub(lambda match: _number(grammar, match), text)
    return re.sub(r"(?<!\S)&(?!\S)", grammar.ampersand, text)


def _ascii_digits(text: str) -> str:
    """Every script's digits as 0-9, so that one set of rules serves; ²and its like are no decimal digits."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(each)) if each.isdecimal() else each for each in text)


def _phone(grammar: Grammar, text: str) -> str:
    groups = re.findall(r"\d+", text)
    words = ", ".join(numerals.digits(grammar, group) for group in groups)
    return f"{grammar.plus} {words}" if text.startswith("+") else words


def _dotted(grammar: Grammar, text: str) -> str:
    if re.fullmatch(figures_of(grammar.language).grouped, text):
        return text
    parts = [numerals.whole(grammar, part) for part in re.findall(r"\d+", text)]
    space = " " if grammar.is_spaced else ""
    return ("v " if text.startswith("v") else "") + f"{space}{grammar.point}{space}".join(parts)


def _ordinals(grammar: Grammar, text: str) -> str:
    if pattern := _suffix_pattern(grammar.language):
        text = pattern.sub(lambda match: _suffixed(grammar, match), text)
    if grammar.language == "en":
        text = _DECADE.sub(lambda match: _decade(grammar, match[1]), text)
    if grammar.language == "de":
        text = _GERMAN_DECADE.sub(lambda match: f"{numerals.year(grammar, match[1])}er", text)
    if grammar.language == "ko":
        text = _KOREAN_COUNTED.sub(lambda match: f"{numerals.spell('ko', int(match[1]), KOREAN_COUNT)} ", text)
    if grammar.language in ("da", "de", "fi", "no", "tr"):
        text = _DOT_ORDINAL.sub(lambda match: _dot_ordinal(grammar, match), text)
    return text


@lru_cache(maxsize=32)
def _suffix_pattern(language: str) -> "re.Pattern[str] | None":
    grammar = grammar_of(language)
    if language == "tr":
        return re.compile(r"(?<![\w.,])(?P<number>\d{1,6})['’](?P<suffix>\w{0,2}n?c[ıiuü])(?!\w)")
    if grammar is None or not grammar.suffixes:
        return None
    endings = "|".join(re.escape(each) for each in sorted(grammar.suffixes, key=len, reverse=True))
    between = {"ru": "-", "ko": " ?"}.get(language, r"\.?")
    return re.compile(rf"(?<![\w.,])(?P<number>\d{{1,6}}){between}(?P<suffix>{endings})(?!\w)")


def _suffixed(grammar: Grammar, match: "re.Match[str]") -> str:
    rule_set = grammar.suffixes.get(match["suffix"], "spellout-ordinal")
    return numerals.spell(grammar.language, int(match["number"]), rule_set)


def _decade(grammar: Grammar, text: str) -> str:
    words = numerals.year(grammar, text)
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def _dot_ordinal(grammar: Grammar, match: "re.Match[str]") -> str:
    """`3. sal`: a dot before a small letter ends no sentence; German nouns are tall, there an article tells."""
    before = match.string[max(0, match.start() - 12) : match.start()]
    if grammar.language == "de" and _GERMAN_BEFORE.search(before):
        return numerals.spell("de", int(match[1]), german_ordinal(before)) + " "
    if match["next"].islower():
        return numerals.spell(grammar.language, int(match[1]), grammar.day or "spellout-ordinal") + " "
    return match[0]


def _between(grammar: Grammar, word: str) -> str:
    return f" {word} " if grammar.is_spaced else word


@lru_cache(maxsize=32)
def _number_pattern(language: str) -> "re.Pattern[str]":
    return re.compile(rf"(?P<sign>(?<![\w.,)])[-−])?(?P<number>{figures_of(language).pattern})(?P<year>年)?")


def _number(grammar: Grammar, match: "re.Match[str]") -> str:
    written = match["number"]
    integer, fraction = figures_of(grammar.language).taken_apart(written)
    if match["year"] and grammar.language == "zh":
        words = f"{numerals.digits(grammar, integer)}年"
    elif _is_year(written) and not match["sign"]:
        words = numerals.year(grammar, written) + (match["year"] or "")
    else:
        words = numerals.number(grammar, integer, fraction, is_negative=bool(match["sign"]))
        words += match["year"] or ""
    return set_apart(grammar, match.string, match.start(), match.end(), words)


def _is_year(written: str) -> bool:
    return len(written) == 4 and written.isdigit() and int(written) in _YEARS
