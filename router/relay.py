"""One segment, spoken by whoever can: the candidates in their order, and a second one beside the first when that
one keeps the listener waiting.

A segment is taken whole or not at all, so two may speak the same one: the first whole segment counts and the other
is stopped (a hedged request: Dean and Barroso, The Tail at Scale, CACM 2013). The second starts when the first

- takes longer than its measured rates explain (it stalls, hangs, or a game has its GPU): it was overdue, which its
  circuit remembers,
- is in doubt: its machine missed a sign of life, its model must load anew, or it still loads and the listener will
  soon have nothing left to hear,
- is on trial after failures: then it may finish, whoever was faster, since only that brings it back.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from router.answers import exhausted
from router.domain import Route, Segment, Utterance
from router.errors import ClientError, InDoubt, Overdue, Refusal, Silent, UpstreamFault, VoiceMissing
from router.health import ProviderState
from router.interruptible import Interruptible
from router.ports import Monotonic, Observer, Record, SpeechProvider
from router.race import Attempt, Errand, Race, stop
from router.repeat import Circumstances, may_try_next
from router.roster import Roster
from router.selection import Candidate
from router.speech.checking import check_duration
from router.speech.copies import Copies
from router.speech.voices import VoiceBook
from router.spoken import Spoken
from router.warming import Warmer

# Beyond the time that measured rates explain: half as much again, and what a loaded machine may need besides.
OVERDUE_FACTOR: Final = 1.5
OVERDUE_GRACE_S: Final = 0.5
HEARD_MARGIN_S: Final = 0.5  # how long before the listener hears nothing another must have begun


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
        race = Race(errand, record, [candidate for candidate in candidates if candidate.is_eligible])
        race.refusals += [Refusal(c.route.provider, c.reason) for c in candidates if not c.is_eligible]
        asked = self._clock()
        try:
            while True:
                if not race.running:
                    self._start_next(race)
                spoken = await self._watched(race)
                if spoken is not None:
                    return replace(spoken, attempts=race.attempts)
        finally:
            if record.first_byte is None:
                record.upstream_wait_s += self._clock() - asked
            await stop(race.running)

    def _start_next(self, race: Race) -> None:
        """Ask the next in order. Raises what `answers.exhausted` makes of it when nobody is left."""
        if not race.waiting or not race.may_go_on:
            raise exhausted("speech", race.refusals, race.faults)
        candidate = race.waiting.pop(0)
        if race.faults:
            self._tell_failover(race, candidate, race.faults[-1].outcome)
        self._start(race, candidate)

    def _start(self, race: Race, candidate: Candidate) -> None:
        race.attempts += 1
        race.record.attempts += 1
        _take_note(race.record, candidate.route)
        if race.record.predicted_s is None:
            race.record.predicted_s = candidate.standing.predicted_s
        attempt = Attempt(candidate)
        attempt.work = asyncio.get_running_loop().create_task(
            self._attempt(race.errand, attempt, race.record), name=f"segment at {attempt.route.provider}"
        )
        race.running.append(attempt)

    async def _watched(self, race: Race) -> Spoken | None:
        """Until something happens: the segment, or None when the race goes on."""
        first = race.running[0]
        rival = self._rival(race) if len(race.running) == 1 else None
        awaited: set[asyncio.Future[Spoken] | asyncio.Future[None]] = {attempt.work for attempt in race.running}
        patience_s = None
        if rival is not None:
            awaited.add(first.doubted)
            patience_s = self._patience_s(race.errand, first, rival)
        done, _ = await asyncio.wait(awaited, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
        for attempt in tuple(race.running):
            if attempt.work in done:
                race.running.remove(attempt)
                spoken = self._settled(race, attempt)
                if spoken is not None:
                    self._tell_won(race, attempt)
                    return spoken
        if rival is not None and race.running == [first]:
            if first.doubted not in done and not first.is_trial:
                first.lost_by = self._why_late(race.errand, first)
            race.waiting.remove(rival)
            self._start(race, rival)
        return None

    def _why_late(self, errand: Errand, attempt: Attempt) -> UpstreamFault:
        if attempt.spent_s < self._overdue_s(errand, attempt.route):
            return InDoubt("its model still loads, and the listener had nothing left to hear")
        return Overdue(f"did not finish a segment within {attempt.spent_s:.1f} s")

    def _settled(self, race: Race, attempt: Attempt) -> Spoken | None:
        """What an attempt that has ended brought. Raises what is the client's fault, and our own bugs."""
        try:
            return attempt.work.result()
        except UpstreamFault as fault:
            race.lose(attempt, fault)
            self._observer.attempt_finished(attempt.route.provider, fault.outcome)
            self._roster.note_fault(attempt.route, fault)
            is_billed = self._providers[attempt.route.provider].card.is_billed
            race.may_go_on = race.may_go_on and may_try_next(fault, Circumstances(is_billed))
            if race.running:  # its rival is at work already
                _take_note(race.record, race.running[0].route)
                self._tell_failover(race, race.running[0].candidate, fault.outcome, attempt.route.provider)
            return None

    def _tell_won(self, race: Race, winner: Attempt) -> None:
        """What that says of whoever had begun before the winner."""
        _take_note(race.record, winner.route)
        for loser in tuple(race.running):
            if loser.began > winner.began:
                continue
            if loser.is_trial:
                race.running.remove(loser)
                self._let_finish(race.errand, loser)
                continue
            race.record.reasons.append(loser.lost_by.outcome)
            self._observer.attempt_finished(loser.route.provider, loser.lost_by.outcome)
            self._roster.note_fault(loser.route, loser.lost_by)
            self._tell_failover(race, winner.candidate, loser.lost_by.outcome, loser.route.provider)

    def _let_finish(self, errand: Errand, attempt: Attempt) -> None:
        """A trial goes on to its verdict without anybody waiting for it."""
        task = asyncio.get_running_loop().create_task(self._finished(errand, attempt), name="trial")
        self._trials.add(task)
        task.add_done_callback(self._trials.discard)

    async def _finished(self, errand: Errand, attempt: Attempt) -> None:
        patience_s = max(0.0, self._overdue_s(errand, attempt.route) - attempt.spent_s)
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

    def _tell_failover(self, race: Race, to: Candidate, reason: str, of: str | None = None) -> None:
        self._observer.failed_over(race.record.endpoint, of or race.record.provider, to.route.provider, reason)

    def _rival(self, race: Race) -> Candidate | None:
        """Who could speak the segment beside the one at work: the next that could begin now. What costs money is
        neither asked twice nor asked on suspicion."""
        (first,) = race.running
        if self._providers[first.route.provider].card.is_billed:
            return None
        for candidate in race.waiting:
            is_billed = self._providers[candidate.route.provider].card.is_billed
            if not (is_billed or candidate.is_late or candidate.is_last_resort):
                return candidate
        return None

    def _patience_s(self, errand: Errand, first: Attempt, rival: Candidate) -> float | None:
        """How much longer the one at work may take before the rival begins; None: as long as nobody doubts it."""
        if first.is_trial:
            return 0.0
        patience_s = self._overdue_s(errand, first.route)
        if errand.listener_has_s is not None and first.candidate.standing.state is not ProviderState.UP:
            # It still loads. Should that take longer than it says, another must have begun in time.
            rivals_s = self._roster.expected_s(rival.route, errand.need.audio_s) or 0.0
            patience_s = min(patience_s, errand.listener_has_s - rivals_s - HEARD_MARGIN_S)
        return max(0.0, patience_s - first.spent_s) if patience_s < math.inf else None

    def _overdue_s(self, errand: Errand, route: Route) -> float:
        """After how long an attempt is overdue; for ever where nothing was measured yet."""
        expected_s = self._roster.expected_s(route, errand.need.audio_s)
        return math.inf if expected_s is None else OVERDUE_FACTOR * expected_s + OVERDUE_GRACE_S

    async def _attempt(self, errand: Errand, attempt: Attempt, record: Record) -> Spoken:
        """One candidate, whole and checked. Raises UpstreamFault or InvalidRequest."""
        segment, route = errand.segment, attempt.route
        provider = self._providers[route.provider]
        theirs = replace(segment, voice=self._voices.name_at(segment.voice or "", route.provider, route.model))
        asked = self._clock()
        try:
            async with Interruptible() as work, self._roster.lease(route, work.interrupt, attempt.doubt):
                # A provider has deadlines for each byte; this one is for the whole segment.
                async with asyncio.timeout(provider.card.first_byte_s + provider.card.stall_s):
                    utterance = await self._said(provider, theirs, route, record)
                check_duration(utterance.pcm, segment.text, segment.speed)
        except TimeoutError as exc:
            raise Silent("did not finish a segment in time") from exc
        took_s = self._clock() - asked
        self._roster.note_success(route)
        self._roster.note_spoken(route, utterance.duration_s, took_s)
        self._observer.attempt_finished(route.provider, "ok")
        generation_s = utterance.generation_s if utterance.generation_s is not None else took_s
        return Spoken(errand.passage, utterance, route, generation_s)

    async def _said(self, provider: SpeechProvider, segment: Segment, route: Route, record: Record) -> Utterance:
        """By the provider, which gets the voice first when it has no copy of it: no fault of anybody's."""
        try:
            return await provider.speak(segment, route.model, record.request_id)
        except VoiceMissing:
            voice = self._voices.copied(segment.voice or "")
            if voice is None or self._copies is None or not await self._copies.bring(route.provider, voice):
                raise
        return await provider.speak(segment, route.model, record.request_id)

    def _warm_the_late(self, candidates: Sequence[Candidate]) -> None:
        """Whoever is preferred but passed over because its model must load first shall have it loaded soon."""
        for candidate in candidates:
            if candidate.is_late and not candidate.route.substitutes:
                self._warmer.warm(candidate.route.provider)


def _take_note(record: Record, route: Route) -> None:
    record.provider, record.model, record.tier = route.provider, route.model, route.tier
