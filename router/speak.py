"""The dispatch of speech: text → segments → PCM → one encoder.

The segment is the unit of commitment: no byte of it leaves the router before it is complete and checked, and a
fault in it means that the next candidate speaks it whole. For now a text is one segment; cutting it is an
addition to `_segments` and to the loop that encodes them, nothing else.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from router.answers import exhausted
from router.config.settings import SpeechSettings
from router.domain import Route, Segment, SpeechRequest, Utterance
from router.errors import Refusal, UpstreamFault
from router.ports import Monotonic, Observer, Record, SpeechProvider
from router.roster import Roster
from router.speech.checking import check_duration
from router.speech.encoding import encode_whole
from router.speech.voices import VoiceBook


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
        encoders: int = 4,
    ) -> None:
        self._providers = providers
        self._roster = roster
        self._observer = observer
        self._clock = clock
        self._settings = settings
        self._voices = voices
        self._encoders = asyncio.Semaphore(encoders)

    async def speak(self, request: SpeechRequest, routes: Sequence[Route], record: Record) -> SpokenAnswer:
        """Speak all of `request`. Raises NothingCanServe, or the InvalidRequest a provider answered with."""
        voice = request.voice or self._settings.default_voice
        self._voices.check_known(voice, [route.provider for route in routes])
        record.voice = voice
        spoken = [await self._spoken(segment, routes, record) for segment in _segments(request, voice)]
        pcm = b"".join(s.utterance.pcm for s in spoken)
        async with self._encoders:
            audio = await asyncio.to_thread(encode_whole, pcm, request.format)
        last = spoken[-1]
        answer = SpokenAnswer(
            audio,
            duration_s=sum(s.utterance.duration_s for s in spoken),
            generation_s=sum(s.took_s for s in spoken),
            engine=last.utterance.engine or last.route.model,
            voice=last.utterance.voice or voice,
            substitution=_substitution(last),
        )
        record.audio_s, record.generation_s = answer.duration_s, answer.generation_s
        return answer

    async def _spoken(self, segment: Segment, routes: Sequence[Route], record: Record) -> _Spoken:
        """One segment by the first candidate that manages. Raises NothingCanServe."""
        refusals: list[Refusal] = []
        faults: list[UpstreamFault] = []
        for candidate in self._roster.order(routes):
            route = candidate.route
            if not candidate.is_eligible:
                refusals.append(Refusal(route.provider, candidate.reason))
                continue
            if not self._voices.has(segment.voice, route.provider):
                refusals.append(Refusal(route.provider, f"has no voice {segment.voice!r}"))
                continue
            if faults:
                self._observer.failed_over(record.endpoint, record.provider, route.provider, faults[-1].outcome)
            try:
                return await self._attempt(segment, route, record)
            except UpstreamFault as fault:
                faults.append(fault)
                record.reasons.append(fault.outcome)
                self._observer.attempt_finished(route.provider, fault.outcome)
                self._roster.note_fault(route.provider, fault)
                refusals.append(Refusal(route.provider, fault.message))
        raise exhausted("speech", refusals, faults)

    async def _attempt(self, segment: Segment, route: Route, record: Record) -> _Spoken:
        provider = self._providers[route.provider]
        record.attempts += 1
        record.provider, record.model = route.provider, route.model
        theirs = self._voices.translated(segment, route.provider)
        asked = self._clock()
        with self._roster.in_flight(route.provider):
            try:
                # A provider has deadlines for each byte; this one is for the whole segment.
                async with asyncio.timeout(provider.card.first_byte_s + provider.card.stall_s):
                    utterance = await provider.speak(theirs, route.model, record.request_id)
            except TimeoutError as exc:
                raise UpstreamFault("did not finish a segment in time") from exc
            finally:
                record.upstream_wait_s += self._clock() - asked
        check_duration(utterance.pcm, segment.text, segment.speed)
        self._observer.attempt_finished(route.provider, "ok")
        took_s = utterance.generation_s if utterance.generation_s is not None else self._clock() - asked
        return _Spoken(utterance, route, took_s)


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
    if spoken.route.substitutes is None:
        return None
    return f"{spoken.route.substitutes}={spoken.utterance.engine or spoken.route.model}"
