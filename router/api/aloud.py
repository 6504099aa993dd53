"""What all shapes of an answer that is given aloud have in common: each happening goes to one method."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from router.api import spoken as told
from router.api.call import Reply
from router.completion import Chunk
from router.errors import RouterError
from router.happenings import Begun, Muted, Refused, Spoke, Wrote
from router.ports import Monotonic, Record, StateStore
from router.recital import Recital
from router.speech.encoders import Encoders
from router.spoken import Spoken, Tally
from router.telling import Telling


@dataclass
class Aloud(ABC):
    """One answer. `record` is the chat's; what is spoken of it has its own, in `telling`."""

    encoders: Encoders
    store: StateStore
    clock: Monotonic
    telling: Telling
    reply: Reply
    record: Record
    recital: Recital = field(init=False)
    waited_s: float = field(init=False, default=0.0)  # for other machines, since the request came

    async def send(self, recital: Recital) -> None:
        """To the last byte. Raises RouterError; after the first byte, for the cut."""
        self.recital = recital
        began, waited_s = self.clock(), self.record.upstream_wait_s  # which others count up meanwhile
        while (happening := await self._next(recital)) is not None:
            match happening:
                case Begun():
                    self.begun()
                case Wrote(chunk):
                    await self.wrote(chunk)
                case Spoke(spoken):
                    await self.spoke(spoken)
                case Muted(error):
                    self.mute(error)
                case Refused():
                    await self.refused(happening)
                    return
        self.waited_s = waited_s + self.clock() - began
        await self.finish()

    def begun(self) -> None:  # noqa: B027  of a stream there is nothing to forget
        """A model begins. What another said before is void; nothing of it has been sent."""

    @abstractmethod
    async def wrote(self, chunk: Chunk) -> None:
        """The model wrote more."""

    @abstractmethod
    async def spoke(self, spoken: Spoken) -> None:
        """A segment is to be heard."""

    def mute(self, error: RouterError) -> None:
        """No more will be spoken. Raises `error` where that makes the answer fail."""
        raise error

    async def refused(self, refused: Refused) -> None:
        """The model's server refuses the request; in its own words."""
        self.record.streamed = False
        await self.reply.start(refused.status, refused.headers)
        await self.reply.send(refused.body, is_last=True)

    @abstractmethod
    async def finish(self) -> None:
        """All has happened."""

    async def remember(self, tally: Tally, status: str) -> None:
        """What GET /v1/audio/speech/{request id} tells: in_progress, completed or failed."""
        record = self.telling.record
        key = told.answer_key(record.client, record.request_id)
        await self.store.put(key, told.summary_so_far(tally, record, status), ttl_s=told.ANSWER_TTL_S)

    @property
    def is_event_stream(self) -> bool:
        """Whether the client reads events; the model's server sends them in any case."""
        return False

    async def _next(self, recital: Recital) -> Begun | Wrote | Spoke | Muted | Refused | None:
        try:
            return await recital.next()
        finally:
            self.record.streamed = self.is_event_stream
