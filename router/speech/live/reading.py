"""A text that is still being written, read as `speakable` reads a whole one. Pure.

What is kept is the open block (`block`). At places that only the text decides (`places`) it is read again, and
what it says beyond what it said before is new. How the text came in pieces is never looked at. The block ends at a
blank line, at an item of a list, or, in lines that go on, where no mark is open. What is open is waited for up to
1,500 characters, then read as it stands; so are lines that might be a table's, up to 800. No block grows beyond
that.

What may differ from `speakable` of the whole text, in letters: the label of a link whose definition comes later or
stands in another block (`[text][1]`), a definition of more than 600 characters, the address of a link whose text
has more than 200, what stands in code in a line or in a comment that is longer than `marks` waits for, a table's
row of more than 800, fenced code in a list or a quotation that the code's own lines leave, and after eight lines
that only look like the end of such code.
"""
# ruff: noqa: RUF001 - marks of many scripts are meant

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final

from router.speech.clauses import is_said, width
from router.speech.cleaning import speakable
from router.speech.live.block import TOO_LONG, Block
from router.speech.live.fences import LiveFence, fence_in
from router.speech.live.marks import opened_in
from router.speech.live.places import CJK_CLOSERS, CJK_MARKS, next_place

_CLOSING: Final = rf"[*_~`\"'”’»)\]{CJK_CLOSERS}]*\Z"
_ENDS_SOMETHING: Final = re.compile(rf"[.!?:;,،؛؟।{CJK_MARKS}]{_CLOSING}")
_ENDS_SENTENCE: Final = re.compile(rf"[.!?:;؟।…。！？]{_CLOSING}")
_LINE_HEAD: Final = re.compile(r"[ ]*(?:(?:>|[-+*]|#{1,6}|\d{1,9}[.)]|\[[ xX]\])[ ]*)*\Z")
_TABLE_RULE: Final = re.compile(r"[ >]*\|?[ ]*:?-+:?[ ]*(?:\|[ ]*:?-*:?[ ]*)*\Z")
_RULE_BEGUN: Final = re.compile(r"[ >|:-]*\Z")
_STEP: Final = 40  # wide without a mark, after which the block is read again
_WORD: Final = 3  # wide, with the space before it: a single letter waits for the next
_LEAST: Final = 8  # wide, before a mark that ends a sentence
_LONG: Final = 300  # without a letter, after which it is, too
_MOST_HELD: Final = 1500  # and how long a block is kept for what is open in it
_LONGEST_HEAD: Final = 60


@dataclass(frozen=True, slots=True)
class Said:
    """What is to be said next: text, with "\\n" and "\\n\\n" as `speakable` sets them. `ahead`: how the text goes
    on, as far as is known: the first letter of the next word and the space before it.
    """

    text: str
    ahead: str = ""


class Reading:
    """Reads on with each piece. `is_hungry`: whoever takes it wants every word, not only what ends something."""

    def __init__(self) -> None:
        self.is_hungry = True
        self._block = Block()
        self._fence: LiveFence | None = None

    def feed(self, piece: str) -> Iterator[Said]:
        """What is certain now; to be taken one by one, as `is_hungry` is asked between."""
        rest: str | None = piece
        while rest is not None:
            if self._fence is None:
                self._block.text += rest
                rest = yield from self._go_on()
            elif (rest := self._fence.feed(rest)) is not None:
                yield from self._end_fence(self._fence)

    def glimpse(self) -> str | None:
        """What more would be said if the text ended here, where it ends with a mark and nothing is open; else
        None. It counts as said only with `accept`.
        """
        block = self._block
        text = block.text.rstrip()
        if self._fence or (text and not _ENDS_SOMETHING.search(text[-20:])):
            return None
        if self._is_head(text) or self._is_fence(text) or "|" in text[block.line_at :] or opened_in(text):
            return None
        return block.beyond(speakable(text))

    def accept(self) -> None:
        """What was glimpsed is said."""
        self._block.settle()

    @property
    def last_word(self) -> str:
        """As it is written, with its marks of code: "" where there is none."""
        return self._block.text[-200:].rstrip().rpartition("\n")[2].rpartition(" ")[2]

    def close(self) -> Iterator[Said]:
        """All the rest."""
        if self._fence is not None:
            self._block.begin("", self._fence.text)
            self._fence = None
        yield Said(self._block.say(len(self._block.text)))

    def _go_on(self) -> Generator[Said, None, str | None]:
        """Returns what follows the beginning of a fence."""
        block = self._block
        while (place := next_place(block.text, block.at)) is not None:
            if place.is_line_end:
                if (rest := (yield from self._end_line(place.after))) is not None:
                    return rest
            else:
                block.at = place.after
                yield from self._read_within_line(place.end, place.ahead)
        return None

    def _read_within_line(self, end: int, ahead: str) -> Iterator[Said]:
        text = self._block.text[:end]
        if self._is_head(text):
            yield from self._end_line_above(text)
        elif not self._is_row(text) and not self._is_fence(text):
            yield from self._read(end, ahead)

    def _read(self, end: int, ahead: str = "") -> Iterator[Said]:
        """Read the block up to here, if it is worth it and nothing is open."""
        block = self._block
        text = block.text[:end]
        if not self._is_worth_it(text):
            return
        block.read_at = end
        opened = opened_in(text)
        is_head = self._is_head(text)
        if is_head and end <= _LONG:
            return
        if opened is not None and not opened.is_stale and end <= _MOST_HELD:
            yield from self._read_before(opened.at, end)
            return
        yield Said(block.say(end), ahead)
        block.shorten(end, is_forced=is_head or opened is not None)

    def _read_before(self, opened_at: int, end: int) -> Iterator[Said]:
        """In a long block, what stands before the mark that is open: the rest alone waits."""
        before = self._block.text[:opened_at].rstrip()
        if end > _LONG and _LONG // 2 < len(before) < opened_at and not self._is_head(before):
            yield Said(self._block.say(len(before)))
            self._block.shorten(len(before), is_forced=False)

    def _is_worth_it(self, text: str) -> bool:
        new = text[self._block.read_at :]
        wide = width(new)
        is_ended = wide >= _LEAST and _ENDS_SENTENCE.search(text[-20:]) is not None
        is_wanted = wide >= (_WORD if self.is_hungry else _STEP) or is_ended
        return is_wanted and (is_said(new) or len(new) > _LONG)

    def _is_head(self, text: str) -> bool:
        """Whether the last line has only what begins one: an item of a list, a heading."""
        start = text.rfind("\n") + 1
        return len(text) - start < _LONGEST_HEAD and _LINE_HEAD.match(text, start) is not None

    def _end_line_above(self, text: str) -> Iterator[Said]:
        """An item begins here, so the line above has ended: what this would be is not known, but where it is."""
        if self.is_hungry and self._block.line_at and not self._block.table:
            before, line_end, _ = speakable(f"{text} x").rpartition("\n")
            if new := self._block.accept(before + line_end):
                yield Said(new)

    def _is_row(self, text: str) -> bool:
        """Whether the line may belong to a table, so that nothing is known before its end."""
        line = text[self._block.line_at :]
        if len(line) > TOO_LONG:
            return False
        return "|" in line or ("|" in self._block.above and _RULE_BEGUN.match(line) is not None)

    def _is_fence(self, text: str) -> bool:
        """Whether the line seems to begin code, which its end will tell."""
        line = text[self._block.line_at :]
        return len(line) <= TOO_LONG and fence_in(line) == 0

    def _end_line(self, end: int) -> Generator[Said, None, str | None]:
        block = self._block
        line = block.text[block.line_at : end - 1]
        if not line.strip():
            yield from self._end_block(end)
        elif (start := fence_in(line)) is not None:
            begin = block.line_at + start
            rest = block.text[begin:]
            block.text = block.text[:begin]
            yield from self._end_block(begin)
            self._fence = LiveFence()
            return rest
        else:
            yield from self._end_row(line, end)
        return None

    def _end_row(self, line: str, end: int) -> Iterator[Said]:
        block = self._block
        rest_length = len(block.text) - end
        if "|" in (above := block.above) and len(above) + len(line) <= TOO_LONG and _TABLE_RULE.match(line):
            block.table = f"{above}\n{line}\n"
        block.at = end
        if block.table:
            yield from self._say_row(line, end)
        elif "|" not in line or len(line) > TOO_LONG:
            yield from self._read(self._line_end(end))
        elif block.line_at:  # the next line may make this one a table's head
            yield from self._read(self._line_end(block.line_at))
        block.at = block.line_at = len(block.text) - rest_length
        block.forget_definitions()

    def _line_end(self, end: int) -> int:
        """Without what makes a line's end a break."""
        return len(self._block.text[:end].rstrip().rstrip("\\"))

    def _say_row(self, line: str, end: int) -> Iterator[Said]:
        block = self._block
        is_long = end > len(block.table) + _LONG
        if is_long or is_said(line):
            yield Said(block.say(end))
        if is_long:
            block.begin(block.table, block.text[end:])

    def _end_block(self, end: int) -> Iterator[Said]:
        block = self._block
        said = block.say(end)
        has_said = bool(said) or block.has_said
        block.begin("", block.text[end:])
        if has_said:
            yield Said(said + "\n\n")

    def _end_fence(self, fence: LiveFence) -> Iterator[Said]:
        self._fence = None
        self._block.begin("", "")
        if text := speakable(fence.text):
            yield Said(text + "\n\n")
