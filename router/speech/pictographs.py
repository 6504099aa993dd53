"""What stands in a text as a picture or steers how it is shown, and which no voice can say. Pure.

By block rather than by Unicode's emoji table: emoji of next year's Unicode are in the same blocks, and this
Python may not know them yet. Digits, letters, currency and mathematical signs, arrows, © ® ™ ° stay.
"""

import re
import unicodedata

# Pictures whatever follows: watches and players, boxes and shapes, symbols and dingbats (without their digits
# and brackets), stars, and the pictograph planes (without their digits and letters).
_PICTURE = (
    "\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u2500-\u25ff\u2600-\u2767\u2794-\u27bf"
    "\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\ufffc\ufffd"
    "\U0001f000-\U0001f0ff\U0001f10d-\U0001fbef"
)
# Text, unless a variation selector asks for the picture: ↔ ⁉ Ⓜ 〰 ㊗ ㊙ ℹ.
_BOTH = "\u203c\u2049\u2139\u2190-\u21ff\u24c2\u3030\u303d\u3297\u3299"
_JOINS = "\u200d\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f"
# A zero-width joiner brings its partner along, which may be text otherwise (♂ is not, ↔ is).
_SEQUENCE = re.compile(
    rf"(?P<before>[ \t]*)"
    rf"(?:(?:[0-9#*]\ufe0f?\u20e3|[{_BOTH}]\ufe0f|[{_PICTURE}])(?:\u200d[{_BOTH}]|[{_JOINS}{_PICTURE}])*[ \t]*)+"
)
_HAS_ANY = re.compile(rf"[{_PICTURE}{_BOTH}\u20e3]")
_NO_SPACE_BEFORE = set(".,;:!?)]}»”’…。、，！？；：」』\n")
_NO_SPACE_AFTER = set("([{«“‘¿¡「『\n")

# Joiners shape letters of Arabic and Indic scripts; elsewhere nothing is heard of them. The number signs of
# Arabic are format characters too, but they are written ones.
_STRAY_JOINER = re.compile(
    "(?<![\u0600-\u1cff\ua800-\uabff])[\u200c\u200d]|[\u200c\u200d](?![\u0600-\u1cff\ua800-\uabff])"
)
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_DROPPED = {"Cc", "Cf", "Cs", "Co"}
_KEPT = set(
    "\n\u200c\u200d\u06dd\u070f\u08e2\U000110bd\U000110cd",
) | {chr(each) for each in range(0x600, 0x606)}
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028]")


def without_controls(text: str) -> str:
    """One kind of line end, tabs as spaces; no control, format, private or surrogate character.

    A lone surrogate is no text at all: it could not even be sent to a node as UTF-8.
    """
    text = _LINE_ENDS.sub("\n", text).replace("\u2029", "\n\n").replace("\t", "    ")
    if text.replace("\n", "").isprintable():
        return text
    return "".join(each for each in text if each in _KEPT or not _is_unwritten(each))


def _is_unwritten(each: str) -> bool:
    return unicodedata.category(each) in _DROPPED and not "\U000e0020" <= each <= "\U000e007f"


def without_pictographs(text: str) -> str:
    """Emoji with all their parts (joiners, skin tones, flags, keycaps, tags), and the selectors of others.

    Words on both sides stay two words; a mark that followed the picture follows the word before it.
    """
    if text.isascii():
        return text
    if _HAS_ANY.search(text):
        text = _SEQUENCE.sub(_gap, text)
    text = _SELECTORS.sub("", text)
    text = "".join(each for each in text if not "\U000e0001" <= each <= "\U000e007f")
    return _STRAY_JOINER.sub("", text)


def _gap(found: "re.Match[str]") -> str:
    text = found.string
    before = text[found.start() - 1] if found.start() else "\n"
    after = text[found.end()] if found.end() < len(text) else "\n"
    return "" if before in _NO_SPACE_AFTER or before == " " or after in _NO_SPACE_BEFORE else " "
