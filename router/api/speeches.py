"""Texts to be spoken: OpenAI's `/v1/audio/speech`, and `/speak` of an AI telephone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from router.api import chattts_body, speech_body
from router.api.admission import Client, require_model
from router.api.fields import Fields
from router.api.hot import HotRoute
from router.api.speech_reply import SpeechReply
from router.api.speech_wishes import as_wished
from router.api.telephone_body import speak_of
from router.api.visit import Visit
from router.api.ways import ways_to
from router.catalogue import Catalogue
from router.domain import ENDPOINT_PATHS, Endpoint, Modality, Route, SpeechRequest
from router.ports import Header, Monotonic, Record, StateStore
from router.speak import Speaker
from router.spoken import SpokenAnswer
from router.telling import Telling

SPEAK_PATH = "/speak"


class Asker(Protocol):
    """Who asks, with which headers, and what is recorded of it. A Visit is one."""

    @property
    def client(self) -> Client: ...
    @property
    def fields(self) -> Fields: ...
    @property
    def record(self) -> Record: ...


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
        """OpenAI's, which is also ChatTTS', and an AI telephone's."""
        return {
            f"/v1{ENDPOINT_PATHS[Endpoint.SPEECH]}": HotRoute(Endpoint.SPEECH, self._serve_openai),
            SPEAK_PATH: HotRoute(Endpoint.SPEECH, self._serve_telephone),
        }

    async def _serve_openai(self, visit: Visit, body: bytes) -> None:
        document = speech_body.document_of(body)
        if chattts_body.is_chattts(document):
            await self._serve_chattts(visit, document)
        else:
            await self.answer(visit, speech_body.request_of(document, max_chars=self.max_chars))

    async def _serve_chattts(self, visit: Visit, document: Mapping[str, Any]) -> None:
        words = chattts_body.speech_of(document)
        request = speech_body.request_of(words, max_chars=self.max_chars, said_in="text")
        await self.answer(visit, request, also=chattts_body.headers_of)

    async def _serve_telephone(self, visit: Visit, body: bytes) -> None:
        words = speak_of(body)
        await self.answer(visit, speech_body.request_of(words, max_chars=self.max_chars, said_in="text"))

    async def answer(
        self,
        visit: Visit,
        request: SpeechRequest,
        *,
        also: Callable[[SpokenAnswer], Sequence[Header]] = lambda _: (),
        extra: Sequence[Header] = (),
    ) -> None:
        """Have it spoken, whichever dialect it came in. `also`, `extra`: see `SpeechReply`. Raises RouterError."""
        telling = await self.telling(visit, request)
        await SpeechReply(self.speaker, self.store, self.clock, telling, visit.reply, also, extra).send()

    async def telling(self, asker: Asker, request: SpeechRequest) -> Telling:
        """What will be spoken, and by whose leave. Raises NotFound, Forbidden, InvalidRequest."""
        request, routes, max_wait_s = self._wished(asker, request)
        return await self.speaker.prepare(request, routes, asker.record, max_wait_s)

    def expected(self, asker: Asker, request: SpeechRequest) -> Telling:
        """The same of a text that is still being written. Raises as `telling`."""
        request, routes, max_wait_s = self._wished(asker, request)
        return self.speaker.expect(request, routes, asker.record, max_wait_s)

    def _wished(self, asker: Asker, request: SpeechRequest) -> tuple[SpeechRequest, Sequence[Route], float]:
        request, record = as_wished(request, asker.fields), asker.record
        record.model = request.model or ""
        if self.logs_text:
            record.text = request.text
        require_model(asker.client, self.catalogue.speech_name(request.model))
        return request, *ways_to(self.catalogue, Modality.SPEECH, request.model, asker.client, record)
