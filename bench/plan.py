"""What a run will do, and how long that takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.cases import CASES, WIDE, Case, Kind
from bench.closed import WARM_UP_S
from bench.contenders import Contender

_DRAIN_S: Final = 0.6  # most come to rest at the first look, of which there are two
_OPENING_S: Final = 1.0
_FIRST_S: Final = 6.0
_START_S: Final = 2.0
_SLOW_START_S: Final = 15.0
_WIDE_S: Final = 8.0  # its start and its sample


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rounds, and seconds per sample. `only`: contenders by name, None for all."""

    rounds: int
    sample_s: int
    cases: tuple[Case, ...] = CASES
    only: frozenset[str] | None = None

    @property
    def paced_s(self) -> int:
        """An event costs so little that a second more is needed for as good a figure."""
        return self.sample_s + 1

    @property
    def slow_s(self) -> int:
        """With 32 connections who takes 50 ms a request gives the first answers after more than a second."""
        return self.sample_s + 4

    def duration_s(self, case: Case, contender: Contender) -> int:
        """Of a sample under load."""
        if case.kind is Kind.PACED:
            return self.paced_s
        return self.slow_s if contender.is_slow else self.sample_s

    def loaded(self) -> tuple[Case, ...]:
        return tuple(case for case in self.cases if not case.is_fresh)

    def fresh(self) -> tuple[Case, ...]:
        return tuple(case for case in self.cases if case.is_fresh)

    def expected_s(self, contenders: Sequence[Contender]) -> float:
        """For all rounds, and about."""
        wide_s = sum(_WIDE_S * self.rounds for case in self.cases if WIDE in case.only)
        return wide_s + sum(
            self._sample_s(case, contender) * (1 if case.is_fresh and contender.is_slow else self.rounds)
            for case in self.cases
            for contender in contenders
            if does_take(contender, case)
        )

    def _sample_s(self, case: Case, contender: Contender) -> float:
        match case.kind:
            case Kind.CLOSED:
                return WARM_UP_S + self.duration_s(case, contender) + _DRAIN_S
            case Kind.PACED:
                return self.paced_s + _OPENING_S + _DRAIN_S
            case Kind.FIRST:
                return _FIRST_S + _OPENING_S + _DRAIN_S
            case Kind.START | Kind.IDLE:
                return _SLOW_START_S if contender.is_slow else _START_S + _DRAIN_S


def does_take(contender: Contender, case: Case) -> bool:
    """Part in it: not without a gateway where the gateway itself is looked at."""
    if case.name in contender.skips or (case.is_fresh and contender.pid is None):
        return False
    return case.for_contender(contender.name, contender.is_slow) is not None


def rotated(contenders: Sequence[Contender], round_: int) -> list[Contender]:
    """Another one first in each round: who comes after whom must not matter."""
    at = (round_ - 1) % max(1, len(contenders))
    return [*contenders[at:], *contenders[:at]]
