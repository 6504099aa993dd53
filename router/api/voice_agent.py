"""A voice agent's dialect (document 002, "Chatterbox Integration"): `POST /api/v1/tts`, `GET /api/v1/voices`, a
Bearer key."""

from dataclasses import dataclass, replace
from typing import Final, Protocol

from litestar import get
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from router.api import voice_agent_body
from router.api.dialects import VOICE_AGENT
from router.api.documented.errors import errors
from router.api.hot import HotRoute
from router.api.speeches import Speeches
from router.api.visit import Visit
from router.domain import Endpoint, Modality, SpeechRequest
from router.roster import Roster
from router.speech.voices import VoiceBook

TTS_PATH: Final = "/api/v1/tts"
VOICES_PATH: Final = "/api/v1/voices"
_UNDETERMINED: Final = "und"  # BCP 47 for a language that nobody knows


@dataclass(frozen=True, slots=True)
class VoiceAgent:
    """Has them spoken as `speeches` does."""

    speeches: Speeches

    def routes(self) -> dict[str, HotRoute]:
        """Its one hot route."""
        return {TTS_PATH: HotRoute(Endpoint.SPEECH, self._serve)}

    async def _serve(self, visit: Visit, body: bytes) -> None:
        request = voice_agent_body.parse(body, max_chars=self.speeches.max_chars)
        await self.speeches.answer(visit, self._named(request))

    def _named(self, request: SpeechRequest) -> SpeechRequest:
        """Its placeholder for a model means the default, unless somebody has a model of that name."""
        if request.model != voice_agent_body.OWN_MODEL:
            return request
        is_there = any(entry.id == request.model for entry in self.speeches.catalogue.listed())
        return request if is_there else replace(request, model=None)


class AgentView(Protocol):
    """What its list needs of the house."""

    @property
    def roster(self) -> Roster: ...
    @property
    def voices(self) -> VoiceBook: ...


@get(VOICES_PATH, responses=errors(dialects=(VOICE_AGENT,)), tags=["Voice agent"], sync_to_thread=False)
def list_agent_voices(view: NamedDependency[SkipValidation[AgentView]]) -> dict[str, object]:
    """Every voice, as a voice agent's client reads them. Of an unknown language `und`, of an unknown gender
    `neutral`: its clients expect texts."""
    speakers = [name for name, card in view.roster.cards.items() if Modality.SPEECH in card.modalities]
    listed = (entry.voice for entry in view.voices.listed(speakers))
    return {
        "voices": [
            {
                "id": voice.id,
                "name": voice.name,
                "language": voice.language or _UNDETERMINED,
                "gender": voice.gender or "neutral",
            }
            for voice in listed
        ]
    }


handlers: Final = [list_agent_voices]
