"""A relay between providers whose every answer a test holds in its hand, and the roster it asks."""

import asyncio
from collections.abc import Callable
from typing import Any

from fakes import FakeSpeech, ManualClock, RecordingObserver, pcm, speech_card
from running import until

from router.domain import Model, Passage, ProviderCard, Route, Segment, Utterance
from router.errors import Overdue, RouterError, UpstreamFault
from router.health import HostSign, ProviderSign
from router.ports import Probe, Record
from router.race import Errand
from router.relay import Relay
from router.roster import Roster
from router.selection import Need
from router.speech.voices import VoiceBook
from router.spoken import Spoken
from router.warming import Warmer

TEXT = "Hello there."
A_WHILE_S = 0.06  # in which nothing must happen; what must is awaited
SPOKEN = Utterance(pcm(1.0), 0.25, "engine", "alloy")
SILENT = Probe(HostSign.SILENT, None, "no answer to a dial")


class Stage:
    """Providers in order of preference, all up with model `m`. Each speaks at once unless told otherwise."""

    def __init__(self, *names: str | ProviderCard) -> None:
        self.clock = ManualClock()
        self.observer = RecordingObserver()
        cards = [
            name if isinstance(name, ProviderCard) else speech_card(name, tier=tier, first_byte_s=60, stall_s=60)
            for tier, name in enumerate(names, 1)
        ]
        self.providers = {card.id: FakeSpeech(card, lambda _: SPOKEN) for card in cards}
        self.roster = Roster({card.id: card for card in cards}, self.observer, self.clock, jitter=lambda: 0.0)
        self.routes = [Route(card.id, "m", card.tier) for card in cards]
        self.record = Record("id-1", "speech", self.clock())
        voices = VoiceBook({}, self.roster)
        self.relay = Relay(
            self.providers, self.roster, self.observer, self.clock, voices=voices, warmer=Warmer(self.providers)
        )
        for card in cards:
            self.sign(card.id, ProviderSign.READY)

    def sign(self, provider: str, sign: ProviderSign, **more: Any) -> None:
        self.roster.note_probe(provider, Probe(HostSign.ANSWERED, sign, str(sign), (Model("m"),), **more))

    def doubt(self, provider: str) -> None:
        """Its machine does not answer, once."""
        self.roster.note_probe(provider, SILENT)

    def is_known(self, *providers: str) -> None:
        """It speaks in no time, as was measured."""
        for name in providers:
            self.roster.note_spoken(self.route(name), 1.0, 0.0)

    def fail(self, provider: str, fault: UpstreamFault, times: int = 1) -> None:
        for _ in range(times):
            self.roster.note_fault(self.route(provider), fault)

    def on_trial(self, provider: str) -> None:
        """It was overdue a moment ago, and may be tried again."""
        self.fail(provider, Overdue("slow"))
        self.clock.advance(1.0)

    def route(self, provider: str) -> Route:
        return next(route for route in self.routes if route.provider == provider)

    def hold(self, *names: str) -> None:
        """They take the segment and say nothing until `let`."""
        for name in names:
            self.providers[name].blocks_on = asyncio.Event()

    def let(self, name: str, outcome: Utterance | RouterError = SPOKEN) -> None:
        """It ends with that."""
        self.says(name, outcome)
        event = self.providers[name].blocks_on
        assert event is not None
        event.set()

    def says(self, name: str, outcome: Utterance | RouterError) -> None:
        self.providers[name].voice = _voice(outcome)

    def heard(self, name: str) -> bool:
        """It was given the segment."""
        return bool(self.providers[name].heard)

    def was_cancelled(self, name: str) -> bool:
        return self.providers[name].was_cancelled

    def speak(self, has_s: float | None = None, max_wait_s: float = 2.0) -> "asyncio.Task[Spoken]":
        """The segment under way."""
        segment = Segment(TEXT, None, 1.0, None, 7)
        errand = Errand(segment, Passage(TEXT), self.routes, Need(max_wait_s, 1.0), has_s)
        return asyncio.get_running_loop().create_task(self.relay.speak(errand, self.record), name="asked")


def _voice(outcome: Utterance | RouterError) -> Callable[[Segment], Utterance]:
    def voice(_: Segment) -> Utterance:
        if isinstance(outcome, RouterError):
            raise outcome
        return outcome

    return voice


async def two_at_work(*names: str) -> "tuple[Stage, asyncio.Task[Spoken]]":
    """A segment under way at the GPU, which is overdue, and beside it at the CPU: both say nothing yet."""
    stage = Stage(*names)
    stage.is_known("gpu")
    stage.hold("gpu", "cpu")
    asked = stage.speak()
    await until(lambda: stage.heard("cpu"))
    return stage, asked


async def is_waited_for(stage: Stage, asked: "asyncio.Task[Spoken]") -> bool:
    """Whether the GPU is not overtaken: nobody else is asked in a while, and then it is the one that speaks."""
    await asyncio.sleep(A_WHILE_S)
    has_rival = stage.heard("cpu")
    stage.let("gpu")
    return not has_rival and "gpu" == (await asked).route.provider


def others() -> set["asyncio.Task[Any]"]:
    """Every task but the one that asks, and the test's own."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
