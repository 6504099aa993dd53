"""The dispatch of speech: text → segments → PCM → one encoder.

The segment is the unit of commitment: no byte of it leaves the router before it is complete and checked, and a
fault in it means that another speaks it whole. So nothing is repeated and nothing is missing, whichever machine
is lost. Who speaks is decided anew for each segment, so a preferred machine takes over as soon as it can.
"""

import asyncio
import math
import secrets
from collections.abc import Callable, Sequence
from typing import Final

from router.config.settings import SpeechSettings
from router.domain import CacheUse, Modality, Passage, Priority, Route, SpeechRequest
from router.errors import InvalidRequest, NothingCanServe, Refusal
from router.narration import Narration
from router.ports import Monotonic, Record
from router.recollection import Recollection
from router.relay import Relay
from router.roster import Roster
from router.saying import Sayer
from router.script import Script
from router.selection import Need
from router.speech.cache import Flights
from router.speech.cleaning import speakable
from router.speech.encoders import Encoders
from router.speech.playback import Playback
from router.speech.segments import expected_s, passages
from router.speech.substitution import permitted
from router.speech.voices import VoiceBook
from router.spoken import NOTHING, NOTHING_S, Spoken, SpokenAnswer, Tally
from router.telling import Telling

MAX_WHOLE_S: Final = 1200.0  # of speech; more is sent while it is spoken: 58 MB of PCM are enough
WHOLE_S: Final = 120.0  # of speech are put together from the cache before they are sent
SHORT_CHARS: Final = 1024  # longer texts are cut beside the event loop: this many take a millisecond


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
        self._sayer = Sayer(relay, recollection, roster, clock, patience_s=settings.patience_s)

    async def open(self) -> None:
        """Cut a text, and load the codecs: they load with their first use, for which the first listener would wait
        0.2 s. Where nobody speaks, or only the demo, they take no memory before somebody does."""
        speakers = [card for card in self._roster.cards.values() if Modality.SPEECH in card.modalities]
        if speakers:
            await asyncio.to_thread(_cut, SpeechRequest("Hello."))
        if any(not card.is_demo for card in speakers):
            await self.encoders.get_ready()

    async def aclose(self) -> None:
        """End what nobody waits for any more."""
        await self._answers.aclose()
        await self._sayer.aclose()
        await self._relay.aclose()

    async def prepare(
        self, request: SpeechRequest, routes: Sequence[Route], record: Record, max_wait_s: float
    ) -> Telling:
        """What will be spoken. Raises NotFound for the voice."""
        is_short = len(request.text) <= SHORT_CHARS
        said, length_s = _cut(request) if is_short else await asyncio.to_thread(_cut, request)
        return self._telling(request, routes, record, max_wait_s, said, length_s)

    def expect(
        self, request: SpeechRequest, routes: Sequence[Route], record: Record, max_wait_s: float
    ) -> Telling:
        """The same of a text that is still being written; whoever would speak it has its model loaded meanwhile.
        Raises NotFound for the voice."""
        telling = self._telling(request, routes, record, max_wait_s, (), math.inf)
        self._relay.warm(telling.routes, Need(max_wait_s))
        return telling

    def nobody_for(self, telling: Telling) -> NothingCanServe | None:
        """Why nobody can speak, now or soon; None while somebody can."""
        order = self._roster.order(telling.routes, Need(telling.max_wait_s))
        if any(each.is_eligible for each in order) or self._roster.is_fleeting(telling.routes):
            return None
        return NothingCanServe("speech", [Refusal(each.route.provider, each.reason) for each in order])

    def _telling(
        self,
        request: SpeechRequest,
        routes: Sequence[Route],
        record: Record,
        max_wait_s: float,
        said: tuple[Passage, ...],
        length_s: float,
    ) -> Telling:
        voice = request.voice or self._settings.default_voice
        self._voices.check_known(voice, [route.provider for route in routes])
        record.voice = voice
        cache = request.cache if self.recollection.is_on else CacheUse.BYPASS
        record.cache = "bypass" if cache is CacheUse.BYPASS else "miss"
        seed = request.seed if request.seed is not None else secrets.randbelow(2**31)
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
            _take_note(telling.record, answer)
            telling.record.cache = "hit"
            telling.record.recalled = {telling.record.provider: len(telling.passages)}
        return answer

    async def _recalled(self, telling: Telling) -> SpokenAnswer | None:
        """From the segments, should they all be there. Not of long texts: a stream is bounded, a whole is not."""
        if telling.expected_s > WHOLE_S:
            return None
        found = await self.recollection.segments(telling)
        if found is None:
            return None
        tally, encoder = Tally(), self.encoders.whole(telling.request.rendition)
        for spoken in found:
            tally.add(spoken)
            await encoder.feed(spoken.pcm)
        audio = await encoder.close()
        await self.recollection.keep(telling, tally, audio)
        return tally.answer(audio, telling.voice)

    def narrated(self, telling: Telling) -> Narration:
        """The answer segment by segment, as it is spoken."""

        async def say(index: int, passage: Passage, priority: Priority) -> Spoken:
            return await self._sayer.say(telling, index, passage, priority, narration)

        narration = Narration(
            say,
            Script.of(telling.passages),
            Playback(),
            ahead_s=lambda: self._settings.ahead_s,
            clock=self._clock,
        )
        return narration

    def improvised(
        self, telling: Telling, script: Script, *, is_heard: bool, holds: Callable[[], bool]
    ) -> Narration:
        """What is still being written, segment by segment. `is_heard`: somebody listens already, and does not wait
        for the whole. While it `holds`, speech is made only `hold_s` ahead of the listener: the writer needs the
        machine as well."""

        async def say(index: int, passage: Passage, priority: Priority) -> Spoken:
            return await self._sayer.say(telling, index, passage, priority, narration if is_heard else None)

        def ahead_s() -> float:
            if not is_heard:
                return math.inf
            return min(self._settings.hold_s, self._settings.ahead_s) if holds() else self._settings.ahead_s

        narration = Narration(say, script, Playback(), ahead_s=ahead_s, clock=self._clock, is_firm=holds)
        return narration

    async def _silent(self, telling: Telling) -> SpokenAnswer:
        """The answer to a text of which nothing can be said, such as a lone emoji: a moment of silence. Voice
        agents send what a language model wrote sentence by sentence, and an error would end their turn."""
        audio = await self.encoders.encoded(NOTHING, telling.request.rendition)
        return SpokenAnswer(audio, NOTHING_S, 0.0, None, "none", telling.voice, None)

    async def _told(self, telling: Telling, priority: Priority) -> SpokenAnswer:
        tally, encoder = Tally(), self.encoders.whole(telling.request.rendition)
        for index, passage in enumerate(telling.passages):
            spoken = await self._sayer.say(telling, index, passage, priority)
            tally.add(spoken)
            await encoder.feed(spoken.pcm)
        audio = await encoder.close()
        await self.recollection.keep(telling, tally, audio)
        if tally.is_cached:
            telling.record.cache = "hit"
        answer = tally.answer(audio, telling.voice)
        _take_note(telling.record, answer)
        return answer

    def _allowed(self, request: SpeechRequest, voice: str, routes: Sequence[Route]) -> list[Route]:
        """The routes that the substitution policy lets speak: the client's word, the voice's, the house's."""
        policy = request.fallback or self._voices.policy(voice) or self._settings.substitution
        matches = [(route, self._voices.match(voice, route.provider, route.model)) for route in routes]
        return permitted(policy, matches)


def _cut(request: SpeechRequest) -> tuple[tuple[Passage, ...], float]:
    """The segments, and about how many seconds of speech they are."""
    said = passages(speakable(request.text), request.language)
    return said, sum(expected_s(passage.text, request.speed) for passage in said)


def _take_note(record: Record, answer: SpokenAnswer) -> None:
    if answer.route is not None:
        record.by(answer.route)
