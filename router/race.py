"""What a relay keeps of one segment: the errand, who is at work on it, what became of the others."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from router.circuits import Verdict
from router.domain import Passage, Route, Segment
from router.errors import Refusal, UpstreamFault
from router.ports import Record
from router.selection import Candidate, Need
from router.spoken import Spoken


@dataclass(frozen=True, slots=True)
class Errand:
    """A segment to be spoken: by which routes, how soon. `listener_has_s`: how long the listener goes on hearing
    what came before; None when nobody listens yet."""

    segment: Segment
    passage: Passage
    routes: Sequence[Route]
    need: Need
    listener_has_s: float | None = None


class Attempt:
    """A candidate at work on the segment."""

    def __init__(self, candidate: Candidate) -> None:
        loop = asyncio.get_running_loop()
        self.candidate = candidate
        self.route = candidate.route
        self.began = loop.time()
        self.overdue_s = math.inf  # after so long; known from the beginning, or later
        self.doubted: asyncio.Future[None] = loop.create_future()
        self.work: asyncio.Task[Spoken]

    @property
    def spent_s(self) -> float:
        return asyncio.get_running_loop().time() - self.began

    @property
    def is_trial(self) -> bool:
        return self.candidate.standing.verdict is Verdict.TRIAL

    @property
    def is_doubted(self) -> bool:
        return self.doubted.done()

    def doubt(self) -> None:
        """Somebody better begin beside it, and be heard."""
        if not self.doubted.done():
            self.doubted.set_result(None)


@dataclass(slots=True)
class Race:
    """What one segment has seen so far. Who is preferred is the `favourite`; the `rival` speaks it as well, so
    that it is there should the favourite fail. `dry_at`: when the listener has nothing left to hear."""

    errand: Errand
    record: Record
    waiting: list[Candidate]
    dry_at: float
    favourite: Attempt | None = None
    rival: Attempt | None = None
    refusals: list[Refusal] = field(default_factory=list)
    faults: list[UpstreamFault] = field(default_factory=list)
    attempts: int = 0
    may_go_on: bool = True

    @property
    def running(self) -> list[Attempt]:
        return [attempt for attempt in (self.favourite, self.rival) if attempt is not None]

    def lose(self, attempt: Attempt, fault: UpstreamFault) -> None:
        """An attempt failed."""
        self.faults.append(fault.with_traceback(None))  # which holds frames, and so the list
        self.refusals.append(Refusal(attempt.route.provider, fault.message))
        self.record.reasons.append(fault.outcome)


async def stop(attempts: Sequence[Attempt]) -> None:
    """End what is under way: closes its connection."""
    for attempt in attempts:
        attempt.work.cancel()
        attempt.doubted.cancel()
    if attempts:
        await asyncio.wait([attempt.work for attempt in attempts])
    for attempt in attempts:
        if not attempt.work.cancelled():
            attempt.work.exception()  # seen
