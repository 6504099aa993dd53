"""What a door of the fault proxy may be told to do."""

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """What a door does to inferences; probes pass, except where the machine or the server is gone."""

    PASS = "pass"  # noqa: S105  no password
    BLACK_HOLE = "black_hole"  # as if the cable were out: dials unanswered, connections silent
    REFUSE = "refuse"  # as if the process were gone
    STALL = "stall"  # an answer begins, then nothing more
    CUT = "cut"  # an answer begins, then a reset
    STORM = "storm"  # 503 at once
    SLOW = "slow"  # a few bytes at a time


@dataclass(frozen=True, slots=True)
class Order:
    """`after` bytes of an inference's answer (at random between two bounds) a fault strikes; `rate` in bytes/s."""

    mode: Mode
    after: tuple[int, int] = (1, 1)
    rate: float = 1e9
