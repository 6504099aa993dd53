"""What was meant by a name that nobody has: names that look alike. Pure.

Names are compared letter by letter, 50 us for two of 30 letters that are alike, and the event loop waits. Where
there are many, only a typing error's neighbours are compared: a name with a slip shares its beginning, its end, or
what follows its last slash with the one that was meant.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

ALL_COMPARED: Final = 100  # names; of more only neighbours
_EACH_WAY: Final = 8  # neighbours before and behind the place that the name would have
_MOST_CHARS: Final = 200  # of what was asked for
_SUGGESTED: Final = 3


def _backwards(name: str) -> str:
    return name[::-1]


def _bare(name: str) -> str:
    """Without whose it is: `qwen/qwen3` is asked for as `qwen3`."""
    return name.rpartition("/")[2]


_KEYS: Final[tuple[Callable[[str], str], ...]] = (str, _backwards, _bare)


@dataclass(frozen=True, slots=True)
class _Row:
    """The names in the order of what `key` makes of them."""

    key: Callable[[str], str]
    keys: Sequence[str]
    names: Sequence[str]

    def neighbours(self, name: str) -> Sequence[str]:
        at = bisect_left(self.keys, self.key(name))
        return self.names[max(0, at - _EACH_WAY) : at + _EACH_WAY]


class Spellings:
    """`names`: what one may have meant."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._rows = [_row(key, names) for key in _KEYS] if len(names) > ALL_COMPARED else []

    def close_to(self, name: str, may_see: Callable[[str], bool]) -> list[str]:
        """At most three that look like `name`, the most alike first; none but what the asker `may_see`."""
        wanted = name[:_MOST_CHARS]
        likely = [each for each in self._likely(wanted) if may_see(each)]
        return get_close_matches(wanted, likely, n=_SUGGESTED)

    def _likely(self, name: str) -> Sequence[str]:
        if not self._rows:
            return self.names
        return list(dict.fromkeys(each for row in self._rows for each in row.neighbours(name)))


def _row(key: Callable[[str], str], names: Sequence[str]) -> _Row:
    ordered = sorted(names, key=key)
    return _Row(key, [key(name) for name in ordered], ordered)


_LATEST: Final = ":latest"


def tagged(name: str) -> str:
    """As Ollama spells it: a name without a tag means its `latest`."""
    return name if ":" in _bare(name) else name + _LATEST


def untagged(name: str) -> str:
    """Without the tag that goes without saying."""
    return name.removesuffix(_LATEST)
