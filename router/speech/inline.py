"""The inside of a Markdown block, read out: marks away, but not the signs that only look like marks. Pure.

`2*3*4` and `x**2 + y**2` are emphasis to CommonMark. Marks with a Latin letter or a figure outside on both ends
are therefore signs; Chinese and Japanese, which have no spaces, emphasise within words.
"""

import re
from collections.abc import Sequence
from typing import Final

from markdown_it.token import Token

from router.speech.markup import MARKUP_TAG

_WRAP: Final = "\x01"  # a line's end in the source; no text has this control any more
_FULL_WIDTH: Final = 60  # who wraps lines, wraps them later
_UNSPACED: Final = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u9fff\uf900-\ufaff\uff00-\uffef]")
_TAG_LINES: Final = frozenset(re.findall(r"\w+", "br p hr li div tr dt dd h1 h2 h3 h4 h5 h6 table blockquote"))
# Emphasis that a model opened and never closed, or the other way round; `*` before a figure or a space is a sign.
_OPENED: Final = re.compile(r"(?<![^\s(\[\"'“‘«])(?:\*{2,}|_{2,}|~{2,}|\*(?=[^\W\d_]))(?=[^\s*_~])")
_CLOSED: Final = re.compile(r"(?<=[^\s*_~])(?:\*{2,}|_{2,}|~{2,})(?![\w*_~])")


def spoken_inline(tokens: Sequence[Token]) -> str:
    """What is read out of one block's inside; "\\n" where a line ends by intention."""
    parts: list[str] = []
    opened: list[int] = []  # where in `parts` the marks stand that are not closed yet
    for number, token in enumerate(tokens):
        kind = token.type
        if kind in ("em_open", "strong_open"):
            opened.append(len(parts))
            parts.append("")
        elif kind in ("em_close", "strong_close") and opened:
            start = opened.pop()
            if _is_sign(_last(parts[max(0, start - 8) : start]), _next(tokens[number + 1 : number + 9])):
                parts[start] = token.markup
                parts.append(token.markup)
        else:
            parts.append(_said(token, _last(parts[-8:])))
    return _unwrapped("".join(parts))


def _said(token: Token, before: str) -> str:
    match token.type:
        case "text":
            return _unmarked(token.content, before)
        case "code_inline":
            return token.content.replace("`", "")
        case "image":
            return spoken_inline(token.children or ())
        case "softbreak":
            return _WRAP
        case "hardbreak":
            return "\n"
        case _ if token.type == MARKUP_TAG and token.content in _TAG_LINES:
            return "\n"
    return ""


def _unmarked(text: str, before: str) -> str:
    """Without marks of emphasis that found no partner, and without backticks: nobody says those."""
    held = "x" if before and not before.isspace() else " "
    return _CLOSED.sub("", _OPENED.sub("", held + text))[1:].replace("`", "")


def _is_sign(before: str, after: str) -> bool:
    return all(each.isalnum() and not _UNSPACED.match(each) for each in (before or " ", after or " "))


def _last(parts: Sequence[str]) -> str:
    return next((part[-1] for part in reversed(parts) if part), "")


def _next(tokens: Sequence[Token]) -> str:
    return next((token.content[0] for token in tokens if token.content), "")


def _unwrapped(text: str) -> str:
    """Wrapped lines as one; a line with room for the next word was ended on purpose, as in a verse."""
    if _WRAP not in text:
        return text
    first, *others = text.split(_WRAP)
    parts = [first]
    width = len(first) - first.rfind("\n") - 1
    for before, line in zip([first, *others], others, strict=False):
        parts += [_between(before.rstrip(), line.lstrip(), width), line.lstrip()]
        width = len(line) - line.rfind("\n") - 1
    return "".join(parts)


def _between(before: str, after: str, width: int) -> str:
    if not before or not after:
        return " "
    has_room = width + 1 + len(after.split(maxsplit=1)[0]) <= _FULL_WIDTH
    if has_room and not after[0].islower() and before[-1] not in ",;":
        return "\n"
    return "" if _UNSPACED.match(before[-1]) and _UNSPACED.match(after[0]) else " "
