"""The dispatch of a chat that is answered aloud: a language model writes, and what it has written is spoken while
it goes on.

Both halves are those of a plain chat and of plain speech. So a model that fails before its first word is replaced
(of an answer that is sent whole: before its last), each segment is spoken by whoever can, and when the reader of
this leaves, both stop. A model that fails later, or pauses, does not cut the voice: what is there is said. And a
voice that fails does not cut the text.
"""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from router.completion import Chunk
from router.domain import ProviderCard
from router.errors import ClientGone, RouterError, TooLongToSpeak
from router.forward import ForwardCall, Forwarder
from router.happenings import Begun, Happening, Muted, Refused, Spoke, Wrote
from router.interruptible import Interruptible
from router.narration import Narration
from router.outcomes import Outcome, outcome_of
from router.page import Page
from router.ports import Monotonic, Observer
from router.script import Script
from router.speak import MAX_WHOLE_S, Speaker
from router.speech.live import QUICK_WIDTH
from router.spoken import Tally
from router.telling import Telling

AHEAD: Final = 256  # chunks that wait for a client; beyond, the model is not read
HANGS_ON_S: Final = 0.5  # a server that has said [DONE] and does not end its answer
_CHARS_PER_S: Final = 15.0  # of speech, at the least


class Reciter:
    """Begins recitals, and does for them what takes the rest of the house."""

    def __init__(
        self,
        forwarder: Forwarder,
        speaker: Speaker,
        cards: Mapping[str, ProviderCard],
        observer: Observer,
        clock: Monotonic,
        *,
        max_chars: int,
        quick_width: int = QUICK_WIDTH,
    ) -> None:
        self.speaker = speaker
        self.quick_width = quick_width
        self.observer = observer
        self.clock = clock
        self._forwarder = forwarder
        self._cards = cards
        self._max_chars = max_chars

    def recital(
        self, call: ForwardCall, telling: Telling, *, is_streamed: bool, is_mute: bool = False
    ) -> "Recital":
        """`call` asks for a streamed chat, whatever the client wants; `is_streamed`: somebody listens while it is
        written; `is_mute`: nobody can speak."""
        return Recital(self, call, telling, is_streamed=is_streamed, is_mute=is_mute)

    async def write(self, call: ForwardCall, page: Page) -> None:
        """Raises as `Forwarder.forward`."""
        await self._forwarder.forward(call, page)

    def max_chars(self, *, is_streamed: bool) -> int:
        """How much of a text is spoken: a whole answer is held in memory."""
        return self._max_chars if is_streamed else min(self._max_chars, round(MAX_WHOLE_S * _CHARS_PER_S))

    def is_one_machine(self, provider: str, other: str) -> bool:
        """Whether both are servers on the same host."""
        cards = self._cards
        return provider in cards and other in cards and cards[provider].host == cards[other].host


class Recital:
    """Async context manager, and one reader's `next`. Its speech has a record of its own (`telling.record`), which
    is told to the observer beside the chat's; its time runs from the moment at which there is something to say.
    `tally` adds the segments up."""

    def __init__(
        self, reciter: Reciter, call: ForwardCall, telling: Telling, *, is_streamed: bool, is_mute: bool
    ) -> None:
        self._reciter = reciter
        self._call = call
        self._telling = telling
        self._is_streamed = is_streamed
        self._is_mute = is_mute
        self._is_written = False
        self._is_counted = False  # how long the first word took
        self._has_ended = False
        self._fault: Exception | None = None
        self.tally = Tally()
        self._sound = _Sound(telling, reciter)
        self._has_spoken = False
        self._is_handed_over = asyncio.Event()
        self._happenings: asyncio.Queue[Happening | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(AHEAD)
        self._narration: Narration | None = None
        self._performance: asyncio.Task[None] | None = None
        self._speech: asyncio.Task[None] | None = None
        self._reading = Interruptible()
        self._page = Page(
            self,
            reciter.clock,
            is_streamed=is_streamed,
            is_mute=is_mute,
            language=telling.request.language,
            max_chars=reciter.max_chars(is_streamed=is_streamed),
            quick_width=reciter.quick_width,
        )

    async def __aenter__(self) -> Self:
        self._performance = asyncio.get_running_loop().create_task(self._perform(), name="recital")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._page.drop()
        tasks = [task for task in (self._performance, self._speech) if task is not None]
        for task in tasks:  # both before either is waited for: somebody may cancel that
            task.cancel()
        try:
            await asyncio.wait(tasks)
        finally:
            self._fault = None  # its traceback holds frames
            self._sound.end(self.tally, error)

    async def next(self) -> Happening | None:
        """What happens next; None at the end. Raises NothingCanServe or UpstreamFault when no model could answer,
        or the one that did could not finish; then all that it wrote has been said."""
        if self._has_spoken:
            self._is_handed_over.set()
        happening = await self._happenings.get()
        self._has_spoken = isinstance(happening, Spoke)
        if isinstance(happening, Wrote):
            self._room.release()
        if happening is None and self._fault is not None:
            raise self._fault
        return happening

    def handed_over(self, audio_s: float) -> None:
        """So much more is on its way to who listens."""
        now = self._reciter.clock()
        record = self._telling.record
        record.first_byte = record.first_byte or now
        self._call.record.first_audio = self._call.record.first_audio or now
        if self._narration is not None:
            self._narration.playback.handed_over(audio_s, now)
            record.gap_s = self._narration.playback.gap_s

    # the model

    async def _perform(self) -> None:
        try:
            async with self._reading:
                await self._reciter.write(self._call, self._page)
        except _Enough:
            pass
        except Exception as exc:
            self._fault = None if self._has_ended else exc
        self._is_written = True
        if self._page.refusal is not None and self._fault is None:
            self._happenings.put_nowait(Refused(*self._page.refusal, bytes(self._page.refused)))
        elif self._page.is_started:
            await self._finish_speaking()
        self._happenings.put_nowait(None)

    async def _finish_speaking(self) -> None:
        await self._page.close()
        if self._narration is not None:
            self._narration.look_again()
        if self._speech is None:
            return
        await asyncio.wait((self._speech,))
        bug = None if self._speech.cancelled() else self._speech.exception()
        if isinstance(bug, Exception):
            self._fault = self._fault or bug

    # page.Reader

    async def begins(self, script: Script) -> None:
        """See `page.Reader`."""
        await self._stop_speaking()
        self.tally = Tally()
        self._happenings.put_nowait(Begun())
        if not self._is_mute:
            self._speech = asyncio.get_running_loop().create_task(self._speak(script), name="recital's speech")

    async def wrote(self, chunk: Chunk) -> None:
        """See `page.Reader`."""
        await self._room.acquire()
        if self._is_streamed and not self._is_counted:
            self._is_counted = True
            self._call.record.upstream_wait_s += self._page.waited_s
        self._happenings.put_nowait(Wrote(chunk))

    def ended(self) -> None:
        """See `page.Reader`."""
        self._has_ended = True
        asyncio.get_running_loop().call_later(HANGS_ON_S, self._reading.interrupt, _Enough("all was said"))

    def lost_voice(self, *, is_too_long: bool) -> None:
        """See `page.Reader`."""
        words = "The answer is too long to be spoken to its end."
        error = TooLongToSpeak(words) if is_too_long else RouterError("The answer could not be spoken to its end.")
        self._sound.error = error
        self._happenings.put_nowait(Muted(error))
        if not self._is_streamed and self._speech is not None:
            self._speech.cancel()  # half of it is none

    # the voice

    async def _speak(self, script: Script) -> None:
        if not await script.has_more():
            return
        self._sound.begin()
        try:
            await self._narrate(script)
        except RouterError as error:
            self._sound.error = error
            self._happenings.put_nowait(Muted(error))
        else:
            self._sound.is_whole = True

    async def _narrate(self, script: Script) -> None:
        speaker = self._reciter.speaker
        async with speaker.improvised(
            self._telling, script, is_heard=self._is_streamed, holds=self._holds
        ) as narration:
            self._narration = narration
            while (spoken := await narration.next()) is not None:
                self.tally.add(spoken)
                self._is_handed_over.clear()
                self._happenings.put_nowait(Spoke(spoken))
                await self._is_handed_over.wait()  # else it would be spoken far ahead of who reads nothing

    def _holds(self) -> bool:
        """Whether the model still writes on the machine that speaks."""
        written_by, spoken_by = self._call.record.provider, self._telling.record.provider
        return not self._is_written and self._reciter.is_one_machine(written_by, spoken_by)

    async def _stop_speaking(self) -> None:
        speech, self._speech = self._speech, None
        if speech is None:
            return
        speech.cancel()
        await asyncio.wait((speech,))
        if not speech.cancelled():
            speech.exception()  # seen


class _Sound:
    """The speech's record: begun with the first thing to say, told once at the recital's end, however many models
    began an answer meanwhile."""

    def __init__(self, telling: Telling, reciter: Reciter) -> None:
        self._record = telling.record
        self._reciter = reciter
        self._has_begun = False
        self.is_whole = False
        self.error: RouterError | None = None

    def begin(self) -> None:
        """There is something to say."""
        self._record.started = self._reciter.clock()
        self._record.first_audio = None
        self.is_whole, self.error = False, None
        if not self._has_begun:
            self._has_begun = True
            self._reciter.observer.request_started(self._record)

    def end(self, tally: Tally, error: BaseException | None) -> None:
        """`error`: what ended the recital."""
        if not self._has_begun:
            return
        record = self._record
        record.outcome, record.finished = self._outcome(error), self._reciter.clock()
        if record.outcome == Outcome.OK:
            record.status, record.audio_s, record.generation_s = 200, tally.duration_s, tally.generation_s
            record.cache = "hit" if tally.is_cached else record.cache
        self._reciter.observer.request_finished(record)

    def _outcome(self, error: BaseException | None) -> Outcome:
        if self.is_whole:
            return Outcome.OK
        ended_by = self.error or error
        if isinstance(ended_by, RouterError) and not isinstance(ended_by, ClientGone):
            return outcome_of(ended_by)
        return Outcome.ROUTER_ERROR if isinstance(ended_by, Exception) else Outcome.CALLER_GONE


class _Enough(Exception):
    """The model has finished, and its server does not say so."""
