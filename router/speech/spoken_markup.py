"""Markdown's tokens to what is read out: blocks to lines, a table to its rows, marks to nothing. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from router.speech.fences import after_unclosed, is_closed
from router.speech.inline import spoken_inline

_TASK: Final = re.compile(r"\[[ xX]\]\s+")
_PARAGRAPH: Final = "\n\n"
_LINE: Final = "\n"
_ENDS_PARAGRAPH: Final = frozenset(
    {"heading_close", "bullet_list_close", "ordered_list_close", "blockquote_close", "table_close", "hr"}
)


def spoken(reader: MarkdownIt, text: str, *, is_rest: bool = False) -> str:
    """The text as it is read out. `is_rest`: what followed an unclosed fence; in it, none is looked for again."""
    reading = _Reading(reader, text.split("\n"), is_rest)
    for token in reader.parse(text):
        reading.take(token)
    return "".join(reading.parts)


@dataclass
class _Reading:
    reader: MarkdownIt
    lines: Sequence[str]
    is_rest: bool
    parts: list[str] = field(default_factory=list)
    _gap: str = ""
    _marks: list[str] = field(default_factory=list)  # numbers of items that nothing has followed yet
    _is_item_start: bool = False
    _cells: list[str] | None = None  # of the row that is being read
    _row_at: int = 0

    def take(self, token: Token) -> None:
        """One token of a block."""
        match token.type:
            case "inline":
                self._inline(token)
            case "list_item_open":
                self._is_item_start = True
                if token.info:
                    self._marks.append(token.info + token.markup)
            case "list_item_close":
                self._say("")
                self._part(_LINE)
            case "paragraph_close":
                self._part(_LINE if token.hidden else _PARAGRAPH)
            case "tr_open":
                self._cells, self._row_at = [], (token.map or [0])[0]
            case "tr_close":
                self._row(self._cells or [])
            case "fence":
                self._fence(token)
            case kind if kind in _ENDS_PARAGRAPH:
                self._part(_PARAGRAPH)

    def _inline(self, token: Token) -> None:
        text = spoken_inline(token.children or ())
        if self._is_item_start:
            text = _TASK.sub("", text, count=1) if _TASK.match(text) else text
            self._is_item_start = False
        if self._cells is None:
            self._say(text)
        else:
            self._cells.append(text)

    def _row(self, cells: list[str]) -> None:
        cells += self._cells_beyond(len(cells))
        self._cells = None
        self._say(", ".join(cell.strip() for cell in cells if cell.strip()))
        self._part(_LINE)

    def _cells_beyond(self, columns: int) -> list[str]:
        """Cells for which the head of the table has no column: Markdown would drop them."""
        line = self.lines[self._row_at].lstrip(" >").strip().replace("\\|", "\0")
        beyond = line.removeprefix("|").removesuffix("|").split("|")[columns:]
        blocks = [self.reader.parseInline(cell.replace("\0", "|")) for cell in beyond]
        return [spoken_inline(block.children or ()) for tokens in blocks for block in tokens]

    def _fence(self, token: Token) -> None:
        if not self.is_rest and not is_closed(token):
            self._part(_PARAGRAPH)
            self._say(spoken(self.reader, after_unclosed(token.content), is_rest=True))
        self._part(_PARAGRAPH)

    def _part(self, gap: str) -> None:
        self._gap = max(self._gap, gap, key=len)

    def _say(self, text: str) -> None:
        said = " ".join((*self._marks, text)).strip()
        self._marks.clear()
        if said:
            self.parts += [self._gap if self.parts else "", said]
            self._gap = ""
