"""The dispatch of speech: text → segments → PCM → one encoder.

The segment is the unit of commitment: no byte of it leaves the router before it is complete and checked, and a
fault in it means that the next candidate speaks it whole. For now a text is one segment; cutting it is an
addition to `_segments` and to the loop that encodes them, nothing else.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from router.answers import exhausted
from router.config.settings import SpeechSettings
from router.domain import AudioFormat, Route, Segment, SpeechRequest, Utterance
from router.errors import Refusal, Silent, UpstreamFault, VoiceMissing
from router.interruptible import Interruptible
from router.ports import Monotonic, Observer, Record, SpeechProvider
from router.repeat import Circumstances, may_try_next
from router.roster import Roster
from router.selection import Candidate
from router.speech.checking import check_duration
from router.speech.copies import Copies
from router.speech.encoding import encode_whole
from router.speech.substitution import permitted
from router.speech.voices import VoiceBook
from router.warming import Warmer


@dataclass(frozen=True, slots=True)
class SpokenAnswer:
    """A complete answer. `generation_s` is the provider's own figure, else the router's clock; `substitution`
    tells what differs from what was asked for."""

    audio: bytes
    duration_s: float
    generation_s: float
    engine: str
    voice: str
    substitution: str | None
    voice_hash: str | None = None


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A segment, who spoke it and how long that took."""

    utterance: Utterance
    route: Route
    took_s: float


class Speaker:
    """Speaks requests through speech providers. `encoders` bounds how many answers are encoded at once."""

    def __init__(
        self,
        providers: Mapping[str, SpeechProvider],
        roster: Roster,
        observer: Observer,
        clock: Monotonic,
        *,
        settings: SpeechSettings,
        voices: VoiceBook,
        warmer: Warmer,
        copies: Copies | None = None,
        encoders: int = 4,
    ) -> None:
        self._providers = providers
        self._roster = roster
        self._observer = observer
        self._clock = clock
        self._settings = settings
        self._voices = voices
        self._warmer = warmer
        self._copies = copies
        self._encoders = asyncio.Semaphore(encoders)

    async def speak(
        self, request: SpeechRequest, routes: Sequence[Route], record: Record, max_wait_s: float
    ) -> SpokenAnswer:
        """Speak all of `request`. Raises NotFound for the voice, NothingCanServe, or the InvalidRequest that a
        provider answered with."""
        voice = request.voice or self._settings.default_voice
        self._voices.check_known(voice, [route.provider for route in routes])
        record.voice = voice
        allowed = self._allowed(request, voice, routes)
        spoken = [
            await self._spoken(segment, allowed, record, max_wait_s) for segment in _segments(request, voice)
        ]
        pcm = b"".join(s.utterance.pcm for s in spoken)
        audio = await self._encoded(pcm, request.format)
        last = spoken[-1]
        answer = SpokenAnswer(
            audio,
            duration_s=sum(s.utterance.duration_s for s in spoken),
            generation_s=sum(s.took_s for s in spoken),
            engine=last.utterance.engine or last.route.model,
            voice=last.utterance.voice or voice,
            substitution=_substitution(last),
            voice_hash=last.utterance.voice_hash,
        )
        record.audio_s, record.generation_s = answer.duration_s, answer.generation_s
        return answer

    async def _encoded(self, pcm: bytes, audio_format: AudioFormat) -> bytes:
        """The answer's bytes, made in a thread. A thread cannot be stopped: when the client leaves meanwhile, its
        place is free only when it has ended."""
        await self._encoders.acquire()
        work = asyncio.get_running_loop().run_in_executor(None, encode_whole, pcm, audio_format)
        work.add_done_callback(self._encoder_ended)
        return await asyncio.shield(work)

    def _encoder_ended(self, work: "asyncio.Future[bytes]") -> None:
        self._encoders.release()
        if not work.cancelled():
            work.exception()  # seen, should nobody wait for it any more

    def _allowed(self, request: SpeechRequest, voice: str, routes: Sequence[Route]) -> list[Route]:
        """The routes that the substitution policy lets speak: the client's word, the voice's, the house's."""
        policy = request.fallback or self._voices.policy(voice) or self._settings.substitution
        matches = [(route, self._voices.match(voice, route.provider, route.model)) for route in routes]
        return permitted(policy, matches)

    async def _spoken(
        self, segment: Segment, routes: Sequence[Route], record: Record, max_wait_s: float
    ) -> _Spoken:
        """One segment by the first candidate that manages. Raises NothingCanServe."""
        refusals: list[Refusal] = []
        faults: list[UpstreamFault] = []
        candidates = self._roster.order(routes, max_wait_s)
        self._warm_the_late(candidates)
        for candidate in candidates:
            route = candidate.route
            if not candidate.is_eligible:
                refusals.append(Refusal(route.provider, candidate.reason))
                continue
            if faults:
                self._observer.failed_over(record.endpoint, record.provider, route.provider, faults[-1].outcome)
            try:
                return await self._attempt(segment, route, record)
            except UpstreamFault as fault:
                faults.append(fault.with_traceback(None))  # which holds this frame, and so the list
                record.reasons.append(fault.outcome)
                self._observer.attempt_finished(route.provider, fault.outcome)
                self._roster.note_fault(route, fault)
                refusals.append(Refusal(route.provider, fault.message))
                is_billed = self._providers[route.provider].card.is_billed
                if not may_try_next(fault, Circumstances(is_billed)):
                    break
        raise exhausted("speech", refusals, faults)

    async def _attempt(self, segment: Segment, route: Route, record: Record) -> _Spoken:
        provider = self._providers[route.provider]
        record.attempts += 1
        record.provider, record.model, record.tier = route.provider, route.model, route.tier
        theirs = replace(segment, voice=self._voices.name_at(segment.voice or "", route.provider, route.model))
        asked = self._clock()
        try:
            async with Interruptible() as work, self._roster.lease(route, work.interrupt):
                # A provider has deadlines for each byte; this one is for the whole segment.
                async with asyncio.timeout(provider.card.first_byte_s + provider.card.stall_s):
                    utterance = await self._said(provider, theirs, route, record)
                check_duration(utterance.pcm, segment.text, segment.speed)
        except TimeoutError as exc:
            raise Silent("did not finish a segment in time") from exc
        finally:
            record.upstream_wait_s += self._clock() - asked
        self._roster.note_success(route)
        self._observer.attempt_finished(route.provider, "ok")
        took_s = utterance.generation_s if utterance.generation_s is not None else self._clock() - asked
        return _Spoken(utterance, route, took_s)

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


def _segments(request: SpeechRequest, voice: str) -> list[Segment]:
    """The text in pieces that are spoken whole or not at all; all with one seed, so that they sound alike."""
    seed = request.seed if request.seed is not None else secrets.randbelow(2**31)
    return [
        Segment(
            request.text,
            voice,
            request.speed,
            request.language,
            seed,
            request.instructions,
            request.options,
        )
    ]


def _substitution(spoken: _Spoken) -> str | None:
    """What X-Router-Substitution says: `model=espeak`, `voice=alloy` or both."""
    used = {
        "model": spoken.utterance.engine or spoken.route.model,
        "voice": spoken.utterance.voice or "default",
    }
    return ", ".join(f"{what}={used[what]}" for what in spoken.route.substitutes) or None
