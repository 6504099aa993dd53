"""Deadlines and bounds of one model's life."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """In seconds, and in requests."""

    idle_timeout_s: float = 600.0  # 0: never
    queue_limit: int = 8  # of each priority
    queue_wait_s: float = 120.0  # for a turn, and for room in memory
    watchdog_s: float = 30.0  # silence during an utterance
    load_timeout_s: float = 300.0
    cancel_grace_s: float = 10.0  # from a listener's leaving to the child's saying so
