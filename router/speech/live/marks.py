"""What a text that is still being written has begun and not ended: a link, code in a line, a comment. Pure.

What is open may yet turn out to be something else: `[the docs](https://…` is a link whose address nobody reads
out, once its `)` is there. Nothing is said of it before; but a mark that is never closed is a sign, and after so
many characters it is taken for one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_NAMES: Final = "[A-Za-z][A-Za-z0-9]{0,9}"
_INTEREST: Final = re.compile(
    r"\\.|(?P<code>`+)|(?P<open>\[)|(?P<to>\]\()|(?P<close>\])|(?P<comment><!--)|(?P<tag><)"
    r"|(?i:https?|ftp)://[^\s<>\[\]()\"“”`|\\]+"  # one word, whatever marks are in it
    r"|(?<![\w*_])(?P<lean>[*_])(?=[^\s*_])|(?<=[^\s*_])(?P<upright>[*_])(?![\w*_])",
    re.DOTALL,
)
_DESTINATION: Final = re.compile(r"\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*+\))*+\)", re.DOTALL)
_TAG_BEGUN: Final = re.compile(rf"</?(?:{_NAMES}(?:\s[^<>]{{0,300}})?/?)?\Z")
_FRESH_LINE: Final = re.compile(r"\n(?=[ ]*(?:>|[-+*][ ]|\d{1,9}[.)][ ]|#{1,6}[ ]))")
_LABEL: Final = r"\[[^\[\]\n]{1,300}\]:[ ]*"
# What may lead somewhere, as `markup` has it, or may yet do so.
_DEFINITION: Final = re.compile(
    rf"[ >]*(?:[-+*][ ]+|\d{{1,9}}[.)][ ]+)*{_LABEL}(?:\Z|<?(?:\Z|[a-z][a-z0-9+.-]{{0,15}}(?:\Z|:)|www\.|[/#.]))",
    re.IGNORECASE,
)
_WHOLE_DEFINITIONS: Final = re.compile(  # a title may stand on the next line
    rf"(?:[ ]{{0,3}}{_LABEL}(?:https?://|www\.|/)[^\s<>]+[ ]*\n(?=[ ]*[^\s\"'(]))+", re.IGNORECASE
)
_MOST: Final = {"open": 200, "to": 1000, "code": 300, "comment": 1000, "tag": 320, "lean": 120, "definition": 600}
_BOLD: Final = re.compile(r"\*\*+|__+|~~+")


@dataclass(frozen=True, slots=True)
class Opened:
    """A mark that is not closed; `is_stale`: for so long that it hardly ever will be."""

    at: int
    is_stale: bool


def opened_in(text: str) -> Opened | None:
    """The first mark that the last block of this text has opened and not closed; None where there is none."""
    fresh = 0
    for found in _FRESH_LINE.finditer(text):
        fresh = found.end()
    if _DEFINITION.match(text, fresh):
        return _opened(text, fresh, "definition")
    return _Scan(text).run(fresh)


def definitions_end(text: str) -> int:
    """Where the definitions end that the text begins with and goes on behind; 0 where there are none."""
    found = _WHOLE_DEFINITIONS.match(text)
    return found.end() if found else 0


def is_bold(text: str) -> bool:
    """Whether marks of emphasis seem to be open: text after them is read alike, but the marks themselves not."""
    return len(_BOLD.findall(text)) % 2 == 1


def _opened(text: str, at: int, kind: str) -> Opened:
    return Opened(at, len(text) - at > _MOST[kind])


class _Scan:
    """One look at a text, from mark to mark."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._brackets: list[int] = []
        self._leaning: list[tuple[int, str]] = []
        self._runs: dict[int, list[int]] | None = None

    def run(self, position: int) -> Opened | None:
        """What is open at the end."""
        while found := _INTEREST.search(self._text, position):
            position = found.end()
            if (kind := found.lastgroup) is not None:
                after = self._after(kind, found)
                if after is None:
                    begun_at = self._brackets[-1] if kind == "to" else found.start()
                    return _opened(self._text, begun_at, kind)
                position = after
        return self._first_open()

    def _after(self, kind: str, found: "re.Match[str]") -> int | None:
        """Where to go on; None: it is open to the end."""
        at, end = found.span()
        match kind:
            case "code":
                return self._code_end(at, end)
            case "open":
                self._brackets.append(at)
            case "close" if self._brackets:
                self._brackets.pop()
            case "to" if self._brackets:
                closed = _DESTINATION.match(self._text, end - 1)
                if closed is not None:
                    self._brackets.pop()
                return closed.end() if closed else None
            case "to":
                return end - 1
            case "comment":
                closing = self._text.find("-->", at + 4)
                return closing + 3 if closing >= 0 else None
            case "tag":
                return None if _TAG_BEGUN.match(self._text, at) else end
            case "lean":
                self._leaning.append((at, found[0]))
            case "upright" if self._leaning and self._leaning[-1][1] == found[0]:
                self._leaning.pop()
        return end

    def _code_end(self, at: int, end: int) -> int | None:
        if self._runs is None:
            self._runs = {}
            for run in re.finditer("`+", self._text):
                self._runs.setdefault(len(run[0]), []).append(run.start())
        closing = _first_from(self._runs.get(end - at, ()), end)
        return None if closing is None else closing + end - at

    def _first_open(self) -> Opened | None:
        found = [_opened(self._text, at, "open") for at in self._brackets[:1]]
        found += [_opened(self._text, at, "lean") for at, _ in self._leaning[:1]]
        return min(found, key=lambda each: (each.is_stale, each.at), default=None)


def _first_from(places: Sequence[int], start: int) -> int | None:
    return next((each for each in places if each >= start), None)
