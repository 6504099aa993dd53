"""ElevenLabs' text-to-speech for clients that migrate: another base URL and key, and they go on (REST v1 as its
SDK 2.78.0 asks and reads it). Its lists are in `elevenlabs_lists.py`, its errors in `elevenlabs_errors.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from router.api.elevenlabs_body import MODEL_PREFIX, ROOT, Way, request_of, way_of
from router.api.elevenlabs_timed import TimedReply
from router.api.elevenlabs_voices import PREMADE
from router.api.hot import HotRoute
from router.api.speech_wishes import as_wished
from router.api.speeches import Speeches
from router.api.visit import Visit
from router.domain import Endpoint, Modality, SpeechRequest, Substitution
from router.errors import NotFound
from router.ports import Header
from router.speech.voices import VoiceBook

_STAND_IN: Final = frozenset({Substitution.MAPPED, Substitution.ANY})


@dataclass(frozen=True, slots=True)
class ElevenLabs:
    """Has its texts spoken by whoever speaks in this house. `speakers` names those providers; `substitution` is
    the house's own word on who may stand in."""

    speeches: Speeches
    voices: VoiceBook
    speakers: Sequence[str]
    substitution: Substitution

    def routes(self) -> dict[str, HotRoute]:
        """Everything below; a voice's name is part of the path."""
        return {ROOT: HotRoute(Endpoint.SPEECH, self.serve)}

    async def serve(self, visit: Visit, body: bytes) -> None:
        """Raises RouterError."""
        way = way_of(visit.path)
        request = request_of(way, visit.query, body, max_chars=self.speeches.max_chars)
        request = replace(request, model=self._model(request.model))
        request, stand_in = self._with_voice(request, visit)
        extra = [(b"request-id", visit.record.request_id.encode()), (b"character-cost", b"0"), *stand_in]
        if way.is_timed:
            await self._timed(visit, way, request, extra)
        else:
            await self.speeches.answer(visit, request, extra=extra)

    async def _timed(self, visit: Visit, way: Way, request: SpeechRequest, extra: list[Header]) -> None:
        speeches = self.speeches
        telling = await speeches.telling(visit, replace(request, stream=way.is_streamed))
        reply = TimedReply(speeches.speaker, speeches.store, speeches.clock, telling, visit.reply, extra)
        await (reply.send_lines() if way.is_streamed else reply.send_whole())

    def _model(self, name: str | None) -> str | None:
        """ElevenLabs' models mean the house's default, unless somebody here has one of that name."""
        if name is None or not name.startswith(MODEL_PREFIX):
            return name
        try:
            self.speeches.catalogue.resolve(Modality.SPEECH, name)
        except NotFound:
            return None
        return name

    def _with_voice(self, request: SpeechRequest, visit: Visit) -> tuple[SpeechRequest, list[Header]]:
        """With a voice that this house has, and what is said of that."""
        premade = PREMADE.get(request.voice or "")
        if premade is None or (as_wished(request, visit.fields).fallback or self.substitution) not in _STAND_IN:
            return request, []
        if any(request.voice in (entry.voice.id, entry.voice.name) for entry in self.voices.listed(self.speakers)):
            return request, []
        told = [(b"x-router-substitution", f"voice={premade.stand_in}".encode())]
        return replace(request, voice=premade.stand_in), told
