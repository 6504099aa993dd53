"""Abbreviations that stand with a figure in one language, written out before the rules for all. Pure."""

import re

_MONEY = r"([$€£]\d{1,3}(?:,\d{3}){0,4}(?:\.\d{1,3})?)"

# language: what is written, and what it stands for
_SHORTHANDS: dict[str, tuple[tuple[str, str], ...]] = {
    "en": (
        (r"#(?=\d)", "number "),
        (rf"{_MONEY} ?(?:[kK])(?!\w)", r"\1 thousand"),
        (rf"{_MONEY} ?(?:[mM]|mn)(?!\w)", r"\1 million"),
        (rf"{_MONEY} ?(?:[bB]|bn)(?!\w)", r"\1 billion"),
        (r"(?<![\w.,])(\d{1,2})['′](\d{1,2})[\"″]", r"\1 foot \2"),
        (r"\bNo\. ?(?=\d)", "number "),
        (r"(?<!\w)\.(?=\d)", "0."),
    ),
    "de": (
        (r"(?<=\d) ?Tsd\.", " Tausend"),
        (r"(?<=\d) ?Mio\.?(?!\w)", " Millionen"),
        (r"(?<=\d) ?Mrd\.?(?!\w)", " Milliarden"),
        (r"\bNr\. ?(?=\d)", "Nummer "),
        (r"§ ?(?=\d)", "Paragraf "),
    ),
    "fr": ((r"\b[nN][°º] ?(?=\d)", "numéro "),),
    "es": ((r"\b[nN]\.º ?(?=\d)", "número "),),
    "it": ((r"\b[nN]\. ?(?=\d)", "numero "),),
    "ru": ((r"№ ?(?=\d)", "номер "),),
}
_COMPILED = {
    language: [(re.compile(written), meant) for written, meant in rows] for language, rows in _SHORTHANDS.items()
}


def write_out(language: str, text: str) -> str:
    """The text with the shorthands of this language in full."""
    for pattern, meant in _COMPILED.get(language, ()):
        text = pattern.sub(meant, text)
    return text
