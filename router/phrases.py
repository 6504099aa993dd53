"""Phrases that are often said, spoken before anybody asks: a task of the wing, the least important work there is.

One at a time, and only by who is meant to: what a substitute says is kept under its own engine's name, never under
the original's, so the phrase would still not be there. So it waits while nobody else can, and tries again when
something changes, or after a while that grows.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from router.config.settings import PhraseSettings
from router.domain import Endpoint, Modality, Priority, Rendition, Route, SpeechRequest, Substitution
from router.errors import InvalidRequest, RouterError
from router.ports import Monotonic, Record
from router.selection import Candidate

_log = logging.getLogger(__name__)


class Waits(NamedTuple):
    """Seconds between two rounds: at least, and, doubling, at most; whatever changes ends a wait early."""

    least_s: float = 1.0
    first_s: float = 5.0
    most_s: float = 300.0


WAITS: Final = Waits()


class Speaks(Protocol):
    """The speaker."""

    async def answer(
        self,
        request: SpeechRequest,
        routes: Sequence[Route],
        record: Record,
        max_wait_s: float,
        priority: Priority = ...,
    ) -> object: ...


class Names(Protocol):
    """The catalogue."""

    def resolve(self, modality: Modality, name: str | None) -> Sequence[Route]: ...
    def max_wait_s(self, modality: Modality, name: str | None) -> float: ...


class Watched(Protocol):
    """The roster."""

    def candidates(self, routes: Sequence[Route], max_wait_s: float = ...) -> Iterable[Candidate]: ...
    def until_changed(self) -> Coroutine[object, object, object]: ...


class Phrases:
    """Has every phrase spoken once; `aclose` ends that."""

    def __init__(
        self,
        phrases: Sequence[PhraseSettings],
        speaker: Speaks,
        catalogue: Names,
        roster: Watched,
        clock: Monotonic,
        waits: Waits = WAITS,
    ) -> None:
        self._waiting = list(enumerate(phrases, start=1))
        self._speaker = speaker
        self._catalogue = catalogue
        self._roster = roster
        self._clock = clock
        self._waits = waits
        self._counts = {"spoken": 0, "known": 0, "refused": 0}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, beside everything else."""
        if self._waiting and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._speak_all(), name="phrases")

    async def aclose(self) -> None:
        """Stop where it is."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _speak_all(self) -> None:
        wait_s = self._waits.first_s
        while True:
            before, changed = len(self._waiting), self._roster.until_changed()  # since now, not since the wait
            try:
                self._waiting = [each for each in self._waiting if not await self._is_done(*each)]
                if not self._waiting:
                    break
                wait_s = self._waits.first_s if len(self._waiting) < before else wait_s
                await asyncio.sleep(self._waits.least_s)  # who comes and goes all the time is not always asked
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await changed
            finally:
                changed.close()
            wait_s = min(wait_s * 2, self._waits.most_s)
        _log.info("phrases of the cache are ready", extra={"fields": self._counts})

    async def _is_done(self, number: int, phrase: PhraseSettings) -> bool:
        """Whether nothing remains to be done for it: it is known now, or will never be."""
        record = Record(f"phrase-{number}", Endpoint.SPEECH, self._clock(), client="phrases")
        request = SpeechRequest(
            phrase.text,
            phrase.model or None,
            phrase.voice or None,
            Rendition(phrase.format),
            phrase.speed,
            phrase.language,
            stream=False,
            fallback=Substitution.NONE,
        )
        try:
            routes = [r for r in self._catalogue.resolve(Modality.SPEECH, request.model) if not r.substitutes]
            max_wait_s = self._catalogue.max_wait_s(Modality.SPEECH, request.model)
            if not any(
                c.is_eligible and not c.is_last_resort for c in self._roster.candidates(routes, max_wait_s)
            ):
                return False
            await self._speaker.answer(request, routes, record, max_wait_s, Priority.BATCH)
        except InvalidRequest as error:  # by its number: text never reaches a log
            self._counts["refused"] += 1
            _log.warning("cache.phrases[%d] cannot be spoken: %s", number - 1, error.message)
            return True
        except RouterError:  # nobody can now; or a voice or model that nobody has reported yet
            return False
        self._counts["spoken" if record.attempts else "known"] += 1
        return True
