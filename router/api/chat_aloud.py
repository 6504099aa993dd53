"""Chats that have to do with audio, served by a language model that knows only text: recordings are transcribed,
earlier spoken answers are put back as words, and the answer is spoken if that was asked for."""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Final

import msgspec

from router.api.admission import Client, require_model
from router.api.call import Reply
from router.api.chat_body import AudioChat, Recording
from router.api.replies import Replies
from router.api.speech_wishes import as_wished
from router.api.streamed_chat import StreamedChat
from router.api.visit import Visit
from router.api.ways import ways_to
from router.api.whole_chat import WholeChat
from router.catalogue import Catalogue
from router.config.settings import SpeechSettings
from router.domain import Modality, SpeechRequest
from router.errors import ClientError
from router.forward import ForwardCall, Forwarder
from router.ports import Header, Monotonic, Record, StateStore
from router.recital import Reciter
from router.telling import Telling
from router.transcribing import Transcriber

ENDPOINT: Final = "chat_audio"  # the label of what is spoken of a chat, beside the chat's own
EARS: Final = 4  # recordings of a chat that are transcribed at once
_OWN: Final = frozenset({b"accept", b"accept-encoding", b"content-type"})
_ACCEPTED: Final[list[Header]] = [(b"content-type", b"application/json"), (b"accept", b"text/event-stream")]


@dataclass(frozen=True, slots=True)
class ChatAloud:
    """Serves them."""

    catalogue: Catalogue
    forwarder: Forwarder
    reciter: Reciter
    transcriber: Transcriber
    store: StateStore
    clock: Monotonic
    settings: SpeechSettings

    async def serve(self, chat: AudioChat, call: ForwardCall, visit: Visit) -> None:
        """Answer `call`, which is `chat`. Raises RouterError."""
        client, voice = visit.client, chat.voice
        telling = None if voice is None else self._telling(as_wished(voice, visit.fields), client, call.record)
        replies = Replies(self.store, client.name, self.settings.reply_kept_s)
        said = {
            number: await replies.transcript(number, name) if name is not None else ""
            for number, name in chat.references.items()
        }
        heard = {} if self.catalogue.hears(call.routes) else await self._heard(chat, client, call.record)
        document = chat.asked(heard, said)
        call = msgspec.structs.replace(
            call, body_for=lambda model: msgspec.json.encode({**document, "model": model})
        )
        if telling is None:
            await self.forwarder.forward(call, visit.reply)
            return
        await self._recite(call, telling, replies, visit.reply, is_streamed=chat.is_streamed)

    def _telling(self, voice: SpeechRequest, client: Client, chat: Record) -> Telling:
        try:
            return self.telling(voice, client, chat)
        except ClientError as error:
            error.param = f"audio.{error.param}" if error.param else "audio"
            raise

    def telling(self, voice: SpeechRequest, client: Client, chat: Record) -> Telling:
        """How the answer will be spoken. Raises NotFound for voice or model, Forbidden."""
        name = self.catalogue.speech_name(voice.model)
        require_model(client, name)
        record = Record(chat.request_id, ENDPOINT, self.clock(), client=client.name, model=name)
        routes, max_wait_s = ways_to(self.catalogue, Modality.SPEECH, voice.model, client, record)
        return self.reciter.speaker.expect(voice, routes, record, max_wait_s)

    async def _recite(
        self, call: ForwardCall, telling: Telling, replies: Replies, reply: Reply, *, is_streamed: bool
    ) -> None:
        """Answer aloud in OpenAI's shape. Raises RouterError."""
        nobody = self.reciter.speaker.nobody_for(telling)
        if nobody is not None and self.settings.without_voice == "error":
            raise nobody
        common = self.reciter.speaker.encoders, self.store, self.clock, telling, reply, call.record
        shape = StreamedChat if is_streamed else WholeChat
        answer = shape(*common, replies, self.settings.without_voice == "error")
        if nobody is not None:
            answer.mute_all(nobody)
        async with self.reciter.recital(
            asking_for_events(call), telling, is_streamed=is_streamed, is_mute=nobody is not None
        ) as recital:
            await answer.send(recital)

    async def _heard(self, chat: AudioChat, client: Client, record: Record) -> dict[tuple[int, int], str]:
        """What is said in its recordings, a few at a time."""
        places, began = asyncio.Semaphore(EARS), self.clock()

        async def transcript(recording: Recording) -> str:
            async with places:
                return await self._transcript(recording, client, record)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = {each.at: group.create_task(transcript(each)) for each in chat.recordings}
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            record.upstream_wait_s += self.clock() - began
        return {at: task.result() for at, task in tasks.items()}

    async def _transcript(self, recording: Recording, client: Client, record: Record) -> str:
        """What is said in it. Clients send their whole history each time, so it is remembered."""
        key = f"heard/{client.name}/{hashlib.sha256(recording.data).hexdigest()}"
        known = await self.store.get(key)
        if known is not None:
            return known.decode()
        text = await self.transcriber.transcript(
            recording.data,
            recording.filename,
            request_id=record.request_id,
            may_use=client.may_use,
            client=client.name,
        )
        await self.store.put(key, text.encode(), ttl_s=self.settings.reply_kept_s)
        return text


def asking_for_events(call: ForwardCall) -> ForwardCall:
    """The call, for an answer that the router reads itself."""
    headers = [header for header in call.headers if header[0] not in _OWN]
    return msgspec.structs.replace(call, headers=[*headers, *_ACCEPTED])
