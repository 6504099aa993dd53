"""Texts to be spoken: OpenAI's `/v1/audio/speech`, and `/speak` of an AI telephone."""

from dataclasses import dataclass

from router.api import speech_body
from router.api.admission import require_model
from router.api.hot import HotRoute
from router.api.speech_reply import SpeechReply
from router.api.speech_wishes import as_wished
from router.api.telephone_body import speak_of
from router.api.visit import Visit
from router.api.ways import ways_to
from router.catalogue import Catalogue
from router.domain import ENDPOINT_PATHS, Endpoint, Modality, SpeechRequest
from router.ports import Monotonic, StateStore
from router.speak import Speaker

SPEAK_PATH = "/speak"


@dataclass(frozen=True, slots=True)
class Speeches:
    """Has them spoken."""

    catalogue: Catalogue
    speaker: Speaker
    store: StateStore
    clock: Monotonic
    max_chars: int
    logs_text: bool = False

    def routes(self) -> dict[str, HotRoute]:
        """OpenAI's, and an AI telephone's."""
        return {
            f"/v1{ENDPOINT_PATHS[Endpoint.SPEECH]}": HotRoute(Endpoint.SPEECH, self._serve_openai),
            SPEAK_PATH: HotRoute(Endpoint.SPEECH, self._serve_telephone),
        }

    async def _serve_openai(self, visit: Visit, body: bytes) -> None:
        await self.answer(visit, speech_body.parse(body, max_chars=self.max_chars))

    async def _serve_telephone(self, visit: Visit, body: bytes) -> None:
        await self.answer(visit, speech_body.request_of(speak_of(body), max_chars=self.max_chars))

    async def answer(self, visit: Visit, request: SpeechRequest) -> None:
        """Have it spoken, whichever dialect it came in. Raises RouterError."""
        request, record = as_wished(request, visit.fields), visit.record
        record.model = request.model or ""
        if self.logs_text:
            record.text = request.text
        require_model(visit.client, self.catalogue.speech_name(request.model))
        routes, max_wait_s = ways_to(self.catalogue, Modality.SPEECH, request.model, visit.client, record)
        telling = await self.speaker.prepare(request, routes, record, max_wait_s)
        await SpeechReply(self.speaker, self.store, self.clock, telling, visit.reply).send()
