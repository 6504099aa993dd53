"""Dates and times: `2024-05-03`, `3. Mai 2024`, `May 3rd`, `14:30`, read as each language reads them. Pure."""

import re
from datetime import date
from functools import lru_cache

from babel.dates import format_date

from tts_node.text import numerals
from tts_node.text.figures import LETTER, locale_of
from tts_node.text.grammar import Grammar
from tts_node.text.quantities import plain, unit_pattern

_ISO = re.compile(rf"(?<!{LETTER})(?<![.\-/])(\d{{4}})-(\d{{1,2}})-(\d{{1,2}})(?!{LETTER}|[\-/])")
_NUMERIC = re.compile(
    rf"(?<!{LETTER})(?<![.\-/])(\d{{1,4}})([./\-])(\d{{1,2}})\2(\d{{4}}|\d{{2}})(?!{LETTER}|[\-/]|\.\d)"
)
_CLOCK = re.compile(
    rf"(?<!{LETTER})(?<![:.,])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?"
    rf"(?:(?P<half>[ \u00a0]?[aApP]\.?[mM]\b\.?)|(?!{LETTER}|:)(?P<uhr>[ \u00a0]Uhr\b)?)"
)
_FRENCH_CLOCK = re.compile(r"(?<![\w:.,])(?P<hour>[01]?\d|2[0-4])[ \u00a0]?h[ \u00a0]?(?P<minute>[0-5]\d)(?!\w)")
_AFTER_PREPOSITION = re.compile(r"(?:\b(?:am|vom|zum|dem|den|im|beim|seit|ab|bis)\s+)$", re.IGNORECASE)
_AFTER_ARTICLE = re.compile(r"(?:\b(?:der|die|das)\s+)$", re.IGNORECASE)
KOREAN_COUNT = "spellout-cardinal-native-attributive"  # things are counted in Korean, the rest in Chinese
_HOUR_SIGNS = {"zh": ("点", "分"), "ja": ("時", "分"), "ko": ("시", "분")}


def spell_dates(grammar: Grammar, text: str) -> str:
    """Numeric dates first become dates with the month's name, then days and years become words."""
    text = _ISO.sub(lambda match: _long(grammar, match, (match[1], match[2], match[3])), text)
    text = _NUMERIC.sub(lambda match: _numeric(grammar, match), text)
    if not grammar.is_spaced or grammar.language == "ko":
        return text  # 2024年5月3日: figures with their signs, read like any
    for pattern in _month_patterns(grammar.language):
        text = pattern.sub(lambda match: _day_and_year(grammar, match), text)
    return text


@lru_cache(maxsize=32)
def _order(language: str) -> str:
    """Which of y, M, d comes first, second, third in a short date."""
    letters = re.findall(r"[yMd]+", str(locale_of(language).date_formats["short"].pattern))
    return "".join(each[0] for each in letters)


def _numeric(grammar: Grammar, match: "re.Match[str]") -> str:
    """Dots make a date only where dates are written with them: elsewhere `1.2.34` is a version."""
    short = str(locale_of(grammar.language).date_formats["short"].pattern)
    if match[2] == "." and "." not in short:
        return match[0]
    return _long(grammar, match, _in_order(grammar, match))


def _in_order(grammar: Grammar, match: "re.Match[str]") -> tuple[str, str, str]:
    """Year, month and day of a numeric date; a first number that cannot be a month is a day."""
    first, second, third = match[1], match[3], match[4]
    if len(first) == 4:
        return first, second, third
    if _order(grammar.language).startswith("M") and int(first) <= 12:
        return third, first, second
    return third, second, first


def _long(grammar: Grammar, match: "re.Match[str]", parts: tuple[str, str, str]) -> str:
    year, month, day = (int(part) for part in parts)
    if len(parts[0]) <= 2:
        year += 2000 if year < 50 else 1900
    try:
        return plain(str(format_date(date(year, month, day), "long", locale=locale_of(grammar.language))))
    except ValueError:
        return match[0]


@lru_cache(maxsize=32)
def _month_patterns(language: str) -> tuple["re.Pattern[str]", ...]:
    locale = locale_of(language)
    names = {str(name) for form in ("format", "stand-alone") for name in locale.months[form]["wide"].values()}
    names |= set(_short_months()) if language == "en" else set()
    months = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    tail = r"(?P<gap>,?[ \u00a0](?:de[ \u00a0])?)(?P<year>\d{4})(?!\d)(?P<of>[ \u00a0]г\.?(?!\w))?"
    suffix = r"(?:\.|st|nd|rd|th|er|º|ª)?"
    day = rf"(?<![\w.,/:\-])(?P<day>[0-3]?\d){suffix}[ \u00a0](?P<de>de[ \u00a0])?"
    day_first = rf"{day}(?P<month>ב?(?:{months}))\b(?:{tail})?"
    month_first = rf"\b(?P<month>{months})\.?[ \u00a0](?P<day>[0-3]?\d){suffix}(?![\w:.,]?\d)\b(?:{tail})?"
    flags = re.IGNORECASE if language not in ("en", "de") else re.NOFLAG
    first = re.compile(day_first, flags)
    return (first, re.compile(month_first, flags)) if language == "en" else (first,)


def _day_and_year(grammar: Grammar, match: "re.Match[str]") -> str:
    day = _day(grammar, match)
    year = f"{match['gap']}{_date_year(grammar, match['year'])}" if match["year"] else ""
    year += " года" if match["of"] else ""
    month = _short_months().get(match["month"], match["month"]) if grammar.language == "en" else match["month"]
    if match.start("month") < match.start("day"):
        return f"{month} {day}{year}"
    return f"{day} {match.groupdict().get('de') or ''}{month}{year}"


@lru_cache(maxsize=1)
def _short_months() -> dict[str, str]:
    """English ones, with their names: `Jan 5` is January."""
    months = locale_of("en").months["format"]
    found = {str(short): str(months["wide"][number]) for number, short in months["abbreviated"].items()}
    return found | {"Sept": "September"}


def _date_year(grammar: Grammar, text: str) -> str:
    if grammar.language == "ru":  # "of the year …": the rules' year is this genitive
        return numerals.whole(grammar, text, "spellout-numbering-year")
    return numerals.year(grammar, text)


def _day(grammar: Grammar, match: "re.Match[str]") -> str:
    rule_set = grammar.day or (grammar.first if int(match["day"]) == 1 else "")
    if grammar.language == "de":
        rule_set = german_ordinal(match.string[max(0, match.start() - 12) : match.start()])
    return numerals.spell(grammar.language, int(match["day"]), rule_set)


def german_ordinal(before: str) -> str:
    """The rule set of a German ordinal by the word before it: am dritten, der dritte, dritter."""
    if _AFTER_PREPOSITION.search(before):
        return "spellout-ordinal-n"
    return "spellout-ordinal" if _AFTER_ARTICLE.search(before) else "spellout-ordinal-r"


def spell_times(grammar: Grammar, text: str) -> str:
    """`3:05 pm` as "three oh five pm", `14:30 Uhr` as "vierzehn Uhr dreißig"."""
    if grammar.language == "fr":
        text = _FRENCH_CLOCK.sub(lambda match: _clock(grammar, match), text)
    return _CLOCK.sub(lambda match: _clock(grammar, match), text)


def _clock(grammar: Grammar, match: "re.Match[str]") -> str:
    parts = match.groupdict()
    hour, minute = int(parts["hour"]), int(parts["minute"])
    half = parts.get("half") or ""
    words = _hour_and_minute(grammar, hour, minute, has_half=bool(half))
    if second := parts.get("second"):
        words += f" {numerals.spell(grammar.language, int(second))}"
    return words + (f" {half.strip()}" if half else "")


def _hour_and_minute(grammar: Grammar, hour: int, minute: int, *, has_half: bool) -> str:
    language = grammar.language
    hours, minutes = numerals.spell(language, hour), numerals.spell(language, minute)
    if signs := _HOUR_SIGNS.get(language):
        if language == "ko" and 1 <= hour <= 12:
            hours = numerals.spell(language, hour, KOREAN_COUNT)
        space = " " if grammar.is_spaced else ""
        tail = f"{space}{minutes}{space}{signs[1]}" if minute else ""
        return f"{hours}{space}{signs[0]}{tail}"
    if language == "de":
        hours = numerals.spell(language, hour, grammar.counting)
        return f"{hours} Uhr {minutes}" if minute else f"{hours} Uhr"
    if language == "en":
        return _english_time(hours, minutes, minute, is_round=has_half or hour > 12 or hour == 0)
    if language == "fr" or not minute:
        pattern = unit_pattern(grammar, "duration-hour", f"{hour}.0") or "{0}"
        hours = pattern.format(numerals.spell(language, hour, _hour_gender(grammar)))
    return f"{hours} {minutes}" if minute else hours


def _hour_gender(grammar: Grammar) -> str:
    return "spellout-cardinal-feminine" if "duration-hour" in grammar.feminine_units else grammar.counting


def _english_time(hours: str, minutes: str, minute: int, *, is_round: bool) -> str:
    if minute == 0:
        return hours if is_round else f"{hours} o'clock"
    return f"{hours} oh {minutes}" if minute < 10 else f"{hours} {minutes}"
