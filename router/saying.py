"""One segment of a telling: from the cache, or spoken now, once for all who want the same; and how soon it must be
there. Whoever has begun to hear an answer is not cut off because everybody is gone for a moment.
"""

import asyncio
import contextlib
import math
from typing import Final

from router.domain import Passage, Priority, Segment
from router.errors import NothingCanServe
from router.narration import Narration
from router.ports import Monotonic
from router.race import Errand
from router.recollection import Recollection
from router.relay import Relay
from router.roster import Roster
from router.selection import Need
from router.speech.cache import Flights, segment_key
from router.speech.segments import expected_s
from router.spoken import Spoken
from router.telling import Telling

LONG_S: Final = 10.0  # texts longer than this are spoken only by who keeps up with playback, if somebody does
BETTER_VOICE_S: Final = 0.5  # of silence are a lesser evil than another voice in between
USUAL_S: Final = 5.0  # of speech in a segment; a longer one takes whoever speaks it longer
LONG_PIECE_RTF: Final = 0.6  # whoever speaks as fast as this is not late because a sentence is long
LOOK_AGAIN_S: Final = 0.5  # while nobody can speak
BEGUN_FIRST_S: Final = 1.0  # who has so little left to hear goes before who has heard nothing yet
RETURN_WITHIN_S: Final = 30.0  # beyond what the listener has: how long an answer that has begun waits for somebody


class Sayer:
    """Says segments. `patience_s`: how long one that begins an answer waits for who has just been lost."""

    def __init__(
        self, relay: Relay, recollection: Recollection, roster: Roster, clock: Monotonic, *, patience_s: float
    ) -> None:
        self._relay = relay
        self._recollection = recollection
        self._roster = roster
        self._clock = clock
        self._patience_s = patience_s
        self._flights: Flights[Spoken] = Flights()

    async def aclose(self) -> None:
        """End what nobody waits for any more."""
        await self._flights.aclose()

    async def say(
        self,
        telling: Telling,
        index: int,
        passage: Passage,
        priority: Priority,
        narration: Narration | None = None,
    ) -> Spoken:
        """A segment, whole. `narration`: who listens meanwhile; None where a whole answer is waited for. Raises
        NothingCanServe, or the InvalidRequest that a provider answered with."""
        record = telling.record
        segment = telling.segment(passage, priority)
        spoken = await self._said(telling, segment, passage, index, narration)
        if spoken.passage is not passage:  # another's flight, who paused differently after it
            spoken = spoken.followed_by(passage)
        record.by(spoken.route)
        counts = record.recalled if spoken.is_cached else record.voiced
        counts[spoken.route.provider] = counts.get(spoken.route.provider, 0) + 1
        if not (index or spoken.is_cached):
            record.first_audio = self._clock()
        return spoken

    async def _said(
        self, telling: Telling, segment: Segment, passage: Passage, index: int, narration: Narration | None
    ) -> Spoken:
        """Said once, waiting for somebody's return when nobody can: a text that has begun is not cut, and one that
        has not is not refused, only because everybody is gone for a moment."""
        gives_up: float | None = None
        loop, paid = asyncio.get_running_loop(), set[str]()
        while True:
            has_s = narration.ahead_s() if narration is not None and index else None
            urgency = math.inf if segment.priority is Priority.BATCH else _urgency(has_s)
            need = self._need(telling, index, passage, has_s, urgency, is_heard=narration is not None)
            routes = [route for route in telling.routes if route.provider not in paid]
            errand = Errand(segment, passage, routes, need, has_s, is_begun=index > 0, paid=paid)
            try:
                return await self._said_once(telling, errand, is_heard=narration is not None)
            except NothingCanServe as error:
                now = loop.time()
                if gives_up is None:
                    if not index and not self._roster.is_fleeting(telling.routes):
                        raise
                    gives_up = now + (has_s or 0.0) + (RETURN_WITHIN_S if index else self._patience_s)
                if now >= gives_up or error.is_final:
                    raise
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_S):
                    await self._roster.until_changed()

    async def _said_once(self, telling: Telling, errand: Errand, *, is_heard: bool) -> Spoken:
        """From the cache or by the relay; with others who want the same meanwhile, as urgently. Both within one
        flight: whoever looked before another's had landed would have it spoken again."""
        if not telling.may_recall:
            return await self._spoken(telling, errand)

        async def recalled_or_spoken() -> Spoken:
            recalled = await self._recollection.segment(telling, errand.segment, errand.passage)
            return recalled or await self._spoken(telling, errand)

        key = segment_key(errand.segment, namespace=telling.askers, model="", voice=telling.voice)
        began, record = self._clock(), telling.record
        spoken, is_anothers = await self._flights.fly(
            f"{errand.segment.priority} {is_heard} {key}", recalled_or_spoken
        )
        if is_anothers and record.first_byte is None:
            record.upstream_wait_s += self._clock() - began
        return spoken

    async def _spoken(self, telling: Telling, errand: Errand) -> Spoken:
        spoken = await self._relay.speak(errand, telling.record)
        await self._recollection.keep_segment(telling, errand.segment, spoken)
        return spoken

    def _need(
        self,
        telling: Telling,
        index: int,
        passage: Passage,
        has_s: float | None,
        urgency: float,
        *,
        is_heard: bool,
    ) -> Need:
        """What a segment needs of who speaks it: how soon it must be there before a lesser voice is better. Who
        has something to hear can wait longer, and so can a long piece; who waits for a whole answer hears nothing
        between its segments."""
        audio_s = expected_s(passage.text, telling.request.speed)
        if index and not is_heard:
            wait_s = telling.max_wait_s + audio_s
        else:
            wait_s = max(telling.max_wait_s, (has_s or 0.0) + BETTER_VOICE_S)
            wait_s += LONG_PIECE_RTF * max(0.0, audio_s - USUAL_S)
        return Need(wait_s, audio_s, is_heard and telling.expected_s > LONG_S, urgency)


def _urgency(has_s: float | None) -> float:
    """See `Gate`: a silence in the middle is worse than one at the beginning."""
    return 0.0 if has_s is None else has_s - BEGUN_FIRST_S
