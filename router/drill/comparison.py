"""Whether what was heard is what should have been, to the sample; if not, which sentences are wrong. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from router.domain import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

_MARGIN_S: Final = (
    0.03  # durations are told to the millisecond: a sentence's first and last moments may be another's
)
_SHORTEST_BYTES: Final = 480  # 10 ms


@dataclass(frozen=True, slots=True)
class Difference:
    """Sentences (by number, from 0) that are not there, not wholly there, or there again. All empty, and
    `is_other`: something else is different. `has_other_words`: the text beside the sound is not the right one."""

    missing: tuple[int, ...] = ()
    truncated: tuple[int, ...] = ()
    repeated: tuple[int, ...] = ()
    is_other: bool = False
    has_other_words: bool = False

    @property
    def is_none(self) -> bool:
        return self == Difference()

    def __str__(self) -> str:
        said = [
            f"sentence {', '.join(str(number + 1) for number in numbers)} {what}"
            for what, numbers in (
                ("missing", self.missing),
                ("truncated", self.truncated),
                ("repeated", self.repeated),
            )
            if numbers
        ]
        said += ["other sound"] * self.is_other + ["other words"] * self.has_other_words
        return "; ".join(said) or "the same"


def difference(expected: bytes, actual: bytes, durations_s: Sequence[float]) -> Difference:
    """What of `expected` (PCM, of segments that last `durations_s`) is not in `actual` once and in full."""
    if expected == actual:
        return Difference()
    missing: list[int] = []
    truncated: list[int] = []
    repeated: list[int] = []
    for number, core in _cores(expected, durations_s):
        times, should = actual.count(core), expected.count(core)
        if times < should:
            (truncated if _is_begun(actual, core) else missing).append(number)
        elif times > should:
            repeated.append(number)
    found = Difference(tuple(missing), tuple(truncated), tuple(repeated))
    if not found.is_none:
        return found
    if len(actual) < len(expected) and expected.startswith(actual):
        return Difference(truncated=(max(0, len(durations_s) - 1),))
    return Difference(is_other=True)


def is_beginning(expected: bytes, actual: bytes, durations_s: Sequence[float]) -> bool:
    """Whether `actual`, in segments that last `durations_s`, is how `expected` begins. Its last segment may be the
    beginning of a sentence, which sounds otherwise than the whole."""
    until = max(0, _offset(sum(durations_s[:-1]) - _MARGIN_S))
    return len(actual) >= until and actual[:until] == expected[:until]


def numbering(numbers: Sequence[int], count: int) -> Difference:
    """What is wrong with segments that came as `numbers`, of `count`."""
    missing = tuple(sorted(set(range(count)).difference(numbers)))
    repeated = tuple(sorted({number for number in numbers if numbers.count(number) > 1}))
    is_other = not missing and not repeated and list(numbers) != list(range(count))
    return Difference(missing, (), repeated, is_other)


def _cores(pcm: bytes, durations_s: Sequence[float]) -> list[tuple[int, bytes]]:
    """Each segment, by its number, without its margins; the whole as one where nobody told of segments."""
    cores, at_s = [], 0.0
    for number, length_s in enumerate(durations_s or [len(pcm) / (SAMPLE_RATE_HZ * BYTES_PER_SAMPLE)]):
        first, last = _offset(at_s + _MARGIN_S), _offset(at_s + length_s - _MARGIN_S)
        if last - first >= _SHORTEST_BYTES:
            cores.append((number, pcm[first:last]))
        at_s += length_s
    return cores


def _offset(at_s: float) -> int:
    return round(at_s * SAMPLE_RATE_HZ) * BYTES_PER_SAMPLE


def _is_begun(sound: bytes, core: bytes) -> bool:
    """Whether a tenth of the segment, its first or its last, is there."""
    tenth = max(_SHORTEST_BYTES, len(core) // 10 // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE)
    return core[:tenth] in sound or core[-tenth:] in sound
