"""A text cut into spoken passages while a language model writes it. Pure: it knows no clock and waits for nothing.

What is guaranteed:

* The passages depend on the text alone, not on the pieces it came in, as long as nobody calls `settle`.
* Joined, they say what `speakable` leaves of the whole text (see `reading` for what may differ), except
  what a reasoning model thinks first: `<think>…</think>` (or `<thinking>`) at the beginning is not spoken. One
  that never ends is all there is, so nothing is.
* `settle` changes only where it is cut, and drops marks that come right behind such a cut ("Yes, it is?" and then
  "!"): letters and figures stay, all of them, wherever and however often it is called.
* None is wider than `HARD_WIDTH`, and each has a letter or a figure.
* Time grows with the text's length and no faster: 5 to 17 µs for a character of what models write, up to 40 µs
  for what is made to be slow. A token takes 2 ms at most, of what is made to be slow some 10; but that which ends
  fenced code takes 0.3 ms for each 1,000 characters of it, as the parser reads all of it.
* What is kept is the open block, 1,500 characters and a piece's slice at most, a passage's text of some 1,000,
  and fenced code until its end.
"""

import re
from collections.abc import Iterator
from typing import Final

from router.domain import Passage
from router.speech.live.cutting import QUICK_WIDTH, Cutting
from router.speech.live.reading import Reading
from router.speech.pictographs import without_controls

_SLICE: Final = 1000  # of a large piece: what is read is cut off from the rest, again and again
_MOST_SPACES: Final = 32  # in a row: nothing reads more out of them
_MANY_SPACES: Final = re.compile(" {" + str(_MOST_SPACES + 1) + ",}")
_THOUGHT: Final = re.compile(r"\s*<(think(?:ing)?)>", re.IGNORECASE)
_THOUGHT_BEGUN: Final = tuple("<thinking>"[:length] for length in range(1, 11))


class Unfolding:
    """`language` as BCP 47, None: by the text's script. `quick_width`: about how wide the first passage may be;
    its length is the listener's wait. Feeding it after `close` is a RuntimeError."""

    def __init__(self, language: str | None = None, quick_width: int = QUICK_WIDTH) -> None:
        self._intake = _Intake()
        self._reading = Reading()
        self._cutting = Cutting(language, quick_width)
        self._is_closed = False

    def feed(self, piece: str) -> list[Passage]:
        """The passages that are certain now, in order."""
        if self._is_closed:
            raise RuntimeError("this text is closed: nothing can be added to it")
        slices = (piece[at : at + _SLICE] for at in range(0, len(piece), _SLICE))
        return [passage for each in slices for passage in self._take(self._intake.feed(each))]

    def settle(self) -> list[Passage]:
        """The writer has paused: all that is there, where it seems to end a sentence or a clause (`settling`);
        else nothing.
        """
        if self._is_closed or (glimpsed := self._reading.glimpse()) is None:
            return []
        found = self._cutting.settle(glimpsed, self._reading.last_word)
        if found:
            self._reading.accept()
        return found

    def close(self) -> list[Passage]:
        """The writer has finished: all the rest; the last has no pause after it. [] the second time."""
        if self._is_closed:
            return []
        self._is_closed = True
        found = self._take(self._intake.close())
        rest = self._cutting.close(self._reading.close())
        return [*found, *rest] if rest or not found else [*found[:-1], Passage(found[-1].text)]

    def _take(self, text: str) -> list[Passage]:
        return list(self._passages(text)) if text else []

    def _passages(self, text: str) -> Iterator[Passage]:
        for said in self._reading.feed(text):
            yield from self._cutting.take(said)
            self._reading.is_hungry = self._cutting.is_hungry


class _Intake:
    """The pieces as one text: one kind of line end, no controls, and no thoughts of a reasoning model."""

    def __init__(self) -> None:
        self._held = ""  # the half of a line's end
        self._spaces = 0
        self._begun: str | None = ""  # what may be the beginning of a thought
        self._closing = ""
        self._tail = ""  # of the thought: the end may come in two pieces

    def feed(self, piece: str) -> str:
        """What of it is to be read."""
        text = self._held + piece
        self._held = text[-1:] if text.endswith("\r") else ""
        return self._without_thought(self._narrowed(without_controls(text.removesuffix("\r"))))

    def close(self) -> str:
        """What was held."""
        rest, self._begun = self._begun or "", None
        return rest + "\n" * len(self._held) if not self._closing else ""

    def _narrowed(self, text: str) -> str:
        if not text:
            return text
        narrowed = _MANY_SPACES.sub(" " * _MOST_SPACES, " " * self._spaces + text)
        before, self._spaces = self._spaces, len(narrowed) - len(narrowed.rstrip(" "))
        return narrowed[before:]

    def _without_thought(self, text: str) -> str:
        if self._closing:
            return self._after_thought(text)
        if self._begun is None:
            return text
        self._begun = (self._begun + text).lstrip()
        if found := _THOUGHT.match(self._begun):
            rest, self._begun = self._begun[found.end() :], None
            self._closing = f"</{found[1].lower()}>"
            return self._after_thought(rest)
        if not self._begun or self._begun.lower() in _THOUGHT_BEGUN:
            return ""
        rest, self._begun = self._begun, None
        return rest

    def _after_thought(self, text: str) -> str:
        text = self._tail + text
        at = text.lower().find(self._closing)
        if at < 0:
            self._tail = text[-len(self._closing) :]
            return ""
        rest = text[at + len(self._closing) :]
        self._closing = ""
        return rest
