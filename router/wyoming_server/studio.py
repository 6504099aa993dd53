"""Where what comes by Wyoming is spoken, by what one configuration made: the same speaker, cache, failover,
metrics and log as for `/v1/audio/speech`."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from router.api.admission import request_id_of
from router.catalogue import Catalogue
from router.config.settings import SpeechSettings, WyomingSettings
from router.dictation import Dictation
from router.domain import AudioFormat, Endpoint, Modality, Rendition, Route, SpeechRequest, Voice
from router.errors import ClientGone, InvalidRequest, RouterError
from router.narration import Narration
from router.outcomes import Outcome, outcome_of
from router.ports import Monotonic, Observer, Record
from router.roster import Roster
from router.speak import Speaker
from router.speech.voices import VoiceBook
from router.spoken import NOTHING, Tally
from router.telling import Telling
from router.wyoming import Event, messages
from router.wyoming_server import offer
from router.wyoming_server.sound import Listener, Sound

CLIENT: Final = "wyoming"  # who asks, in metrics and log: the protocol has no names
_PCM: Final = Rendition(AudioFormat.PCM)


class Visited(Protocol):
    """A configuration that is not closed while somebody is inside."""

    def enter(self) -> None: ...
    def leave(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Studio:
    """Of one configuration."""

    catalogue: Catalogue
    speaker: Speaker
    roster: Roster
    book: VoiceBook
    observer: Observer
    clock: Monotonic
    rooms: Visited
    settings: WyomingSettings
    speech: SpeechSettings
    logs_text: bool = False

    def info(self) -> Event:
        """What can be said here, by whom."""
        return offer.info(self._voices(), self.speech.default_voice, self.settings.languages)

    async def speak(self, asked: messages.Synthesize, listener: Listener) -> None:
        """All of a text: audio-start, audio-chunk*, audio-stop. Raises RouterError."""
        request = self._request(asked)
        if len(request.text) > self.speech.max_input_chars:
            raise self.too_long()
        with self._recorded() as record:
            record.text = request.text if self.logs_text else ""
            telling = await self.speaker.prepare(request, *self._ways(record))
            sound = Sound(listener, record, self.clock)
            answer = await self.speaker.recall(telling)
            if answer is not None:
                record.audio_s, record.generation_s = answer.duration_s, answer.generation_s
                await sound.send(answer.audio)
            else:
                async with self.speaker.narrated(telling) as narration:
                    await self._hand_on(narration, sound, telling)
            await sound.end()

    async def perform(self, asked: messages.Synthesize, text: Dictation, listener: Listener) -> None:
        """A text that is still being written: the same, and synthesize-stopped. Raises RouterError."""
        with self._recorded() as record:
            telling = self.speaker.expect(self._request(asked), *self._ways(record))
            sound = Sound(listener, record, self.clock)
            if await text.script.has_more():
                record.started = self.clock()  # before there was nothing to say
                async with self.speaker.improvised(
                    telling, text.script, is_heard=True, holds=lambda: False
                ) as narration:
                    await self._hand_on(narration, sound, telling)
            else:
                await sound.send(NOTHING)
            if text.is_lost:
                raise RouterError("The text could not be spoken to its end.")
            await sound.end()
        await listener.send(Event(messages.SYNTHESIZE_STOPPED))

    def too_long(self) -> InvalidRequest:
        """More text than is spoken at once."""
        return InvalidRequest(
            f"The text is longer than {self.speech.max_input_chars} characters (speech.max_input_chars).",
            param="text",
            code="input_too_long",
        )

    async def _hand_on(self, narration: Narration, sound: Sound, telling: Telling) -> None:
        """What is spoken, as it is spoken."""
        record, tally = telling.record, Tally()
        try:
            while (spoken := await narration.next()) is not None:
                tally.add(spoken)
                await sound.send(spoken.pcm, narration.playback)
                record.gap_s = narration.playback.gap_s
        finally:
            if tally.first is not None:
                record.by(tally.first.route)
        record.audio_s, record.generation_s = tally.duration_s, tally.generation_s
        if tally.is_cached:
            record.cache = "hit"

    @contextlib.contextmanager
    def _recorded(self) -> Iterator[Record]:
        """One request's record, told to the observer as any other's."""
        record = Record(request_id_of({}), Endpoint.SPEECH, self.clock(), client=CLIENT)
        self.rooms.enter()
        self.observer.request_started(record)
        try:
            yield record
        except (asyncio.CancelledError, ClientGone):
            record.outcome = Outcome.CALLER_GONE
            raise
        except RouterError as error:
            record.outcome, record.status = outcome_of(error), error.status
            raise
        except Exception:
            record.outcome = Outcome.ROUTER_ERROR
            raise
        finally:
            self.rooms.leave()
            record.finished = self.clock()
            self.observer.request_finished(record)

    def _ways(self, record: Record) -> tuple[list[Route], Record, float]:
        """What the speaker wants to know beside the request. Raises NotFound."""
        model = self.settings.model or None
        record.model = self.catalogue.speech_name(model)
        routes = list(self.catalogue.resolve(Modality.SPEECH, model))
        record.preferred_tier = min([route.tier for route in routes], default=0)
        return routes, record, self.catalogue.max_wait_s(Modality.SPEECH, model)

    def _request(self, asked: messages.Synthesize) -> SpeechRequest:
        """Raises InvalidRequest."""
        if asked.text_format not in {None, "", "text"}:
            raise InvalidRequest("Only plain text is spoken here.", param="text_format", code="unknown_format")
        voice, language = self._voice(asked.voice or messages.VoiceAsked())
        return SpeechRequest(asked.text, self.settings.model or None, voice, _PCM, language=language)

    def _voice(self, asked: messages.VoiceAsked) -> tuple[str | None, str | None]:
        """By name, or whoever speaks a language; and that language."""
        if asked.name:
            return (f"{asked.name}#{asked.speaker}" if asked.speaker else asked.name), None
        if not asked.language:
            return None, None
        return offer.voice_in(asked.language, self._voices(), self.speech.default_voice), asked.language

    def _voices(self) -> list[Voice]:
        cards = self.roster.cards
        speaking = [name for name, card in cards.items() if Modality.SPEECH in card.modalities]
        return [listed.voice for listed in self.book.listed(speaking)]
