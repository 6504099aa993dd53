"""An AI telephone's own routes: a question in words or as a recording, the answer as WAV.

Nothing of it is a way of its own: a recording is transcribed, the words are asked of a language model, what it
writes is spoken, as in any chat that is answered aloud. `stream` sends the sound while it is made; its length is
not known then, so the WAV says 0xFFFFFFFF.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from router.api.admission import Client, require_model
from router.api.chat_aloud import ChatAloud, asking_for_events
from router.api.hot import HotRoute
from router.api.speech_wishes import as_wished
from router.api.telephone_body import Asked, Question, asked_of, question_of
from router.api.telephone_reply import StreamedCall, WholeCall
from router.api.visit import Visit
from router.api.ways import Ways, ways_to
from router.config.settings import TelephoneSettings
from router.domain import AudioFormat, Endpoint, Modality, Rendition, Route, SpeechRequest
from router.errors import InvalidRequest, NotFound
from router.forward import ForwardCall
from router.ports import Header
from router.roster import Roster
from router.telling import Telling

TEXT_PATH: Final = "/process-text"
TELEPHONE_PATHS: Final = (TEXT_PATH, "/process-audio")
_WAV: Final[Header] = (b"content-type", AudioFormat.WAV.media_type.encode())
_NO_CHATS: Final = ("embed", "rerank")  # in names of models that list beside those that chat


@dataclass(frozen=True, slots=True)
class Telephone:
    """Answers it."""

    aloud: ChatAloud
    roster: Roster
    settings: TelephoneSettings

    def routes(self) -> dict[str, HotRoute]:
        """A question in words, and a recorded one."""
        return dict.fromkeys(TELEPHONE_PATHS, HotRoute(Endpoint.TELEPHONE, self.serve))

    async def serve(self, visit: Visit, body: bytes) -> None:
        """Raises RouterError."""
        if visit.path == TEXT_PATH:
            question = question_of(body)
            line = self._line(question.model, question.voice, visit)
        else:
            asked = asked_of(body, visit.fields)
            line = self._line(asked.model, asked.voice, visit)  # first: whoever speaks gets ready meanwhile
            question = asked.question(await self._heard(asked, visit))
        await self._answer(question, line, visit)

    def _line(self, model: str | None, voice: str | None, visit: Visit) -> "_Line":
        """Who will answer. Raises NotFound, Forbidden, NothingCanServe."""
        name = model or self.settings.model or self._usual_model(visit.client)
        visit.record.model = name
        require_model(visit.client, name)
        ways = ways_to(self.aloud.catalogue, Modality.CHAT, name, visit.client, visit.record)
        named = voice or self.settings.voice or None
        wanted = SpeechRequest("", voice=named, rendition=Rendition(AudioFormat.WAV))
        telling = self.aloud.telling(as_wished(wanted, visit.fields), visit.client, visit.record)
        nobody = self.aloud.reciter.speaker.nobody_for(telling)
        if nobody is not None:
            raise nobody
        return _Line(name, ways, telling)

    async def _heard(self, asked: Asked, visit: Visit) -> str:
        """What was asked. Raises InvalidRequest, NothingCanServe."""
        began = self.aloud.clock()
        try:
            return await self.aloud.transcriber.transcript(
                asked.recording,
                asked.filename,
                request_id=visit.record.request_id,
                may_use=visit.client.may_use,
                language=asked.fields.get("language"),
                client=visit.client.name,
            )
        except InvalidRequest as error:
            error.param = "audio"
            raise
        finally:
            visit.record.upstream_wait_s += self.aloud.clock() - began

    async def _answer(self, question: Question, line: "_Line", visit: Visit) -> None:
        call = ForwardCall(
            Endpoint.CHAT,
            line.model,
            line.ways.routes,
            visit.upstream_headers(),
            _body_of(question, self.settings.prompt),
            visit.record,
            line.ways.max_wait_s,
        )
        aloud, reciter = self.aloud, self.aloud.reciter
        shape = StreamedCall if question.is_streamed else WholeCall
        answer = shape(reciter.speaker.encoders, aloud.store, aloud.clock, line.telling, visit.reply, visit.record)
        call = asking_for_events(call)
        async with reciter.recital(call, line.telling, is_streamed=question.is_streamed) as recital:
            await answer.send(recital)

    def _usual_model(self, client: Client) -> str:
        """The first chat model that can be asked now; the demo where there is none. Raises NotFound."""
        listed = [
            each.id
            for each in self.aloud.catalogue.listed()
            if each.modality is Modality.CHAT and client.may_use(each.id)
        ]
        real = [name for name in listed if not any(part in name.lower() for part in _NO_CHATS)]
        found = next((name for name in real if self._is_up(name)), None)
        if found is None:
            raise NotFound(
                "No language model is there to answer. Start one, or name one in telephone.model.",
                param="model",
                code="model_not_found",
            )
        return found

    def _is_up(self, model: str) -> bool:
        routes = self.aloud.catalogue.resolve(Modality.CHAT, model)
        return any(
            self.roster.standing(route.provider, route.model).is_available and self._can_chat(route)
            for route in routes
        )

    def _can_chat(self, route: Route) -> bool:
        known = self.roster.models_of(route.provider).get(route.model)
        return known is None or known.traits.can_chat


@dataclass(frozen=True, slots=True)
class _Line:
    """Who writes, and who speaks."""

    model: str
    ways: Ways
    telling: Telling


def _body_of(question: Question, prompt: str) -> Callable[[str], bytes]:
    document = {"messages": question.messages(prompt), "stream": True, "stream_options": {"include_usage": True}}
    return lambda model: msgspec.json.encode({"model": model, **document})
