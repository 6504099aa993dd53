"""What a run will do, and how long that takes."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.cases import CASES, WIDE, Case, Kind
from bench.closed import WARM_UP_S
from bench.contenders import Contender

_DRAIN_S: Final = 0.6  # most come to rest at the first look, of which there are two
_OPENING_S: Final = 1.0
_FIRST_S: Final = 6.0
_START_S: Final = 2.5
_SLOW_START_S: Final = 25.0
_IDLE_S: Final = 1.5
_WIDE_S: Final = 8.0  # its start and its sample


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rounds, and seconds per sample. `only`: contenders by name, None for all; `python`: see `Place`."""

    rounds: int
    sample_s: float
    cases: tuple[Case, ...] = CASES
    only: frozenset[str] | None = None
    python: str = sys.executable

    @property
    def paced_s(self) -> float:
        """An event costs so little that a second more is needed for as good a figure."""
        return self.sample_s + 1

    @property
    def slow_s(self) -> float:
        """With 32 connections who takes 50 ms a request gives the first answers after more than a second."""
        return self.sample_s + 2.5

    def duration_s(self, case: Case, contender: Contender) -> float:
        """Of a sample under load."""
        if case.kind is Kind.PACED:
            return self.paced_s
        return self.slow_s if contender.is_slow else self.sample_s

    def loaded(self) -> tuple[Case, ...]:
        return tuple(case for case in self.cases if not case.is_fresh)

    def fresh(self) -> tuple[Case, ...]:
        return tuple(case for case in self.cases if case.is_fresh)

    def expected_s(self, contenders: Sequence[Contender]) -> float:
        """For all rounds and all starts, and about."""
        wide_s = sum(_WIDE_S * self.rounds for case in self.cases if WIDE in case.only)
        starts_s = sum(_start_s(contender) for contender in contenders if contender.pid is not None)
        return (
            wide_s
            + starts_s
            + sum(
                self._sample_s(case, contender)
                for round_ in range(1, self.rounds + 1)
                for case in self.cases
                for contender in contenders
                if self.does_take(contender, case, round_)
            )
        )

    def does_take(self, contender: Contender, case: Case, round_: int) -> bool:
        """Part in it in this round."""
        has_had_it = round_ > 1 and (contender.name in case.once or (case.is_fresh and contender.is_slow))
        return not has_had_it and does_take(contender, case)

    def _sample_s(self, case: Case, contender: Contender) -> float:
        match case.kind:
            case Kind.CLOSED:
                return WARM_UP_S + self.duration_s(case, contender) + _DRAIN_S
            case Kind.PACED:
                return self.paced_s + _OPENING_S + _DRAIN_S
            case Kind.FIRST:
                return _FIRST_S + _OPENING_S + _DRAIN_S
            case Kind.START:  # a slow one has been started already
                return _DRAIN_S + (0.0 if contender.is_slow else _start_s(contender))
            case Kind.IDLE:  # after the start, with the same process
                return _IDLE_S + _DRAIN_S


def does_take(contender: Contender, case: Case) -> bool:
    """Part in it: not without a gateway where the gateway itself is looked at."""
    if contender.has_few_cases and case.slow_connections is None:
        return False
    if case.name in contender.skips or (case.is_fresh and contender.pid is None):
        return False
    return case.for_contender(contender.name, contender.is_slow) is not None


def _start_s(contender: Contender) -> float:
    return _SLOW_START_S if contender.is_slow else _START_S


def rotated(contenders: Sequence[Contender], round_: int) -> list[Contender]:
    """Another one first in each round: who comes after whom must not matter."""
    at = (round_ - 1) % max(1, len(contenders))
    return [*contenders[at:], *contenders[:at]]
