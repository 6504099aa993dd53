"""What the cache has of a request, and what it gets of an answer.

An answer is kept under what spoke it and not under what was asked for: so a substitute is never taken for the
original, and what a machine said before it fell asleep can be said again meanwhile.
"""

from collections.abc import Iterable, Iterator, Mapping

from router.domain import Passage, ProviderCard, Route, Segment, Utterance
from router.roster import Roster
from router.selection import Need
from router.speech.cache import AudioCache, CachedAudio, answer_key, segment_key
from router.speech.voices import VoiceBook
from router.spoken import Spoken, SpokenAnswer, Tally
from router.telling import Telling


class Recollection:
    """Between the Speaker and the cache."""

    def __init__(
        self, cache: AudioCache, cards: Mapping[str, ProviderCard], roster: Roster, voices: VoiceBook
    ) -> None:
        self._cache = cache
        self._cards = cards
        self._roster = roster
        self._voices = voices

    @property
    def is_on(self) -> bool:
        return self._cache.is_on

    async def answer(self, telling: Telling) -> SpokenAnswer | None:
        """The whole answer, encoded, as the best who can speak now would speak it."""
        if not telling.may_recall:
            return None
        for route in self._as_good_as_now(telling):
            voice = self._voices.name_at(telling.voice, route.provider, route.model)
            entry = await self._cache.get(self._answer_key(telling, route, voice))
            if entry is not None:
                return _answer(entry, route, telling.voice)
        return None

    async def segments(self, telling: Telling) -> list[Spoken] | None:
        """All the segments, in the same sense; None unless every one is there."""
        routes, found = list(self._as_good_as_now(telling)), list[Spoken]()
        for passage in telling.passages:
            spoken = await self._segment(telling, telling.segment(passage), passage, routes)
            if spoken is None:
                return None
            found.append(spoken)
        return found

    async def segment(self, telling: Telling, segment: Segment, passage: Passage) -> Spoken | None:
        """A segment, in the same sense."""
        return await self._segment(telling, segment, passage, self._as_good_as_now(telling))

    async def _segment(
        self, telling: Telling, segment: Segment, passage: Passage, routes: Iterable[Route]
    ) -> Spoken | None:
        if not telling.may_recall:
            return None
        for route in routes:
            voice = self._voices.name_at(telling.voice, route.provider, route.model)
            entry = await self._cache.get(self._segment_key(segment, route, voice))
            if entry is not None:
                return _spoken(entry, passage, route, voice)
        return None

    async def keep(self, telling: Telling, tally: Tally, audio: bytes) -> None:
        """Keep an answer that one and the same spoke from the first segment to the last, in the voice that was
        asked of it then: meanwhile it may have got another of that name."""
        speaker = tally.only_speaker
        if speaker is None or not telling.may_keep:
            return
        answer = tally.answer(audio, telling.voice)
        entry = CachedAudio(
            audio,
            answer.duration_s,
            answer.generation_s,
            answer.engine,
            answer.voice,
            answer.voice_hash,
            speaker[0].provider,
            speaker[0].model,
        )
        await self._cache.put(self._answer_key(telling, *speaker), entry)

    async def keep_segment(self, telling: Telling, segment: Segment, spoken: Spoken) -> None:
        """Keep a segment that was spoken now."""
        if not telling.may_keep:
            return
        said, route = spoken.utterance, spoken.route
        entry = CachedAudio(
            said.pcm,
            said.duration_s,
            spoken.took_s,
            said.engine,
            said.voice,
            said.voice_hash,
            route.provider,
            route.model,
        )
        await self._cache.put(self._segment_key(segment, route, spoken.voice), entry)

    def _as_good_as_now(self, telling: Telling) -> Iterator[Route]:
        """The routes by preference, down to the first that could speak now: what a machine said before it fell
        asleep is better than what a lesser one would say now."""
        able = {
            candidate.route
            for candidate in self._roster.order(telling.routes, Need(telling.max_wait_s))
            if candidate.is_eligible and not candidate.is_late and not candidate.is_last_resort
        }
        for route in sorted(telling.routes, key=lambda route: route.tier):
            yield route
            if route in able:
                return

    def _answer_key(self, telling: Telling, route: Route, voice: str | None) -> str:
        namespace = self._namespace(route, voice)
        return answer_key(telling.request, telling.text, namespace=namespace, model=route.model, voice=voice)

    def _segment_key(self, segment: Segment, route: Route, voice: str | None) -> str:
        return segment_key(segment, namespace=self._namespace(route, voice), model=route.model, voice=voice)

    def _namespace(self, route: Route, voice: str | None) -> str:
        """Whose engines and voices are meant. All nodes have the same; another server's `alloy` is its own, and so
        is the voice that a node speaks with when it is told none."""
        kind = self._cards[route.provider].kind
        return kind if kind == "tts-node" and voice is not None else f"{kind}/{route.provider}"


def _spoken(entry: CachedAudio, passage: Passage, route: Route, voice: str | None) -> Spoken:
    said = Utterance(entry.audio, entry.generation_s, entry.engine, entry.voice, entry.voice_hash)
    return Spoken(passage, said, route, entry.generation_s, voice, is_cached=True)


def _answer(entry: CachedAudio, route: Route, voice: str) -> SpokenAnswer:
    """By whoever spoke it then, in the place of who would speak it now."""
    told = _spoken(entry, Passage(""), route, None)
    return SpokenAnswer(
        entry.audio,
        entry.duration_s,
        entry.generation_s,
        Route(entry.provider, entry.model, route.tier, route.substitutes),
        told.engine,
        told.voice_told(voice),
        told.substitution,
        entry.voice_hash,
        is_cached=True,
    )
