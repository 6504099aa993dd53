"""The dispatch of speech: text → segments → PCM → one encoder.

The segment is the unit of commitment: no byte of it leaves the router before it is complete and checked, and a
fault in it means that another speaks it whole. So nothing is repeated and nothing is missing, whichever machine
is lost. Who speaks is decided anew for each segment, so a preferred machine takes over as soon as it can.
"""

import asyncio
import contextlib
import math
import secrets
from collections.abc import Sequence
from typing import Final

from router.config.settings import SpeechSettings
from router.domain import CacheUse, Passage, Priority, Route, Segment, SpeechRequest
from router.errors import InvalidRequest, NothingCanServe
from router.narration import Narration
from router.ports import Monotonic, Record
from router.race import Errand
from router.recollection import Recollection
from router.relay import Relay
from router.roster import Roster
from router.selection import Need
from router.speech.cache import Flights, segment_key
from router.speech.cleaning import speakable
from router.speech.encoders import Encoders
from router.speech.playback import Playback
from router.speech.segments import expected_s, passages
from router.speech.substitution import permitted
from router.speech.voices import VoiceBook
from router.spoken import BYTES_PER_S, Spoken, SpokenAnswer, Tally
from router.telling import Telling

LONG_S: Final = 10.0  # texts longer than this are spoken only by who keeps up with playback, if somebody does
MAX_WHOLE_S: Final = 1200.0  # of speech; more is sent while it is spoken: 58 MB of PCM are enough
WHOLE_S: Final = 120.0  # of speech are put together from the cache before they are sent
SHORT_CHARS: Final = 4096  # longer texts are cut beside the event loop
SILENCE_S: Final = 0.1  # what is said of nothing
BETTER_VOICE_S: Final = 0.5  # of silence are a lesser evil than another voice in between
USUAL_S: Final = 5.0  # of speech in a segment; a longer one takes whoever speaks it longer
LONG_PIECE_RTF: Final = 0.6  # whoever speaks as fast as this is not late because a sentence is long
LOOK_AGAIN_S: Final = 0.5  # while nobody can speak
RETURN_WITHIN_S: Final = 30.0  # beyond what the listener has: how long an answer that has begun waits for somebody


class Speaker:
    """Speaks requests, from the cache or by the relay."""

    def __init__(
        self,
        relay: Relay,
        recollection: Recollection,
        roster: Roster,
        clock: Monotonic,
        *,
        settings: SpeechSettings,
        voices: VoiceBook,
        encoders: Encoders,
    ) -> None:
        self._relay = relay
        self.recollection = recollection
        self._roster = roster
        self._clock = clock
        self._settings = settings
        self._voices = voices
        self.encoders = encoders
        self._answers: Flights[SpokenAnswer] = Flights()
        self._segments: Flights[Spoken] = Flights()

    async def open(self) -> None:
        """Cut a text: the libraries load with their first use, for which the first listener would wait 0.2 s."""
        await asyncio.to_thread(_cut, SpeechRequest("Hello."))

    async def aclose(self) -> None:
        """End what nobody waits for any more."""
        await self._answers.aclose()
        await self._segments.aclose()
        await self._relay.aclose()

    async def prepare(
        self, request: SpeechRequest, routes: Sequence[Route], record: Record, max_wait_s: float
    ) -> Telling:
        """What will be spoken. Raises NotFound for the voice."""
        voice = request.voice or self._settings.default_voice
        self._voices.check_known(voice, [route.provider for route in routes])
        record.voice = voice
        cache = request.cache if self.recollection.is_on else CacheUse.BYPASS
        record.cache = "bypass" if cache is CacheUse.BYPASS else "miss"
        seed = request.seed if request.seed is not None else secrets.randbelow(2**31)
        is_short = len(request.text) <= SHORT_CHARS
        said = _cut(request) if is_short else await asyncio.to_thread(_cut, request)
        length_s = sum(expected_s(passage.text, request.speed) for passage in said)
        allowed = self._allowed(request, voice, routes)
        return Telling(request, voice, allowed, said, seed, record, max_wait_s, length_s, cache)

    def is_told_whole(self, telling: Telling) -> bool:
        """Whether the answer is sent when all of it is there. Raises InvalidRequest."""
        settings, request = self._settings, telling.request
        if telling.expected_s > MAX_WHOLE_S:
            if request.stream is False:
                raise InvalidRequest(
                    f"This text is about {telling.expected_s / 60:.0f} minutes long: too much to be held and sent "
                    'at once. Leave "stream": false out, and it is sent while it is spoken.',
                    param="stream",
                    code="too_long_for_a_whole",
                )
            return False
        if request.stream is not None:
            return not request.stream
        if settings.stream == "auto":
            return len(request.text) <= settings.complete_under_chars
        return settings.stream == "never"

    async def answer(
        self,
        request: SpeechRequest,
        routes: Sequence[Route],
        record: Record,
        max_wait_s: float,
        priority: Priority = Priority.INTERACTIVE,
    ) -> SpokenAnswer:
        """Speak all of `request`. Raises NotFound for the voice, NothingCanServe, or the InvalidRequest that a
        provider answered with."""
        return await self.told(await self.prepare(request, routes, record, max_wait_s), priority)

    async def told(self, telling: Telling, priority: Priority = Priority.INTERACTIVE) -> SpokenAnswer:
        """The whole answer; the same one for all who ask for the same meanwhile. Raises as `answer`."""
        answer = await self.recall(telling)
        if answer is None and telling.may_recall:
            began = self._clock()
            answer, is_anothers = await self._answers.fly(
                f"{priority} {telling.key}", lambda: self._told(telling, priority)
            )
            if is_anothers:
                telling.record.upstream_wait_s += self._clock() - began
                _take_note(telling.record, answer)
        elif answer is None:
            answer = await self._told(telling, priority)
        telling.record.audio_s, telling.record.generation_s = answer.duration_s, answer.generation_s
        return answer

    async def recall(self, telling: Telling) -> SpokenAnswer | None:
        """The whole answer, if the cache has it or all its segments, as the best who can speak now would speak."""
        if not telling.passages:
            return await self._silent(telling)
        answer = await self.recollection.answer(telling) or await self._recalled(telling)
        if answer is not None:
            telling.record.cache, telling.record.recalled = "hit", len(telling.passages)
            _take_note(telling.record, answer)
        return answer

    async def _recalled(self, telling: Telling) -> SpokenAnswer | None:
        """From the segments, should they all be there. Not of long texts: a stream is bounded, a whole is not."""
        if telling.expected_s > WHOLE_S:
            return None
        tally, found = Tally(), []
        for passage in telling.passages:
            spoken = await self.recollection.segment(telling, telling.segment(passage), passage)
            if spoken is None:
                return None
            tally.add(spoken)
            found.append(spoken.pcm)
        audio = await self.encoders.encoded(b"".join(found), telling.request.format)
        await self.recollection.keep(telling, tally, audio)
        return tally.answer(audio, telling.voice)

    def narrated(self, telling: Telling) -> Narration:
        """The answer segment by segment, as it is spoken."""
        playback = Playback()

        async def say(index: int, priority: Priority) -> Spoken:
            return await self._say(telling, index, priority, narration)

        narration = Narration(
            say, len(telling.passages), playback, ahead_s=self._settings.ahead_s, clock=self._clock
        )
        return narration

    async def _silent(self, telling: Telling) -> SpokenAnswer:
        """The answer to a text of which nothing can be said, such as a lone emoji: a moment of silence. Voice
        agents send what a language model wrote sentence by sentence, and an error would end their turn."""
        audio = await self.encoders.encoded(bytes(round(SILENCE_S * BYTES_PER_S)), telling.request.format)
        return SpokenAnswer(audio, SILENCE_S, 0.0, "", "", "none", telling.voice, None)

    async def _told(self, telling: Telling, priority: Priority) -> SpokenAnswer:
        tally, encoder = Tally(), self.encoders.whole(telling.request.format)
        for index in range(len(telling.passages)):
            spoken = await self._say(telling, index, priority)
            tally.add(spoken)
            await encoder.feed(spoken.pcm)
        audio = await encoder.close()
        await self.recollection.keep(telling, tally, audio)
        if tally.is_cached:
            telling.record.cache = "hit"
        answer = tally.answer(audio, telling.voice)
        _take_note(telling.record, answer)
        return answer

    async def _say(
        self, telling: Telling, index: int, priority: Priority, narration: Narration | None = None
    ) -> Spoken:
        """A segment: from the cache, or spoken now, once for all who want it. Raises as `answer`."""
        passage, record = telling.passages[index], telling.record
        segment = telling.segment(passage, priority)
        spoken = await self._said(telling, segment, passage, index, narration)
        if spoken.passage is not passage:  # another's flight, who paused differently after it
            spoken = spoken.followed_by(passage)
        record.provider, record.model, record.tier = spoken.route.provider, spoken.route.model, spoken.route.tier
        if spoken.is_cached:
            record.recalled += 1
        else:
            record.voiced[spoken.route.provider] = record.voiced.get(spoken.route.provider, 0) + 1
            if record.first_audio is None:
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
            urgency = math.inf if segment.priority is Priority.BATCH else has_s or 0.0
            need = self._need(telling, index, has_s, urgency, is_heard=narration is not None)
            routes = [route for route in telling.routes if route.provider not in paid]
            errand = Errand(segment, passage, routes, need, has_s, is_begun=index > 0, paid=paid)
            try:
                return await self._said_once(telling, errand, is_heard=narration is not None)
            except NothingCanServe as error:
                now = loop.time()
                if gives_up is None:
                    if not index and not self._roster.is_fleeting(telling.routes):
                        raise
                    gives_up = now + (has_s or 0.0) + (RETURN_WITHIN_S if index else self._settings.patience_s)
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
            recalled = await self.recollection.segment(telling, errand.segment, errand.passage)
            return recalled or await self._spoken(telling, errand)

        key = segment_key(errand.segment, namespace=telling.askers, model="", voice=telling.voice)
        began, record = self._clock(), telling.record
        spoken, is_anothers = await self._segments.fly(
            f"{errand.segment.priority} {is_heard} {key}", recalled_or_spoken
        )
        if is_anothers and record.first_byte is None:
            record.upstream_wait_s += self._clock() - began
        return spoken

    async def _spoken(self, telling: Telling, errand: Errand) -> Spoken:
        spoken = await self._relay.speak(errand, telling.record)
        await self.recollection.keep_segment(telling, errand.segment, spoken)
        return spoken

    def _need(self, telling: Telling, index: int, has_s: float | None, urgency: float, *, is_heard: bool) -> Need:
        """What a segment needs of who speaks it: how soon it must be there before a lesser voice is better. Who
        has something to hear can wait longer, and so can a long piece; who waits for a whole answer hears nothing
        between its segments."""
        audio_s = expected_s(telling.passages[index].text, telling.request.speed)
        if index and not is_heard:
            wait_s = telling.max_wait_s + audio_s
        else:
            wait_s = max(telling.max_wait_s, (has_s or 0.0) + BETTER_VOICE_S)
            wait_s += LONG_PIECE_RTF * max(0.0, audio_s - USUAL_S)
        return Need(wait_s, audio_s, is_heard and telling.expected_s > LONG_S, urgency)

    def _allowed(self, request: SpeechRequest, voice: str, routes: Sequence[Route]) -> list[Route]:
        """The routes that the substitution policy lets speak: the client's word, the voice's, the house's."""
        policy = request.fallback or self._voices.policy(voice) or self._settings.substitution
        matches = [(route, self._voices.match(voice, route.provider, route.model)) for route in routes]
        return permitted(policy, matches)


def _cut(request: SpeechRequest) -> tuple[Passage, ...]:
    return passages(speakable(request.text), request.language)


def _take_note(record: Record, answer: SpokenAnswer) -> None:
    record.provider, record.model = answer.provider, answer.model
