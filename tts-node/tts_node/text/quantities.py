"""Money, percentages and units: `€3.50`, `12 km`, `20 %`, `5 °C` as CLDR names them, in the right plural. Pure."""

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache

from babel.core import UnknownLocaleError
from babel.numbers import format_decimal, get_currency_name
from babel.units import UnknownUnitError, format_unit

from tts_node.text import numerals
from tts_node.text.figures import LETTER, figures_of, locale_of
from tts_node.text.grammar import Grammar

CURRENCY_SIGNS = {
    "US$": "USD",
    "$": "USD",
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "￥": "JPY",
    "₹": "INR",
    "₽": "RUB",
    "₩": "KRW",
    "₺": "TRY",
    "₪": "ILS",
    "zł": "PLN",
    "R$": "BRL",
    "RM": "MYR",
}
_CODES = "USD|EUR|GBP|JPY|CNY|INR|RUB|KRW|TRY|ILS|PLN|CHF|SEK|NOK|DKK|CAD|AUD|BRL|MXN"
# What everybody says, where CLDR is exact.
_SHORT_NAMES = {
    ("en", "USD"): ("dollar", "dollars"),
    ("en", "GBP"): ("pound", "pounds"),
    ("en", "JPY"): ("yen", "yen"),
    ("de", "USD"): ("Dollar", "Dollar"),
    ("de", "GBP"): ("Pfund", "Pfund"),
    ("fr", "USD"): ("dollar", "dollars"),
    ("fr", "GBP"): ("livre", "livres"),
    ("es", "USD"): ("dólar", "dólares"),
    ("es", "GBP"): ("libra", "libras"),
    ("it", "USD"): ("dollaro", "dollari"),
    ("pt", "USD"): ("dólar", "dólares"),
    ("nl", "USD"): ("dollar", "dollar"),
    ("zh", "CNY"): ("元", "元"),
    ("tr", "TRY"): ("lira", "lira"),
}
UNITS = {
    "%": "concentr-percent",
    "‰": "concentr-permille",
    "°C": "temperature-celsius",
    "℃": "temperature-celsius",
    "°F": "temperature-fahrenheit",
    "℉": "temperature-fahrenheit",
    "°": "angle-degree",
    "km/h": "speed-kilometer-per-hour",
    "kmh": "speed-kilometer-per-hour",
    "m/s": "speed-meter-per-second",
    "mph": "speed-mile-per-hour",
    "km²": "area-square-kilometer",
    "m²": "area-square-meter",
    "cm²": "area-square-centimeter",
    "m³": "volume-cubic-meter",
    "cm³": "volume-cubic-centimeter",
    "km": "length-kilometer",
    "cm": "length-centimeter",
    "mm": "length-millimeter",
    "µm": "length-micrometer",
    "nm": "length-nanometer",
    "m": "length-meter",
    "kg": "mass-kilogram",
    "mg": "mass-milligram",
    "g": "mass-gram",
    "lb": "mass-pound",
    "lbs": "mass-pound",
    "oz": "mass-ounce",
    "ml": "volume-milliliter",
    "mL": "volume-milliliter",
    "cl": "volume-centiliter",
    "dl": "volume-deciliter",
    "l": "volume-liter",
    "L": "volume-liter",
    "ft": "length-foot",
    "mi": "length-mile",
    "kWh": "energy-kilowatt-hour",
    "kW": "power-kilowatt",
    "MW": "power-megawatt",
    "W": "power-watt",
    "V": "electric-volt",
    "mA": "electric-milliampere",
    "Hz": "frequency-hertz",
    "kHz": "frequency-kilohertz",
    "MHz": "frequency-megahertz",
    "GHz": "frequency-gigahertz",
    "KB": "digital-kilobyte",
    "kB": "digital-kilobyte",
    "MB": "digital-megabyte",
    "GB": "digital-gigabyte",
    "TB": "digital-terabyte",
    "hPa": "pressure-hectopascal",
    "ms": "duration-millisecond",
    "min": "duration-minute",
    "h": "duration-hour",
}
# A language's own money needs no country: where its plain name stands in CLDR's full one, and its sign.
_HOME = {
    "pl": ("PLN", 0, "zł"),
    "ko": ("KRW", -1, "₩"),
    "hi": ("INR", -1, "₹"),
    "he": ("ILS", 0, "₪"),
    "tr": ("TRY", -1, "₺"),
    "ru": ("RUB", -1, "₽"),
    "sv": ("SEK", -1, "kr"),
    "no": ("NOK", -1, "kr"),
    "da": ("DKK", -1, "kr"),
    "zh": ("CNY", 0, "¥"),
    "ms": ("MYR", 0, "RM"),
}
_MAGNITUDE = r"(?P<magnitude>[ \u00a0](?:milli|milj|milh|mill|billi|bilj|bilh|trilli|Milli|Billi)[^\W\d_]{1,7})?"

_MAGNITUDE_ = _MAGNITUDE.replace("magnitude", "magnitude_")


def _alternatives(names: Iterable[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


@lru_cache(maxsize=32)
def _signs(language: str) -> dict[str, str]:
    home = _HOME.get(language)
    return CURRENCY_SIGNS | ({home[2]: home[0]} if home else {})


@lru_cache(maxsize=32)
def _money_pattern(language: str) -> "re.Pattern[str]":
    amount = figures_of(language).pattern
    signs, codes = _alternatives(_signs(language)), _CODES
    before = rf"(?<!{LETTER})(?P<sign>{signs}|(?:{codes})\b)[ \u00a0\u202f]?(?P<amount>{amount}){_MAGNITUDE}"
    after = rf"(?P<amount_>{amount}){_MAGNITUDE_}[ \u00a0\u202f]?(?P<sign_>{signs}|(?:{codes})\b)(?!{LETTER})"
    return re.compile(f"{before}|{after}")


@lru_cache(maxsize=32)
def units_of(language: str) -> dict[str, str]:
    """Every sign of a unit: the international ones and those of the language's own script (`км`)."""
    locale = locale_of(language)
    own: dict[str, str] = {}
    for unit in UNITS.values():
        sign = format_unit(5, unit, "short", locale=locale).replace("5", "").strip().rstrip(".")
        if not sign.isascii() and len(sign) <= 8 and " " not in sign:
            own.setdefault(sign, unit)
    return own | UNITS


@lru_cache(maxsize=32)
def _unit_pattern(language: str) -> "re.Pattern[str]":
    amount = figures_of(language).pattern
    return re.compile(
        rf"(?P<sign>(?<![\w.,)\-−–])[-−])?(?P<amount>{amount})[ \u00a0\u202f]?"
        rf"(?P<unit>{_alternatives(units_of(language))})(?!{LETTER}|[²³/])"
    )


def spell_money(grammar: Grammar, text: str) -> str:
    """`$3.50` as "three dollars fifty"; `€2 million` as "two million euros"."""
    language = grammar.language

    def spoken(match: "re.Match[str]") -> str:
        sign = match["sign"] or match["sign_"]
        integer, fraction = figures_of(language).taken_apart(match["amount"] or match["amount_"])
        code = _signs(language).get(sign, sign)
        magnitude = match["magnitude"] or match["magnitude_"] or ""
        if magnitude:
            words = numerals.number(grammar, integer, fraction) + magnitude
            return _joined(grammar, match, f"{words} {_currency_name(language, code, 1_000_000)}")
        return _joined(grammar, match, _money(grammar, code, integer, fraction))

    return _money_pattern(language).sub(spoken, text)


def _money(grammar: Grammar, code: str, integer: str, fraction: str) -> str:
    space = " " if grammar.is_spaced else ""
    name = _currency_name(grammar.language, code, int(integer[-15:]))
    if len(fraction) in (0, 2):
        words = f"{numerals.whole(grammar, integer, grammar.counting)}{space}{name}"
        cents = fraction.lstrip("0") and numerals.whole(grammar, str(int(fraction)))
        return f"{words}{space}{cents}" if cents else words
    return f"{numerals.number(grammar, integer, fraction)}{space}{name}"


@lru_cache(maxsize=512)
def _currency_name(language: str, code: str, count: int) -> str:
    if short := _SHORT_NAMES.get((language, code)):
        plural = locale_of(language).plural_form(count)
        return short[0] if plural == "one" else short[1]
    name = get_currency_name(code, count=count, locale=locale_of(language))
    home = _HOME.get(language)
    return name.split()[home[1]] if home and home[0] == code else name


def spell_units(grammar: Grammar, text: str) -> str:
    """`12 km` as "twelve kilometers", where CLDR names the unit in this language."""

    def spoken(match: "re.Match[str]") -> str:
        integer, fraction = figures_of(grammar.language).taken_apart(match["amount"])
        words = _measure(
            grammar, units_of(grammar.language)[match["unit"]], integer, fraction, is_negative=bool(match["sign"])
        )
        return _joined(grammar, match, words) if words else match[0]

    return _unit_pattern(grammar.language).sub(spoken, text)


def _measure(grammar: Grammar, unit: str, integer: str, fraction: str, *, is_negative: bool) -> str:
    words = numerals.number(grammar, integer, fraction, is_negative=is_negative)
    if not fraction and not is_negative:
        gender = "spellout-cardinal-feminine" if unit in grammar.feminine_units else grammar.counting
        words = numerals.whole(grammar, integer, gender)
    pattern = unit_pattern(grammar, unit, f"{integer[-15:]}.{fraction[:6] or 0}")
    if not grammar.is_spaced:
        pattern = pattern.replace(" ", "")
    return pattern.format(words) if pattern else ""


@lru_cache(maxsize=2048)
def unit_pattern(grammar: Grammar, unit: str, amount: str) -> str:
    """Such as `{0} kilometers`; empty where CLDR has only a sign. Arabic's "two hours" is a word without `{0}`."""
    if unit == "concentr-percent" and grammar.percent:
        return grammar.percent
    locale = locale_of(grammar.language)
    value = Decimal(amount).normalize()
    shape = "0.######"
    figure = format_decimal(value, shape, locale=locale)
    for length in ("long", "short"):
        try:
            found = format_unit(value, unit, length, format=shape, locale=locale)
        except (UnknownUnitError, UnknownLocaleError):
            return ""
        worded = plain(found).replace(plain(figure), "{0}", 1)
        if unit not in found and _is_worded(worded):
            return worded
    return ""


def plain(text: str) -> str:
    """Without the non-breaking spaces and marks of direction that are for the eye."""
    return re.sub(r"[\u200e\u200f\u061c{}]", "", re.sub(r"[\u00a0\u202f]", " ", text))


def _is_worded(pattern: str) -> bool:
    """Whether a unit is a word and not a sign such as `km` or `٪` (nor `kilometre/saat`)."""
    name = pattern.replace("{0}", "").strip()
    return bool(name) and not re.search(r"[%٪/°²³]", name) and (len(name) > 2 or not name.isascii())


def _joined(grammar: Grammar, match: "re.Match[str]", words: str) -> str:
    """The words, set apart from letters beside them."""
    return set_apart(grammar, match.string, match.start(), match.end(), words)


def set_apart(grammar: Grammar, text: str, start: int, end: int, words: str) -> str:
    """Words that replace `text[start:end]`, with spaces where letters would touch them."""
    if not grammar.is_spaced:
        return words
    before = " " if start and text[start - 1].isalnum() else ""
    after = " " if end < len(text) and text[end].isalnum() else ""
    return f"{before}{words}{after}"
