"""What a relay keeps of one segment: the errand, who is at work on it, what became of the others."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from router.circuits import Verdict
from router.domain import Passage, Route, Segment
from router.errors import ClientError, Refusal, UpstreamFault
from router.ports import Record
from router.selection import Candidate, Need
from router.spoken import Spoken

SIMILAR: Final = 1.5  # two lengths of the same text


@dataclass(frozen=True, slots=True)
class Errand:
    """A segment to be spoken: by which routes, how soon. `listener_has_s`: how long the listener goes on hearing
    what came before; None when nobody listens yet. `is_begun`: segments before it have been spoken. `paid`: who
    charges and has been asked; filled in."""

    segment: Segment
    passage: Passage
    routes: Sequence[Route]
    need: Need
    listener_has_s: float | None = None
    is_begun: bool = False
    paid: set[str] = field(default_factory=set)


class Attempt:
    """A candidate at work on the segment."""

    def __init__(self, candidate: Candidate) -> None:
        loop = asyncio.get_running_loop()
        self.candidate = candidate
        self.route = candidate.route
        self.began = loop.time()  # and anew when its turn has come
        self.overdue_s = math.inf  # after so long; known from the beginning, or later
        self.doubted: asyncio.Future[None] = loop.create_future()
        self.must_be_idle = False  # it stands by, and shall keep nobody waiting for that
        self.odd: Spoken | None = None  # what it said, before its length was looked at
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
    caller_errors: list[ClientError] = field(default_factory=list)
    odd: Spoken | None = None  # of a length that can hardly be right, unless another's is the same
    asked_again: list[Candidate] = field(default_factory=list)
    attempts: int = 0
    may_go_on: bool = True

    @property
    def running(self) -> list[Attempt]:
        return [attempt for attempt in (self.favourite, self.rival) if attempt is not None]

    def refuse(self, attempt: Attempt, error: ClientError) -> None:
        """A provider will not speak this."""
        self.caller_errors.append(error)
        self.refusals.append(Refusal(attempt.route.provider, error.message))

    def believes(self, spoken: Spoken) -> bool:
        """Whether an odd length has come twice, so that it is the text that is odd."""
        if self.odd is None:
            self.odd = spoken
            return False
        shorter, longer = sorted((self.odd.utterance.duration_s, spoken.utterance.duration_s))
        return longer <= SIMILAR * shorter + 0.1

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
