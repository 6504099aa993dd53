"""An AI telephone's own routes: a question in words or as a recording, the answer as WAV.

Nothing of it is a way of its own: a recording is transcribed, the words are asked of a language model, what it
writes is spoken, as in any chat that is answered aloud. `stream` sends the sound while it is made; its length is
not known then, so the WAV says 0xFFFFFFFF.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from router.api import spoken as told
from router.api.admission import Client, require_model
from router.api.call import Reply
from router.api.chat_aloud import ChatAloud, asking_for_events
from router.api.speech_wishes import as_wished
from router.api.telephone_body import Asked, Question, question_of, spoken_of
from router.api.visit import Visit
from router.config.settings import TelephoneSettings
from router.domain import BYTES_PER_S, AudioFormat, Endpoint, Modality, SpeechRequest
from router.errors import InvalidRequest, NotFound, RouterError
from router.forward import ForwardCall
from router.ports import Header, Record
from router.recital import Begun, Happening, Muted, Recital, Refused, Spoke, Wrote
from router.roster import Roster
from router.speech.encoders import AnswerEncoder, Encoders
from router.spoken import NOTHING, Tally
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

    async def serve(self, visit: Visit, body: bytes) -> None:
        """Raises RouterError."""
        if visit.path == TEXT_PATH:
            question = question_of(body)
        else:
            asked = spoken_of(body, visit.fields)
            question = asked.question(await self._heard(asked, visit))
        await self._answer(question, visit)

    async def _heard(self, asked: Asked, visit: Visit) -> str:
        return await self.aloud.transcriber.transcript(
            asked.recording,
            asked.filename,
            request_id=visit.record.request_id,
            may_use=visit.client.may_use,
            language=asked.fields.get("language"),
            client=visit.client.name,
        )

    async def _answer(self, question: Question, visit: Visit) -> None:
        client, record = visit.client, visit.record
        model = question.model or self.settings.model or self._usual_model(client)
        record.model = model
        require_model(client, model)
        catalogue = self.aloud.catalogue
        routes = catalogue.resolve(Modality.CHAT, model, client.may_use)
        record.preferred_tier = min((route.tier for route in routes), default=0)
        voice = SpeechRequest("", voice=question.voice or self.settings.voice or None, format=AudioFormat.WAV)
        telling = self.aloud.telling(as_wished(voice, visit.fields), client, record)
        max_wait_s = catalogue.max_wait_s(Modality.CHAT, model)
        call = ForwardCall(
            Endpoint.CHAT,
            model,
            routes,
            visit.upstream_headers(),
            _body_of(question, self.settings.prompt),
            record,
            max_wait_s,
        )
        reciter = self.aloud.reciter
        nobody = reciter.speaker.nobody_for(telling)
        if nobody is not None:
            raise nobody
        answer = CallReply(reciter.speaker.encoders, self.aloud, telling, visit.reply, record)
        async with reciter.recital(asking_for_events(call), telling, is_streamed=question.is_streamed) as recital:
            await (answer.stream(recital) if question.is_streamed else answer.whole(recital))

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
        return any(self.roster.standing(route.provider, route.model).is_available for route in routes)


@dataclass(frozen=True, slots=True)
class CallReply:
    """The answer's sound."""

    encoders: Encoders
    aloud: ChatAloud
    telling: Telling
    reply: Reply
    record: Record

    async def stream(self, recital: Recital) -> None:
        """As it is spoken. Raises RouterError, after the first byte for the cut."""
        encoder, has_words = self.encoders.open(AudioFormat.WAV), False
        while (happening := await self._next(recital)) is not None:
            match happening:
                case Spoke(spoken):
                    await self._send(encoder, spoken.pcm, recital)
                case Wrote(chunk):
                    has_words = has_words or bool(chunk.text)
                case Muted(error):
                    raise error
                case Refused():
                    raise _refused(happening)
                case Begun():  # nothing of another's was sent
                    pass
        if not recital.tally.parts:
            _check_words(has_words=has_words)
            await self._send(encoder, NOTHING, recital)
        await self._remember(recital.tally)
        await self.reply.send(await encoder.close(), is_last=True)

    async def whole(self, recital: Recital) -> None:
        """When all of it is there. Raises RouterError."""
        began = self.aloud.clock()
        encoder, has_words = self.encoders.whole(AudioFormat.WAV), False
        while (happening := await self._next(recital)) is not None:
            match happening:
                case Spoke(spoken):
                    await encoder.feed(spoken.pcm)
                case Wrote(chunk):
                    has_words = has_words or bool(chunk.text)
                case Muted(error):
                    raise error
                case Refused():
                    raise _refused(happening)
                case Begun():
                    encoder, has_words = self.encoders.whole(AudioFormat.WAV), False
        self.record.upstream_wait_s = self.aloud.clock() - began
        headers = [_WAV]
        if recital.tally.parts:
            audio = await encoder.close()
            headers += told.headers_of(recital.tally.answer(audio, self.telling.voice), self.telling.record)
            await self._remember(recital.tally)
        else:
            _check_words(has_words=has_words)
            await encoder.feed(NOTHING)
            audio = await encoder.close()
        await self.reply.whole(200, headers, audio)

    async def _next(self, recital: Recital) -> Happening | None:
        try:
            return await recital.next()
        finally:
            self.record.streamed = False  # the model's answer is; to the client it is sound, not events

    async def _send(self, encoder: AnswerEncoder, pcm: bytes, recital: Recital) -> None:
        for piece in encoder.slices(pcm):
            audio = await encoder.feed(piece)
            if not self.reply.is_started:
                first = recital.tally.first
                headers = told.first_headers(first, self.telling.record) if first is not None else []
                await self.reply.start(200, [_WAV, *headers])
            await self.reply.send(audio)
            recital.handed_over(len(piece) / BYTES_PER_S)

    async def _remember(self, tally: Tally) -> None:
        record = self.telling.record
        key = told.answer_key(record.client, record.request_id)
        summary = told.summary_so_far(tally, record, "completed")
        await self.aloud.store.put(key, summary, ttl_s=told.ANSWER_TTL_S)


def _body_of(question: Question, prompt: str) -> Callable[[str], bytes]:
    document = {"messages": question.messages(prompt), "stream": True}
    return lambda model: msgspec.json.encode({"model": model, **document})


def _check_words(*, has_words: bool) -> None:
    if not has_words:
        raise RouterError("The language model answered with nothing to say.")


def _refused(refused: Refused) -> RouterError:
    """What the model's server has against it, in words for whoever calls."""
    return InvalidRequest(
        f"The language model's server refused it (status {refused.status}): "
        f"{refused.body[:200].decode(errors='replace')}",
        code="rejected_by_provider",
    )
