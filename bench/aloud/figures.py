"""What the replies amount to. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.aloud.listener import Heard
from bench.ratios import Estimate, percentile, ratio

BOUND_S: Final = 0.8  # from the first clause to the first sound: what `Delays.share_in_time` counts
LEAST_GAP_S: Final = 0.02  # shorter ones nobody hears


@dataclass(frozen=True, slots=True)
class Delays:
    """From the first clause to the first sound; `added…`: less the node's time for the first segment.

    `share_overtaking`: of the `long_count` replies that the model went on writing for longer than BOUND_S after
    their first clause, those that were heard before it had finished; None without such replies."""

    count: int
    p50_s: float
    p95_s: float
    p99_s: float
    most_s: float
    added_p50_s: float
    added_p99_s: float
    share_in_time: float
    share_overtaking: float | None
    long_count: int


@dataclass(frozen=True, slots=True)
class Gaps:
    """The silence heard within a reply, in all; `share`: of replies with a gap longer than LEAST_GAP_S."""

    p50_s: float
    p99_s: float
    most_s: float
    share: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """First sound from the question: aloud, in turns, and what of the latter the former is, reply by reply."""

    aloud_p50_s: float
    aloud_p99_s: float
    in_turns_p50_s: float
    in_turns_p99_s: float
    ratio: Estimate


def delays_of(heard: Sequence[Heard]) -> Delays:
    """Of one reply at least."""
    delays_s = [each.delay_s for each in heard]
    long = [each for each in heard if each.written_s - each.clause_s > BOUND_S]
    return Delays(
        count=len(heard),
        p50_s=percentile(delays_s, 50),
        p95_s=percentile(delays_s, 95),
        p99_s=percentile(delays_s, 99),
        most_s=max(delays_s),
        added_p50_s=percentile([each.added_s for each in heard], 50),
        added_p99_s=percentile([each.added_s for each in heard], 99),
        share_in_time=sum(delay_s <= BOUND_S for delay_s in delays_s) / len(heard),
        share_overtaking=sum(each.has_overtaken for each in long) / len(long) if long else None,
        long_count=len(long),
    )


def gaps_of(heard: Sequence[Heard]) -> Gaps:
    """Of one reply at least."""
    sums_s = [sum(each.gaps_s) for each in heard]
    broken = sum(max(each.gaps_s) > LEAST_GAP_S for each in heard)
    return Gaps(percentile(sums_s, 50), percentile(sums_s, 99), max(sums_s), broken / len(heard))


def comparison_of(heard: Sequence[Heard], in_turns_s: Sequence[float]) -> Comparison:
    """Of the same replies in both ways, pair by pair."""
    aloud_s = [each.first_audio_s - each.asked_s for each in heard]
    return Comparison(
        aloud_p50_s=percentile(aloud_s, 50),
        aloud_p99_s=percentile(aloud_s, 99),
        in_turns_p50_s=percentile(in_turns_s, 50),
        in_turns_p99_s=percentile(in_turns_s, 99),
        ratio=ratio(aloud_s, in_turns_s),
    )
