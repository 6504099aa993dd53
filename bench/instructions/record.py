"""What was counted once and is kept beside the code, and what a new count means next to it. No I/O.

A count is judged on the kind of machine of the record and an interpreter that executes as much for the same work.
There a package of another version excuses no figure: what it costs is what users pay.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

TOLERANCE: Final = 0.05
YARDSTICK_TOLERANCE: Final = 0.01


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ran. `yardstick`: the interpreter's instructions for a fixed piece of Python."""

    python: str
    compiler: str
    yardstick: int
    machine: str
    libc: str
    valgrind: str
    packages: dict[str, str]

    def is_comparable(self, other: "Setting") -> bool:
        """Whether a figure of one must hold for the other."""
        return self._has_interpreter_of(other) and self.machine == other.machine

    def _has_interpreter_of(self, other: "Setting") -> bool:
        return abs(other.yardstick / self.yardstick - 1) <= YARDSTICK_TOLERANCE

    def differences(self, here: "Setting") -> list[str]:
        """What is another one `here`, in words."""
        before, now = self.parts(), here.parts()
        different = {name for name in before | now if before.get(name) != now.get(name)}
        if self._has_interpreter_of(here):  # its yardstick varies a little with the environment's size
            different.discard("yardstick")
        return [
            f"{name}: recorded {before.get(name, 'none')}, here {now.get(name, 'none')}"
            for name in before | now
            if name in different
        ]

    def parts(self) -> dict[str, str]:
        """All of it by name."""
        own = {name: str(getattr(self, name)) for name in self.__struct_fields__ if name != "packages"}
        return own | self.packages


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`instructions`: for each unit, by the case's name."""

    taken_at: str
    setting: Setting
    instructions: dict[str, int]


class Outcome(StrEnum):
    """Of a figure beside the recorded one."""

    AS_RECORDED = "as recorded"
    WORSE = "WORSE"
    BETTER = "better: record it"
    UNKNOWN = "not recorded"


_NOT_JUDGED: Final = (
    "NOT JUDGED: another interpreter or another kind of machine executes other instructions. "
    "Only a count in the record's setting says whether the router became slower."
)
_ADVICE: Final = {
    Outcome.WORSE: (
        f"FAILED: more than {TOLERANCE * 100:g} % above the record. What costs it: make guard DUMPS=folder, then "
        "callgrind_annotate folder/CASE.callgrind. If it is worth its price, record it in the same change "
        "and say why: python -m bench.instructions --record"
    ),
    Outcome.UNKNOWN: "FAILED: a case has no record: python -m bench.instructions --record",
    Outcome.BETTER: "Better than the record: keep it with python -m bench.instructions --record",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one case. `recorded`: None when the case is new."""

    case: str
    recorded: int | None
    counted: int

    @property
    def share(self) -> float | None:
        """What it costs more, as a share of what was recorded; less than 0 when it costs less."""
        return self.counted / self.recorded - 1 if self.recorded else None

    @property
    def outcome(self) -> Outcome:
        if self.share is None:
            return Outcome.UNKNOWN
        if self.share > TOLERANCE:
            return Outcome.WORSE
        return Outcome.BETTER if self.share < -TOLERANCE else Outcome.AS_RECORDED

    def __str__(self) -> str:
        if self.recorded is None or self.share is None:
            return f"{self.case:8} {self.counted:>10,}  {self.outcome}"
        return (
            f"{self.case:8} {self.counted:>10,}  recorded {self.recorded:>10,}  {self.share:+7.1%}  {self.outcome}"
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """A count beside the record."""

    record: Record
    setting: Setting
    verdicts: list[Verdict]

    @classmethod
    def of(cls, record: Record, setting: Setting, counted: dict[str, int]) -> "Comparison":
        known = record.instructions
        return cls(record, setting, [Verdict(name, known.get(name), figure) for name, figure in counted.items()])

    @property
    def is_judged(self) -> bool:
        return self.record.setting.is_comparable(self.setting)

    @property
    def is_failed(self) -> bool:
        """Whether the change must not go in as it is."""
        return self.is_judged and any(v.outcome in {Outcome.WORSE, Outcome.UNKNOWN} for v in self.verdicts)

    def lines(self) -> list[str]:
        """For people."""
        said = [
            f"{len(self.verdicts)} counts, instructions for each request or event; recorded {self.record.taken_at}"
        ]
        said += [str(verdict) for verdict in self.verdicts]
        said += [f"another setting: {line}" for line in self.record.setting.differences(self.setting)]
        return [*said, *self._advice()]

    def _advice(self) -> list[str]:
        if not self.is_judged:
            return [_NOT_JUDGED]
        outcomes = {verdict.outcome for verdict in self.verdicts}
        return [advice for outcome, advice in _ADVICE.items() if outcome in outcomes]
