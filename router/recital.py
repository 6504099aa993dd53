"""The dispatch of a chat that is answered aloud: a language model writes, and what it has written is spoken while
it goes on.

Both halves are those of a plain chat and of plain speech. So a model that fails before its first word is replaced
(of an answer that is sent whole: before its last), each segment is spoken by whoever can, and when the reader of
this leaves, both stop. A model that fails later, or pauses, does not cut the voice: what is there is said. And a
voice that fails does not cut the text.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from router.completion import Chunk
from router.domain import ProviderCard
from router.errors import InvalidRequest, RouterError
from router.forward import ForwardCall, Forwarder
from router.narration import Narration
from router.outcomes import Outcome, outcome_of
from router.page import Page
from router.ports import Header, Monotonic, Observer
from router.script import Script
from router.speak import MAX_WHOLE_S, Speaker
from router.spoken import Spoken, Tally
from router.telling import Telling

AHEAD: Final = 256  # happenings that wait for a client; beyond, the model is not read
_CHARS_PER_S: Final = 15.0  # of speech, at the least


@dataclass(frozen=True, slots=True)
class Begun:
    """A model has begun; what another said before it is void."""


@dataclass(frozen=True, slots=True)
class Wrote:
    """The model wrote so much more."""

    chunk: Chunk


@dataclass(frozen=True, slots=True)
class Spoke:
    """A segment was spoken."""

    spoken: Spoken


@dataclass(frozen=True, slots=True)
class Muted:
    """Nothing (more) will be spoken, though the text goes on."""

    error: RouterError


@dataclass(frozen=True, slots=True)
class Refused:
    """The model's server says that the request is at fault; its own words."""

    status: int
    headers: Sequence[Header]
    body: bytes


Happening = Begun | Wrote | Spoke | Muted | Refused


class Reciter:
    """Begins recitals."""

    def __init__(
        self,
        forwarder: Forwarder,
        speaker: Speaker,
        cards: Mapping[str, ProviderCard],
        observer: Observer,
        clock: Monotonic,
        *,
        max_chars: int,
    ) -> None:
        self._forwarder = forwarder
        self.speaker = speaker
        self._cards = cards
        self._observer = observer
        self._clock = clock
        self._max_chars = max_chars

    def recital(
        self, call: ForwardCall, telling: Telling, *, is_streamed: bool, is_mute: bool = False
    ) -> "Recital":
        """`call` asks for a streamed chat, whatever the client wants; `is_streamed`: somebody listens while it is
        written; `is_mute`: nobody can speak."""
        return Recital(self, call, telling, is_streamed=is_streamed, is_mute=is_mute)

    # for a recital

    async def write(self, call: ForwardCall, page: Page) -> None:
        await self._forwarder.forward(call, page)

    def now(self) -> float:
        return self._clock()

    def max_chars(self, *, is_streamed: bool) -> int:
        return self._max_chars if is_streamed else min(self._max_chars, round(MAX_WHOLE_S * _CHARS_PER_S))

    def is_one_machine(self, provider: str, other: str) -> bool:
        """Whether both are servers on the same host."""
        cards = self._cards
        return provider in cards and other in cards and cards[provider].host == cards[other].host

    def speech_began(self, telling: Telling) -> None:
        telling.record.started = self._clock()
        self._observer.request_started(telling.record)

    def speech_ended(self, telling: Telling, tally: Tally, outcome: str) -> None:
        record = telling.record
        record.outcome, record.finished = outcome, self._clock()
        if outcome == Outcome.OK:
            record.status, record.audio_s, record.generation_s = 200, tally.duration_s, tally.generation_s
            record.cache = "hit" if tally.is_cached else record.cache
        self._observer.request_finished(record)


class Recital:
    """Async context manager, and one reader's `next`. Its speech has a record of its own (`telling.record`), which
    is told to the observer beside the chat's; its time runs from the moment at which there is something to say.
    `tally` adds the segments up."""

    def __init__(
        self, reciter: Reciter, call: ForwardCall, telling: Telling, *, is_streamed: bool, is_mute: bool
    ) -> None:
        self._reciter = reciter
        self._is_mute = is_mute
        self._call = call
        self._telling = telling
        self._is_streamed = is_streamed
        self._is_written = False
        self._fault: Exception | None = None
        self.tally = Tally()
        self._has_spoken = False
        self._is_handed_over = asyncio.Event()
        self._happenings: asyncio.Queue[Happening | None] = asyncio.Queue(AHEAD)
        self._narration: Narration | None = None
        self._performance: asyncio.Task[None] | None = None
        self._speech: asyncio.Task[None] | None = None
        self._page = Page(
            begins=self._begin,
            wrote=self._wrote,
            is_streamed=is_streamed,
            language=telling.request.language,
            max_chars=reciter.max_chars(is_streamed=is_streamed),
        )

    async def __aenter__(self) -> Self:
        self._performance = asyncio.get_running_loop().create_task(self._perform(), name="recital")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._performance is not None
        await _ended(self._performance)
        self._page.close()
        await self._stop_speaking()
        self._fault = None  # its traceback holds frames

    async def next(self) -> Happening | None:
        """What happens next; None at the end. Raises NothingCanServe or UpstreamFault when no model could answer,
        or the one that did could not finish; then all that it wrote has been said."""
        if self._has_spoken:
            self._is_handed_over.set()
        happening = await self._happenings.get()
        self._has_spoken = isinstance(happening, Spoke)
        if happening is None and self._fault is not None:
            raise self._fault
        return happening

    def handed_over(self, audio_s: float) -> None:
        """So much more is on its way to who listens."""
        record, now = self._telling.record, self._reciter.now()
        record.first_byte = record.first_byte or now
        self._call.record.first_audio = self._call.record.first_audio or now
        if self._narration is not None:
            self._narration.playback.handed_over(audio_s, now)
            record.gap_s = self._narration.playback.gap_s

    # the model

    async def _perform(self) -> None:
        try:
            await self._reciter.write(self._call, self._page)
        except Exception as exc:
            self._fault = exc
        self._is_written = True
        if self._page.refusal is not None:
            await self._happenings.put(Refused(*self._page.refusal, bytes(self._page.refused)))
        elif self._page.is_started:
            await self._finish_speaking()
        await self._happenings.put(None)

    async def _begin(self, script: Script) -> None:
        await self._stop_speaking()
        self.tally = Tally()
        await self._happenings.put(Begun())
        if self._is_mute:
            return
        self._speech = asyncio.get_running_loop().create_task(self._speak(script), name="recital's speech")

    async def _wrote(self, chunk: Chunk) -> None:
        await self._happenings.put(Wrote(chunk))

    # the voice

    async def _speak(self, script: Script) -> None:
        if not await script.has_more():
            return
        outcome = Outcome.CALLER_GONE
        self._reciter.speech_began(self._telling)
        try:
            await self._narrate(script)
            outcome = Outcome.OK
        except RouterError as error:
            outcome = outcome_of(error)
            await self._happenings.put(Muted(error))
        except Exception:
            outcome = Outcome.ROUTER_ERROR
            raise
        finally:
            self._reciter.speech_ended(self._telling, self.tally, outcome)

    async def _narrate(self, script: Script) -> None:
        speaker = self._reciter.speaker
        async with speaker.improvised(
            self._telling, script, is_heard=self._is_streamed, holds=self._holds
        ) as narration:
            self._narration = narration
            while (spoken := await narration.next()) is not None:
                self.tally.add(spoken)
                self._is_handed_over.clear()
                await self._happenings.put(Spoke(spoken))
                await self._is_handed_over.wait()  # else it would be spoken far ahead of who reads nothing

    def _holds(self) -> bool:
        """Whether the model still writes on the machine that speaks."""
        written_by, spoken_by = self._call.record.provider, self._telling.record.provider
        return not self._is_written and self._reciter.is_one_machine(written_by, spoken_by)

    async def _finish_speaking(self) -> None:
        self._page.close()
        if self._narration is not None:
            self._narration.look_again()
        if self._speech is not None:
            await asyncio.wait((self._speech,))
            if not self._speech.cancelled() and (bug := self._speech.exception()) is not None:
                self._fault = self._fault or (bug if isinstance(bug, Exception) else None)
        if self._page.is_too_long:
            await self._happenings.put(Muted(_too_long()))

    async def _stop_speaking(self) -> None:
        speech, self._speech = self._speech, None
        if speech is not None:
            await _ended(speech)


async def _ended(task: "asyncio.Task[None]") -> None:
    """Cancelled and over, whatever it came to."""
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()  # seen


def _too_long() -> RouterError:
    return InvalidRequest("The answer is too long to be spoken to its end.", code="too_long_to_speak")
