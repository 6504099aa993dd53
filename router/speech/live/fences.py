"""Fenced code that is still being written: where it began, and whether it has ended. Pure."""

import re
from typing import Final

from router.speech.fences import is_closed
from router.speech.markup import bounded, reader

_HEAD: Final = r"[ ]*(?:(?:>|[-+*](?=[ ])|\d{1,9}[.)](?=[ ]))[ ]*)*"
_FENCE: Final = re.compile(rf"{_HEAD}(?:`{{3,}}[^`]*|~{{3,}}.*)\Z")
_WITHIN: Final = re.compile(r"(?<!`)`{3,}[\w+#.-]{0,20}[ ]*\Z")  # `Here: ```python`, see `bounded`
_MARK: Final = re.compile(r"`{3,}|~{3,}")
_CLOSING: Final = re.compile(r"[ >]*(`{3,}|~{3,})[ ]*\Z")
_MOST_ASKED: Final = 8


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
        self._asked = 0

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
            if len(self._lines) > 1 and self._is_closing(self._lines[-1].rstrip("\n")) and self._has_ended():
                return piece
        self._line += piece
        return None

    def _is_closing(self, line: str) -> bool:
        """As long as the one it closes, and of the same marks."""
        found, opening = _CLOSING.match(line), _MARK.search(self._lines[0])
        return found is not None and (opening is None or found[1].startswith(opening[0]))

    def _has_ended(self) -> bool:
        """Asked of the parser, which knows what a fence in a quotation or a list is closed by; but not for ever,
        as it reads all of the code.
        """
        self._asked += 1
        if self._asked > _MOST_ASKED:
            return True
        fences = [token for token in reader().parse(bounded(self.text)) if token.type == "fence"]
        return bool(fences) and is_closed(fences[-1])
