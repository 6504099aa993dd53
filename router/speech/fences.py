"""Fenced code that never ended: what of it is code, and what is text that a model wrote after it. Pure."""

import re
from typing import Final

from markdown_it.token import Token

# A fence followed by a text was meant to close: "``` This prints one."
_CLOSING: Final = re.compile(r"[ >]*(?:`{3,}|~{3,})[ ]+(?=\S)")
_CODE: Final = re.compile(r"[{}();=<>\\_`$|]|^\s|^#|\S\(")
_MOST_LOOKED_AT: Final = 4000


def is_closed(token: Token) -> bool:
    """Whether a fence has its end: the parser tells only how many lines it took."""
    assert token.map is not None
    content = token.content
    lines = content.count("\n") + (content != "" and not content.endswith("\n"))
    return token.map[1] - token.map[0] == lines + 2


def after_unclosed(content: str) -> str:
    """What is text in a fence that goes to the end: from a line that closes and goes on, else from a blank line
    that prose follows. "" where all of it is code.
    """
    lines = content.split("\n")
    for number, line in enumerate(lines):
        if found := _CLOSING.match(line):
            return "\n".join((line[found.end() :], *lines[number + 1 :]))
        if number and not lines[number - 1].strip() and _is_prose(line):
            return "\n".join(lines[number:])
    return ""


def _is_prose(line: str) -> bool:
    """A line of at least three words that begins with a letter, ends like a sentence and has no sign of code."""
    line = line[:_MOST_LOOKED_AT].rstrip()
    is_sentence = line[:1].isalpha() and line[-1:] in ".!?:。！？："
    return is_sentence and not _CODE.search(line) and (len(line.split()) > 2 or not line.isascii())
