"""A text that is still being written, read as `speakable` reads a whole one. Pure.

What is kept is the open block: what was written since the last place where nothing was open. At places that only
the text decides (a gap between words, a mark of Chinese or Japanese, a line's end) the block is read again, and
what it says beyond what it said before is new. How the text came in pieces is never looked at. The block ends at
a blank line, at an item of a list, or, in a paragraph that goes on, where no mark is open: then a stand-in for
what went before keeps the rest from looking like the beginning of a line.

What may differ from `speakable` of the whole text, in letters: the label of a link whose definition comes later
(`[text][1]`), the address of a link whose text has more than 200 characters, what stands in code in a line or in a
comment that is longer than `marks` waits for, a table's row of more than 800, and fenced code in a list or a
quotation that the code's own lines leave.
"""
# ruff: noqa: RUF001 - marks of many scripts are meant

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final

from router.speech.clauses import is_said
from router.speech.cleaning import speakable
from router.speech.live.fences import LiveFence, fence_in
from router.speech.live.marks import is_bold, opened_in

_MARKS: Final = "。！？…，、；："
_CLOSERS: Final = "”’）」』】》〉"
_PLACE: Final = re.compile(
    r"(?P<line>[^\S\n]*+\n)"
    r"|(?P<gap>(?<=[^\s\\])[^\S\n\u00a0\u202f\u2007]++)(?=\S)"
    rf"|(?P<mark>[{_MARKS}][{_MARKS}{_CLOSERS}]*+)(?=[^\s{_MARKS}{_CLOSERS}])"
)
_UNBROKEN_LENGTH: Final = 200
_UNBROKEN: Final = re.compile(rf"[^\S\n]*+[^\s{_MARKS}]{{{_UNBROKEN_LENGTH}}}(?=[^\s{_MARKS}])")
_ENDS_SOMETHING: Final = re.compile(rf"[.!?:;,،؛؟।{_MARKS}][*_~`\"'”’»)\]{_CLOSERS}]*\Z")
_ENDS_SENTENCE: Final = re.compile(rf"[.!?:;؟।…。！？][*_~`\"'”’»)\]{_CLOSERS}]*\Z")
_MAY_GO_ON: Final = re.compile(r"\d\W*\Z|://|www\.|@|\w[./]\w*[/=]")  # a figure, an address: 3.14, a.b/c.d
_LINE_HEAD: Final = re.compile(r"[ ]*(?:(?:>|[-+*]|#{1,6}|\d{1,9}[.)]|\[[ xX]\])[ ]*)*\Z")
_ITEM: Final = re.compile(r"[ ]*(?:[-+*][ ]|\d{1,9}[.)][ ]|>|#{1,6}[ ])")
_HEAD: Final = re.compile(r"[ ]*(?:(?:>|[-+*](?=[ ])|\d{1,9}[.)](?=[ ]))[ ]*)*")
_TABLE_RULE: Final = re.compile(r"[ >]*\|?[ ]*:?-+:?[ ]*(?:\|[ ]*:?-*:?[ ]*)*\Z")
_RULE_BEGUN: Final = re.compile(r"[ >|:-]*\Z")
_STEP: Final = 40  # characters without a mark, after which the block is read again
_LONG: Final = 300  # a block that is worth shortening
_TOO_LONG: Final = 800  # and one that is shortened whatever is open
_MOST_HELD: Final = 1500  # and how long one is kept for what is open in it
_FULL_LINE: Final = 60  # who wraps lines, wraps them later (`inline`)


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
        self._block = ""
        self._said = ""
        self._at = 0  # what is before it was looked at for places
        self._line_at = 0
        self._read_at = 0
        self._fence: LiveFence | None = None
        self._table = ""

    def feed(self, piece: str) -> Iterator[Said]:
        """What is certain now; to be taken one by one, as `is_hungry` is asked between."""
        rest: str | None = piece
        while rest is not None:
            if self._fence is None:
                self._block += rest
                rest = yield from self._go_on()
            elif (rest := self._fence.feed(rest)) is not None:
                yield from self._end_fence(self._fence)

    def settle(self) -> Said | None:
        """All that was written, where it seems to be complete; else None."""
        text = self._block.rstrip()
        if self._fence or not _ENDS_SOMETHING.search(text) or "|" in text[self._line_at :] or opened_in(text):
            return None
        is_whole = self._block[-1:].isspace()
        return self._say(text, "") if is_whole or not _MAY_GO_ON.search(text.split()[-1]) else None

    def close(self) -> Iterator[Said]:
        """All the rest."""
        if self._fence is not None:
            self._block, self._said = self._fence.text, ""
            self._fence = None
        yield self._say(self._block, "")

    def _go_on(self) -> Generator[Said, None, str | None]:
        """Returns what follows the beginning of a fence."""
        while True:
            if unbroken := _UNBROKEN.match(self._block, self._at):
                self._at = unbroken.end()
                yield from self._read(self._at, "")
            elif (place := _PLACE.search(self._block, self._at)) is None:
                return None
            elif place["line"] is not None:
                if (rest := (yield from self._end_line(place.end()))) is not None:
                    return rest
            else:
                self._at = place.end()
                following = self._block[place.end()]
                ahead = " " * (place["gap"] is not None) + following if following.isalnum() else ""
                end = place.start() if place["gap"] is not None else place.end()
                yield from self._read(end, ahead)

    def _read(self, end: int, ahead: str) -> Iterator[Said]:
        """Read the block up to here, if it is worth it and nothing is open."""
        text = self._block[:end]
        if not self._is_worth_it(text):
            return
        self._read_at = end
        if self._is_head(text) or self._is_row(text):
            return
        opened = opened_in(text)
        if opened is not None and not opened.is_stale and end <= _MOST_HELD:
            return
        yield self._say(text, ahead)
        self._shorten(end, is_forced=opened is not None)

    def _is_worth_it(self, text: str) -> bool:
        new = text[self._read_at :]
        is_wanted = self.is_hungry or len(new) >= _STEP or _ENDS_SENTENCE.search(text[-20:]) is not None
        return is_wanted and (is_said(new) or len(new) > _LONG)

    def _is_head(self, text: str) -> bool:
        """Whether there is only what begins a line: an item of a list, a heading."""
        return len(text) - self._line_at < _FULL_LINE and _LINE_HEAD.match(text, self._line_at) is not None

    def _is_row(self, text: str) -> bool:
        """Whether the line may belong to a table, so that nothing is known before its end."""
        line = text[self._line_at :]
        if len(line) > _TOO_LONG:
            return False
        above = text[: self._line_at].rstrip("\n").rpartition("\n")[2]
        return "|" in line or ("|" in above and _RULE_BEGUN.match(line) is not None)

    def _say(self, text: str, ahead: str) -> Said:
        said = speakable(text)
        new = _beyond(self._said, said)
        if new:
            self._said = said
        return Said(new, ahead)

    def _end_line(self, end: int) -> Generator[Said, None, str | None]:
        line = self._block[self._line_at : end - 1]
        if not line.strip():
            yield from self._end_block(end)
        elif (start := fence_in(line)) is not None:
            rest = self._block[self._line_at + start :]
            self._block = self._block[: self._line_at + start]
            yield from self._end_block(len(self._block))
            self._fence = LiveFence()
            return rest
        else:
            self._at = self._line_at = yield from self._end_row(line, end)
        return None

    def _end_row(self, line: str, end: int) -> Generator[Said, None, int]:
        above = self._block[: self._line_at].rstrip("\n").rpartition("\n")[2]
        if "|" in above and _TABLE_RULE.match(line):
            self._table = f"{above}\n{line}\n"
        is_long = end > len(self._table) + _LONG
        if self._table and (is_long or is_said(line)):
            yield self._say(self._block[:end], "")
        if self._table and is_long:
            self._begin(self._table, self._block[end:])
            return self._at
        return end

    def _end_block(self, end: int) -> Iterator[Said]:
        said = self._say(self._block[:end], "")
        rest = self._block[end:]
        has_said = bool(said.text or self._said)
        self._begin("", rest)
        if has_said:
            yield Said(said.text + "\n\n")

    def _end_fence(self, fence: LiveFence) -> Iterator[Said]:
        self._fence = None
        self._begin("", "")
        if text := speakable(fence.text):
            yield Said(text + "\n\n")

    def _begin(self, guard: str, rest: str) -> None:
        """A new block; `guard` stands in for what went before, and is said already."""
        self._block = guard + rest
        self._said = speakable(guard)
        self._at = self._read_at = len(guard)
        self._line_at = guard.rfind("\n") + 1
        if not guard.endswith("\n"):
            self._table = ""

    def _shorten(self, end: int, *, is_forced: bool) -> None:
        """Forget what needs no second look."""
        text = self._block[:end]
        is_too_long = is_forced or end > _TOO_LONG
        if self._table or (is_bold(text) and not is_too_long):
            return
        if is_too_long or end - self._line_at > _LONG:
            self._begin_within(end)
        elif self._line_at and _ITEM.match(text, self._line_at):
            at, self._block = self._at - self._line_at, self._block[self._line_at :]
            self._said = speakable(self._block[: end - self._line_at])
            self._read_at, self._at, self._line_at = end - self._line_at, at, 0

    def _begin_within(self, end: int) -> None:
        line = self._block[self._line_at : end]
        found = _HEAD.match(line)
        head = found[0][:20] if found else ""
        stand_in = head + "x" * max(1, min(_FULL_LINE, len(line)) - len(head))
        last = "" if self._block[end : end + 1].isspace() else self._block[end - 1]
        at = self._at - end
        self._begin(stand_in + last, self._block[end:])
        self._at += at


def _beyond(before: str, now: str) -> str:
    """What `now` says after what `before` said. Marks may have gone since; letters and figures stay."""
    if now.startswith(before):
        return now[len(before) :]
    count = sum(map(str.isalnum, before))
    start = 0
    while count and start < len(now):
        count -= now[start].isalnum()
        start += 1
    marks = re.search(r"[\W_]*\Z", before)
    for mark in marks[0] if marks else "":
        start += now.startswith(mark, start)
    return now[start:]
