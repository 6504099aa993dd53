"""What no voice can say is taken out: control characters, marks of direction, emoji. Pure."""

import re
import unicodedata

_KEPT = "\n\t"
_SILENT = {"Cc", "Cf", "Co", "Cs", "Cn"}
_JOINERS = re.compile(r"(?<![\u0600-\u0dff])[\u200c\u200d]|[\u200c\u200d](?![\u0600-\u0dff])")


def without_controls(text: str) -> str:
    """Composed (NFC), with one kind of line end; joiners stay where Arabic and Indic scripts need them."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n"))
    if text.isprintable():
        return text
    text = _JOINERS.sub("", text.replace("\u2029", "\n\n"))
    return "".join(each for each in text if not _is_silent(each))


def _is_silent(each: str) -> bool:
    return each not in _KEPT and each not in "\u200c\u200d" and unicodedata.category(each) in _SILENT


def without_symbols(text: str) -> str:
    """No emoji, no dingbats, no skin tones; after the rules that know ° and ℃ have had their turn."""
    if text.isascii():
        return text
    return "".join(" " if _is_symbol(each) else each for each in text if not "\ufe00" <= each <= "\ufe0f")


def _is_symbol(each: str) -> bool:
    return unicodedata.category(each) == "So" or "\U0001f3fb" <= each <= "\U0001f3ff"


def is_speakable(text: str) -> bool:
    """Whether there is a letter or a figure in it."""
    return any(each.isalnum() for each in text)
