"""Fenced code that is still being written: where it began, and whether it has ended. Pure."""

import re
from typing import Final

from router.speech.fences import is_closed
from router.speech.markup import bounded, reader

_HEAD: Final = r"[ ]*(?:(?:>|[-+*](?=[ ])|\d{1,9}[.)](?=[ ]))[ ]*)*"
_FENCE: Final = re.compile(rf"{_HEAD}(?:`{{3,}}[^`]*|~{{3,}}.*)\Z")
_WITHIN: Final = re.compile(r"(?<!`)`{3,}[\w+#.-]{0,20}[ ]*\Z")  # `Here: ```python`, see `bounded`
_CLOSING: Final = re.compile(r"[ >]*(?:`{3,}|~{3,})[ ]*\Z")


def fence_in(line: str) -> int | None:
    """Where a fence begins in this line: at its beginning, or, where a model forgot to break it, within."""
    if _FENCE.match(line):
        return 0
    found = _WITHIN.search(line)
    return found.start() if found and line.find("```") == found.start() else None


class LiveFence:
    """Code from its fence on."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line = ""

    @property
    def text(self) -> str:
        """All of it, as far as it is written."""
        return "".join((*self._lines, self._line))

    def feed(self, piece: str) -> str | None:
        """What follows the code; None while it goes on."""
        while "\n" in piece:
            line, _, piece = piece.partition("\n")
            self._lines.append(f"{self._line}{line}\n")
            self._line = ""
            if len(self._lines) > 1 and _CLOSING.match(self._lines[-1].rstrip("\n")) and self._has_ended():
                return piece
        self._line += piece
        return None

    def _has_ended(self) -> bool:
        """Asked of the parser, which knows what a fence in a quotation or a list is closed by."""
        fences = [token for token in reader().parse(bounded(self.text)) if token.type == "fence"]
        return bool(fences) and is_closed(fences[-1])
