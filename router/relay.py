"""One segment, spoken by whoever can: the candidates in their order, and a rival beside the favourite when that
one may not be heard in time.

A segment is taken whole or not at all, so two may speak the same one (a hedged request: Dean and Barroso, The Tail
at Scale, CACM 2013). The rival starts when the favourite

- is in doubt: its machine missed a sign of life, its model must load anew;
- is overdue: it takes longer than its measured rates explain (it stalls, hangs, a game has its GPU);
- is on trial after failures and nobody hears anything yet;
- or could not be replaced later without a gap: an idle rival begins so long before the listener has nothing left
  to hear as it needs to speak the segment. That is the insurance of an answer's first seconds, before speech is
  made far ahead.

What the rival has spoken is kept until it is needed: the favourite is heard if it is there in time. One that was
overdue rests for a moment (its circuit); one on trial may finish whoever was heard, since that brings it back.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from router.answers import exhausted
from router.domain import ProviderCard, Route, Segment, Utterance
from router.errors import (
    ClientError,
    Implausible,
    InDoubt,
    NothingCanServe,
    Overdue,
    Overloaded,
    Refusal,
    RouterError,
    Silent,
    UpstreamFault,
    VoiceMissing,
)
from router.health import HostState, ProviderState
from router.interruptible import Interruptible
from router.ports import Monotonic, Observer, Record, SpeechProvider
from router.race import Attempt, Errand, Race, stop
from router.repeat import Circumstances, may_try_next
from router.roster import Roster
from router.selection import Candidate, Need
from router.speech.checking import check_duration
from router.speech.copies import Copies
from router.speech.shaping import shaped
from router.speech.voices import VoiceBook
from router.spoken import Spoken
from router.warming import Warmer

# Beyond the time that measured rates explain: half as much again, and what a loaded machine may need besides.
OVERDUE_FACTOR: Final = 1.5
OVERDUE_GRACE_S: Final = 0.5
# What whoever has not spoken yet is thought to need: a CPU's pace, so that only what hangs is overdue, and who
# stands by begins early enough.
UNMEASURED_S: Final = 2.0
UNMEASURED_RTF: Final = 2.0
HEARD_MARGIN_S: Final = 0.3  # how long before the listener has nothing left to hear a rival means to be ready


class Relay:
    """Has segments spoken."""

    def __init__(
        self,
        providers: Mapping[str, SpeechProvider],
        roster: Roster,
        observer: Observer,
        clock: Monotonic,
        *,
        voices: VoiceBook,
        warmer: Warmer,
        copies: Copies | None = None,
    ) -> None:
        self._providers = providers
        self._roster = roster
        self._observer = observer
        self._clock = clock
        self._voices = voices
        self._warmer = warmer
        self._copies = copies
        self._trials: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """End the trials that nobody waits for."""
        trials = tuple(self._trials)
        for trial in trials:
            trial.cancel()
        await asyncio.gather(*trials, return_exceptions=True)

    async def speak(self, errand: Errand, record: Record) -> Spoken:
        """The segment, whole and checked. Raises NothingCanServe or its kin, or a provider's InvalidRequest."""
        candidates = self._roster.order(errand.routes, errand.need)
        self._warm_the_late(candidates)
        has_s = math.inf if errand.listener_has_s is None else errand.listener_has_s
        dry_at = asyncio.get_running_loop().time() + has_s
        race = Race(errand, record, [candidate for candidate in candidates if candidate.is_eligible], dry_at)
        race.refusals += [Refusal(c.route.provider, c.reason) for c in candidates if not c.is_eligible]
        asked = self._clock()
        try:
            while True:
                if race.favourite is None:
                    self._start_next(race)
                await self._wait(race)
                spoken = self._taken(race)
                if spoken is not None:
                    return spoken
                self._maybe_start_rival(race)
        finally:
            if record.first_byte is None:
                record.upstream_wait_s += self._clock() - asked
            await stop(race.running)

    def _start_next(self, race: Race) -> None:
        """The rival becomes the favourite, else the next in order is asked. Raises what `answers.exhausted` makes
        of it when nobody is left."""
        if race.rival is not None:
            race.favourite, race.rival = race.rival, None
            race.record.by(race.favourite.route)
            return
        if not race.waiting or not race.may_go_on:
            raise _nobody(race)
        candidate = race.waiting.pop(0)
        if race.faults and race.attempts:
            self._tell_failover(race, race.refusals[-1].provider, candidate.route, race.faults[-1].outcome)
        race.favourite = self._started(race, candidate)
        race.record.by(candidate.route)
        if race.record.predicted_s is None:
            race.record.predicted_s = candidate.standing.predicted_s

    def _started(self, race: Race, candidate: Candidate) -> Attempt:
        if race.attempts or not race.record.attempts:  # without faults one attempt, however long the answer
            race.record.attempts += 1
        race.attempts += 1
        if self._providers[candidate.route.provider].card.is_billed:
            race.errand.paid.add(candidate.route.provider)
        attempt = Attempt(candidate)
        attempt.overdue_s = self._overdue_s(race.errand, attempt)
        if candidate.standing.host_state is HostState.SUSPECT:
            attempt.doubt()
        attempt.work = asyncio.get_running_loop().create_task(
            self._attempt(race.errand, attempt, race.record), name=f"segment at {attempt.route.provider}"
        )
        return attempt

    async def _wait(self, race: Race) -> None:
        """Until an attempt ends, the favourite is doubted, or it is time for the rival."""
        assert race.favourite is not None
        awaited: set[asyncio.Future[Spoken] | asyncio.Future[None]] = {race.favourite.work}
        due_at = math.inf
        if race.rival is None:
            candidate = self._rival(race)
            due_at = self._rival_at(race, candidate) if candidate is not None else math.inf
        elif race.rival.work.done():
            due_at = self._taken_at(race)
        else:
            awaited.add(race.rival.work)
        if not race.favourite.is_doubted:
            awaited.add(race.favourite.doubted)
        wait_s = None if due_at == math.inf else max(0.0, due_at - asyncio.get_running_loop().time())
        await asyncio.wait(awaited, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)

    def _taken(self, race: Race) -> Spoken | None:
        """The segment, if it is there and may be heard. Raises what is the client's fault, and our own bugs."""
        favourite, rival = race.favourite, race.rival
        assert favourite is not None
        if favourite.work.done():
            race.favourite = None
            spoken = self._result(race, favourite)
            if spoken is None and rival is not None and race.faults:
                self._tell_failover(race, favourite.route.provider, rival.route, race.faults[-1].outcome)
            return spoken
        if rival is None or not rival.work.done():
            return None
        if rival.work.exception() is not None:
            race.rival = None
            return self._result(race, rival, is_rival=True)
        if asyncio.get_running_loop().time() < self._taken_at(race):
            return None
        self._lose(race, favourite, rival)
        race.record.by(rival.route)
        return rival.work.result()

    def _maybe_start_rival(self, race: Race) -> None:
        if race.favourite is None or race.rival is not None:
            return
        candidate = self._rival(race)
        if candidate is None or asyncio.get_running_loop().time() < self._rival_at(race, candidate):
            return
        race.waiting.remove(candidate)
        race.rival = self._started(race, candidate)
        overdue_at = race.favourite.began + self._overdue_s(race.errand, race.favourite)
        is_needed = race.favourite.is_doubted or race.favourite.is_trial
        race.rival.must_be_idle = not is_needed and asyncio.get_running_loop().time() < overdue_at

    def _rival_at(self, race: Race, candidate: Candidate) -> float:
        """When the rival has to begin, by the loop's time."""
        favourite = race.favourite
        assert favourite is not None
        overdue_at = favourite.began + self._overdue_s(race.errand, favourite)
        if candidate.is_late:
            return overdue_at
        if favourite.is_doubted or (favourite.is_trial and race.dry_at == math.inf):
            return favourite.began
        if not self._roster.is_idle_now(candidate.route):
            return overdue_at
        rivals_s = self._roster.expected_s(candidate.route, race.errand.need.audio_s)
        if rivals_s is None:
            rivals_s = _unmeasured_s(race.errand)
        return min(overdue_at, race.dry_at - rivals_s - HEARD_MARGIN_S)

    def _taken_at(self, race: Race) -> float:
        """Until when the favourite is waited for while the rival's segment is there."""
        favourite = race.favourite
        assert favourite is not None
        if favourite.is_trial and race.dry_at == math.inf:  # if it is well, it may as well be heard
            expected_s = self._roster.expected_s(favourite.route, race.errand.need.audio_s) or 0.0
            return favourite.began + OVERDUE_FACTOR * expected_s
        if favourite.is_doubted or race.dry_at == math.inf:
            return favourite.began
        return min(race.dry_at, favourite.began + self._overdue_s(race.errand, favourite))

    def _result(self, race: Race, attempt: Attempt, *, is_rival: bool = False) -> Spoken | None:
        """What an attempt that has ended brought. Raises what is the client's fault, and our own bugs."""
        provider = attempt.route.provider
        try:
            return attempt.work.result()
        except ClientError as error:
            best = min(route.tier for route in race.errand.routes)
            if not (is_rival or race.errand.is_begun or race.faults) and attempt.route.tier == best:
                raise
            race.refuse(attempt, error)  # a lesser voice cannot speak this; a better one may
        except UpstreamFault as fault:
            if attempt.must_be_idle and isinstance(fault, Overloaded):
                race.waiting.insert(0, attempt.candidate)  # for when it is needed
                return None
            race.lose(attempt, fault)
            self._observer.attempt_finished(provider, fault.outcome)
            self._roster.note_fault(attempt.route, fault, is_rival=is_rival)
            is_billed = self._providers[provider].card.is_billed
            if isinstance(fault, Implausible) and attempt.odd is not None:
                if race.believes(attempt.odd):
                    return attempt.odd
                if not is_billed and attempt.candidate not in race.asked_again:
                    race.asked_again.append(attempt.candidate)  # the same again is what this text sounds like
                    race.waiting.append(attempt.candidate)
            race.may_go_on = race.may_go_on and may_try_next(fault, Circumstances(is_billed))
        return None

    def _lose(self, race: Race, loser: Attempt, winner: Attempt) -> None:
        """What it says of the favourite that the rival is heard."""
        if loser.is_trial:
            race.favourite = None
            self._let_finish(race.errand, loser)
            return
        fault: UpstreamFault = InDoubt("given up for another, which was there in time")
        if not loser.is_doubted and loser.spent_s >= self._overdue_s(race.errand, loser):
            fault = Overdue(f"did not finish a segment within {loser.spent_s:.1f} s")
        race.record.reasons.append(fault.outcome)
        self._observer.attempt_finished(loser.route.provider, fault.outcome)
        self._roster.note_fault(loser.route, fault)
        self._tell_failover(race, loser.route.provider, winner.route, fault.outcome)

    def _let_finish(self, errand: Errand, attempt: Attempt) -> None:
        """A trial goes on to its verdict without anybody waiting for it."""
        task = asyncio.get_running_loop().create_task(self._finished(errand, attempt), name="trial")
        self._trials.add(task)
        task.add_done_callback(self._trials.discard)

    async def _finished(self, errand: Errand, attempt: Attempt) -> None:
        patience_s = max(0.0, self._overdue_s(errand, attempt) - attempt.spent_s)
        try:
            async with asyncio.timeout(patience_s):
                await attempt.work  # its success is noted by itself
        except TimeoutError:
            fault: UpstreamFault = Overdue(f"did not finish its trial within {attempt.spent_s:.1f} s")
        except UpstreamFault as exc:
            fault = exc.with_traceback(None)
        except ClientError:
            return  # whoever asked has been told by the winner that it can be spoken
        else:
            return
        finally:
            await stop([attempt])
        self._observer.attempt_finished(attempt.route.provider, fault.outcome)
        self._roster.note_fault(attempt.route, fault)

    def _tell_failover(self, race: Race, provider: str, to: Route, reason: str) -> None:
        self._observer.failed_over(race.record.endpoint, provider, to.provider, reason)

    def _rival(self, race: Race) -> Candidate | None:
        """Who could speak the segment beside the favourite: the next in order, which has those last that must load
        first. What costs money is neither asked twice nor asked on suspicion."""
        assert race.favourite is not None
        if self._providers[race.favourite.route.provider].card.is_billed:
            return None
        for candidate in race.waiting:
            is_billed = self._providers[candidate.route.provider].card.is_billed
            if not (is_billed or candidate.is_last_resort):
                return candidate
        return None

    def _overdue_s(self, errand: Errand, attempt: Attempt) -> float:
        """After how long an attempt is overdue, as was expected when it began: of one that begins now the load is
        shorter, and the queue longer by this very one. Never while a load takes nobody knows how long."""
        if attempt.overdue_s < math.inf:
            return attempt.overdue_s
        expected_s = self._roster.expected_s(attempt.route, errand.need.audio_s)
        if expected_s is None and attempt.candidate.standing.state is ProviderState.UP:
            expected_s = _unmeasured_s(errand)
        return math.inf if expected_s is None else OVERDUE_FACTOR * expected_s + OVERDUE_GRACE_S

    async def _attempt(self, errand: Errand, attempt: Attempt, record: Record) -> Spoken:
        """One candidate, whole and checked. Raises UpstreamFault or InvalidRequest."""
        segment, route = errand.segment, attempt.route
        provider = self._providers[route.provider]
        theirs = replace(segment, voice=self._voices.name_at(segment.voice or "", route.provider, route.model))
        asked, lease = self._clock(), self._roster.lease
        try:
            if attempt.must_be_idle and not self._roster.is_idle_now(route):
                raise Overloaded("busy since it was chosen to stand by")
            async with Interruptible() as work, lease(route, work.interrupt, attempt.doubt, errand.need.urgency):
                attempt.began = asyncio.get_running_loop().time()
                # A provider has deadlines for each byte; this one is for the whole segment.
                async with asyncio.timeout(provider.card.first_byte_s + provider.card.stall_s):
                    utterance = await self._said(provider, theirs, route, record)
                    utterance = await shaped(utterance, segment.options, provider.card.shapes)
        except TimeoutError as exc:
            raise Silent("did not finish a segment in time") from exc
        # What it says itself has neither the queue nor the way in it.
        generation_s = utterance.generation_s if utterance.generation_s is not None else self._clock() - asked
        spoken = Spoken(errand.passage, utterance, route, generation_s, theirs.voice)
        attempt.odd = spoken
        self._note_cost(provider.card, utterance, segment, record)
        check_duration(utterance.pcm, segment.text, segment.speed)
        self._roster.note_success(route)
        self._roster.note_spoken(route, utterance.duration_s, generation_s)
        self._observer.attempt_finished(route.provider, "ok")
        return spoken

    def _note_cost(self, card: ProviderCard, said: Utterance, segment: Segment, record: Record) -> None:
        """What came back was charged for, whether it is heard or not."""
        if not (card.is_billed or card.price.per_million_characters):
            return
        told = said.billed_characters
        characters = len(segment.text) if told is None else told
        cost = card.price.of_speech(characters)
        record.cost += cost
        self._observer.charged(card.id, cost, characters)

    async def _said(self, provider: SpeechProvider, segment: Segment, route: Route, record: Record) -> Utterance:
        """By the provider, which gets the voice first when it has no copy of it: no fault of anybody's."""
        try:
            return await provider.speak(segment, route.model, record.request_id)
        except VoiceMissing:
            voice = self._voices.copied(segment.voice or "")
            if voice is None or self._copies is None or not await self._copies.bring(route.provider, voice):
                raise
        return await provider.speak(segment, route.model, record.request_id)

    def warm(self, routes: Sequence[Route], need: Need) -> None:
        """Somebody will want to hear something soon: whoever would speak it has its model loaded meanwhile."""
        candidates = self._roster.order(routes, need)
        self._warm_the_late(candidates)
        favourite = candidates[0] if candidates else None
        if favourite is not None and favourite.is_eligible and favourite.standing.state is ProviderState.COLD:
            self._warm(favourite)

    def _warm(self, candidate: Candidate) -> None:
        self._warmer.warm(candidate.route.provider, candidate.route.model or None)

    def _warm_the_late(self, candidates: Sequence[Candidate]) -> None:
        """Whoever is preferred but passed over because its model must load first shall have it loaded soon."""
        for candidate in candidates:
            if candidate.is_late and not candidate.route.substitutes:
                self._warm(candidate)


def _unmeasured_s(errand: Errand) -> float:
    return UNMEASURED_S + UNMEASURED_RTF * errand.need.audio_s


def _nobody(race: Race) -> RouterError:
    """Why nobody speaks it: the client's own fault when all who were asked say so."""
    if race.caller_errors and not race.faults and not race.errand.is_begun:
        return race.caller_errors[0]
    error = exhausted("speech", race.refusals, race.faults)
    if isinstance(error, NothingCanServe):
        error.is_final = not race.may_go_on
    elif race.errand.is_begun:  # what all agree on is for who has not heard anything yet
        error = NothingCanServe("speech", race.refusals)
    return error
