"""Phrases spoken ahead: each once, only by who is meant to, without haste."""

import asyncio
import logging
from collections.abc import Callable, Sequence

import pytest
from fakes import ManualClock
from running import run, until

from router.config.settings import PhraseSettings
from router.domain import AudioFormat, Modality, Priority, Rendition, Route, SpeechRequest, Substitution
from router.errors import InvalidRequest, NotFound, NothingCanServe
from router.health import HostState, ProviderState
from router.phrases import Phrases, Waits
from router.ports import Record
from router.selection import Candidate, Standing

GOOD, SUBSTITUTE = Route("gpu", "turbo", 1), Route("cpu", "espeak", 10_001, ("model",))
WAITS = Waits(0.0, 10.0, 10.0)
Answer = Callable[[SpeechRequest, Record], None]


class _House:
    """A speaker, a catalogue and a roster, which knows one provider that is meant to speak and a substitute."""

    def __init__(self, answer: Answer, *, is_up: bool = True) -> None:
        self.is_up = is_up
        self.changed = asyncio.Event()
        self.asked: list[tuple[SpeechRequest, Sequence[Route], float, Priority]] = []
        self._answer = answer

    async def answer(
        self,
        request: SpeechRequest,
        routes: Sequence[Route],
        record: Record,
        max_wait_s: float,
        priority: Priority = Priority.INTERACTIVE,
    ) -> object:
        self.asked.append((request, routes, max_wait_s, priority))
        await asyncio.sleep(0)
        self._answer(request, record)
        return None

    def resolve(self, modality: Modality, name: str | None) -> Sequence[Route]:
        if name == "nobody's":
            raise NotFound("No model is called that.")
        return [GOOD, SUBSTITUTE]

    def max_wait_s(self, modality: Modality, name: str | None) -> float:
        return 3.0

    def candidates(self, routes: Sequence[Route], max_wait_s: float = 2.0) -> list[Candidate]:
        standing = Standing(HostState.REACHABLE, ProviderState.UP if self.is_up else ProviderState.DOWN)
        return [Candidate(route, standing, True, is_last_resort=not self.is_up) for route in routes]

    async def until_changed(self) -> None:
        await self.changed.wait()
        self.changed.clear()

    def phrases(self, *phrases: PhraseSettings, waits: Waits = WAITS) -> Phrases:
        return Phrases(phrases, self, self, self, ManualClock(), waits)


def _spoken(_: SpeechRequest, record: Record) -> None:
    record.attempts = 1


def _known(_: SpeechRequest, record: Record) -> None:
    pass


def _phrase(text: str = "Dinner is ready.", model: str | None = None) -> PhraseSettings:
    return PhraseSettings(text=text, model=model)


def _told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, object]]:
    return [(record.getMessage(), getattr(record, "fields", None)) for record in caplog.records]


def _ended(phrases: Phrases) -> bool:
    return phrases._task is not None and phrases._task.done()


def test_each_is_asked_for_as_configured_and_by_no_substitute() -> None:
    """As a batch, and in the configured format."""

    async def main() -> None:
        house = _House(_spoken)
        phrase = PhraseSettings(
            text="Hello.", voice="fable", language="en", format=AudioFormat.WAV, speed=1.5, model="m"
        )
        phrases = house.phrases(phrase)
        phrases.start()
        await until(lambda: _ended(phrases))
        expected = SpeechRequest(
            "Hello.",
            "m",
            "fable",
            Rendition(AudioFormat.WAV),
            1.5,
            "en",
            stream=False,
            fallback=Substitution.NONE,
        )
        assert [(expected, [GOOD], 3.0, Priority.BATCH)] == house.asked

    run(main())


def test_one_line_tells_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """What was spoken, what was known; no text."""

    async def main() -> None:
        house = _House(lambda request, record: (_known if "known" in request.text else _spoken)(request, record))
        phrases = house.phrases(_phrase("known"), _phrase("new"), _phrase("known too"))
        phrases.start()
        await until(lambda: _ended(phrases))
        assert 3 == len(house.asked)

    with caplog.at_level(logging.INFO):
        run(main())
    assert [("phrases of the cache are ready", {"spoken": 1, "known": 2, "refused": 0})] == _told(caplog)


def test_it_waits_for_who_is_meant_to_speak() -> None:
    """A provider that is down is not tried for this."""

    async def main() -> None:
        house = _House(_spoken, is_up=False)
        phrases = house.phrases(_phrase())
        phrases.start()
        await until(lambda: bool(phrases._task) and house.asked == [])
        house.changed.set()
        await until(lambda: not house.changed.is_set())
        assert [] == house.asked
        house.is_up = True
        house.changed.set()
        await until(lambda: _ended(phrases))
        assert 1 == len(house.asked)

    run(main())


def test_what_failed_is_tried_again_later() -> None:
    """What is done is not done again."""

    async def main() -> None:
        tries: list[str] = []

        def answer(request: SpeechRequest, record: Record) -> None:
            tries.append(request.text)
            if len(tries) < 3 and request.text == "b":
                raise NothingCanServe("speech", [])

        house = _House(answer)
        phrases = house.phrases(
            _phrase("a"), _phrase("b"), _phrase("c", model="nobody's"), waits=Waits(0, 0.001, 0.01)
        )
        phrases.start()
        await until(lambda: tries.count("b") == 2)
        assert ["a", "b", "b"] == tries
        await phrases.aclose()

    run(main())


def test_what_nobody_can_ever_speak_is_told_and_left(caplog: pytest.LogCaptureFixture) -> None:
    """By its place in the configuration; its text is not told."""

    def refuse(request: SpeechRequest, record: Record) -> None:
        raise InvalidRequest("The language is not one of the engine's.")

    async def main() -> None:
        phrases = _House(refuse).phrases(_phrase("secret"))
        phrases.start()
        await until(lambda: _ended(phrases))

    with caplog.at_level(logging.INFO):
        run(main())
    assert [
        ("cache.phrases[0] cannot be spoken: The language is not one of the engine's.", None),
        ("phrases of the cache are ready", {"spoken": 0, "known": 0, "refused": 1}),
    ] == _told(caplog)


def test_without_phrases_there_is_no_task() -> None:
    """Nor after the end."""

    async def main() -> None:
        house = _House(_spoken, is_up=False)
        none, some = house.phrases(), house.phrases(_phrase())
        none.start()
        assert none._task is None
        some.start()
        await asyncio.sleep(0)
        for phrases in (none, some):
            await phrases.aclose()
        assert _ended(some)

    run(main())
