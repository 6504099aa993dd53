"""How numbers are written: patterns per language, and a written number taken apart. Pure."""

import re
from dataclasses import dataclass
from functools import lru_cache

from babel import Locale
from babel.numbers import get_decimal_symbol, get_group_symbol

_THIN = "\u00a0\u202f\u2009"
_BABEL_TAGS = {"no": "nb"}
# A letter or figure that a number may not touch; scripts without spaces write theirs side by side with it.
LETTER = r"[^\W\u3040-\u9fff\uac00-\ud7a3]"


@lru_cache(maxsize=32)
def locale_of(language: str) -> Locale:
    """Babel's locale of one of our languages."""
    return Locale.parse(_BABEL_TAGS.get(language, language))


@dataclass(frozen=True, slots=True)
class Figures:
    """The way one language groups digits and marks decimals."""

    decimal: str
    group: str  # a character class
    group_digits: str = "3"  # "2,3" where lakhs are counted

    @property
    def grouped(self) -> str:
        """`1,234,567`; seven groups bound the pattern's work."""
        inner = rf"(?:[{self.group}]\d{{{self.group_digits}}}){{0,6}}"
        return rf"\d{{1,3}}{inner}[{self.group}]\d{{3}}(?!\d)"

    @property
    def pattern(self) -> str:
        """One number, without capturing and without its sign."""
        marks = self.decimal if self.decimal == "." else f"{self.decimal}."  # 3.14 is understood everywhere
        return rf"(?<!\d)(?:{self.grouped}|\d+)(?:[{marks}]\d+(?![{marks}]?\d))?"

    def taken_apart(self, text: str) -> tuple[str, str]:
        """Its whole part and its decimals, digits only."""
        integer, fraction = text, ""
        if grouped := re.match(self.grouped, text):
            integer, fraction = grouped[0], text[grouped.end() :]
        elif found := re.match(r"(\d+)(\D\d+)?", text):
            integer, fraction = found[1], found[2] or ""
        return re.sub(r"\D", "", integer), re.sub(r"\D", "", fraction)


@lru_cache(maxsize=32)
def figures_of(language: str) -> Figures:
    """As CLDR knows it; where groups are set apart by a space, the plain space of keyboards counts too."""
    locale = locale_of(language)
    decimal, group = get_decimal_symbol(locale), get_group_symbol(locale)
    groups = f" {_THIN}" if group in _THIN else f"{re.escape(group)}{_THIN}"
    return Figures(decimal, f"{groups}'’", "2,3" if language == "hi" else "3")
