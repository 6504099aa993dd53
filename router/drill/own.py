"""The drill on the person's own configuration: one of its providers falls silent, in this process alone.

A router of the drill's own, on a free loopback port, has a cable that can be pulled between itself and that
provider. The real router, and everybody who uses it, goes on undisturbed; the load is light.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from router.app import House
from router.config import Settings
from router.domain import Modality, ProviderCard
from router.drill.answer import Kind, Question
from router.drill.client import Client
from router.drill.figures import figures_of
from router.drill.ledger import Ledger, Trial, judged
from router.drill.live import Live
from router.drill.load import ALOUD_PAUSE_S, Load, Pace, load, speech
from router.drill.own_house import own_house
from router.drill.own_questions import aloud_of, part_of
from router.drill.ports import free_port
from router.drill.router_log import Notice
from router.drill.texts import PARAGRAPHS
from router.drill.unplug import told
from router.drill.watching import watching
from router.providers import address_of
from router.transport.unplugged import Cable

BACK_WITHIN_S: Final = 120.0  # a big model takes its time to load
TICK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class OwnPlan:
    """`before_s` all is well, then the provider is silent for `seconds`; `is_host`: its whole machine is."""

    provider: str
    seconds: float = 30.0
    before_s: float = 10.0
    is_host: bool = False


async def drilled_own(settings: Settings, plan: OwnPlan, live: Live) -> Ledger:
    """Raises CannotDrill."""
    port = free_port()
    address = address_of(plan.provider, settings)

    def is_on_it(host: str, at: int) -> bool:
        return address is not None and host == address.host and (plan.is_host or at == address.port)

    cable = Cable(is_on_it)
    async with own_house(settings, port, cable) as house, watching(house.roster) as notices:
        card, questions = part_of(house, plan.provider)
        written = aloud_of(house, card, questions)
        live.say(
            f"{plan.provider} is {house.roster.standing(plan.provider).state}; the drill's own router listens on "
            f"127.0.0.1:{port}, and nobody else is disturbed"
        )
        aloud_note = _about_aloud(written)
        live.say(aloud_note)
        client = Client("127.0.0.1", port)
        paces = [Pace((question,), 1.0) for question in questions]
        paces += [Pace(written, ALOUD_PAUSE_S)] if written else []
        async with load(client, paces) as clients:
            trial = await _Own(plan, card, house, cable, clients, notices, live).held()
    return Ledger(
        engine=f"{plan.provider} ({card.kind}, {', '.join(sorted(card.modalities))})",
        way="the drill's own transport, which falls silent",
        trials=(trial,),
        notes=("Sound is judged by its form alone: providers need not sound alike.", aloud_note),
    )


def _about_aloud(written: Sequence[Question]) -> str:
    if not written:
        return "No chats are answered aloud: it does not speak, or no model elsewhere could write them."
    return f"Chats answered aloud, streamed and whole in turn, are written by {written[0].document['model']}."


class _Own:
    """One trial on what is really there."""

    def __init__(
        self,
        plan: OwnPlan,
        card: ProviderCard,
        house: House,
        cable: Cable,
        clients: Load,
        notices: Sequence[Notice],
        live: Live,
    ) -> None:
        self._plan = plan
        self._hit = [card.id, *_on_the_same_machine(house, card, plan)]
        self._house = house
        self._cable = cable
        self._clients = clients
        self._notices = notices
        self._live = live
        self._speaks = Modality.SPEECH in card.modalities

    async def held(self) -> Trial:
        began_s = time.monotonic()
        name = self._plan.provider
        await self._watch("all is well", self._plan.before_s)
        if self._speaks:
            self._clients.listen(speech(Kind.LONG_AUDIO, PARAGRAPHS[0], ""))
            await self._watch("a listener begins", min(3.0, self._plan.before_s))
        self._cable.unplug()
        broken_s = time.monotonic()
        self._live.say(f"{name} falls silent")
        try:
            await self._watch(f"{name} is silent", self._plan.seconds)
        finally:
            self._cable.plug()
        healed_s = time.monotonic()
        self._live.say(f"{name} is there again")
        await self._watch(f"{name} comes back", BACK_WITHIN_S, lambda: self._is_back(healed_s))
        ended_s = time.monotonic()
        await self._clients.finish()
        trial = Trial(
            fault=f"{name} silent for {self._plan.seconds:g} s",
            scene="quiet",
            providers=dict.fromkeys(self._served(), broken_s),
            began_s=began_s,
            broken_s=broken_s,
            healed_s=healed_s,
            ready_s=healed_s,
            ended_s=ended_s,
            answers=tuple(judged(answer, {}) for answer in self._clients.answers if answer.ended_s),
            notices=tuple(self._notices),
        )
        for line in told(trial, figures_of(trial)):
            self._live.say(line)
        return trial

    def _served(self) -> list[str]:
        """Those hit that had answered before, so that it can be told when they do again."""
        seen = {provider for answer in self._clients.answers for provider in answer.providers}
        return [name for name in self._hit if name in seen] or self._hit[:1]

    def _is_back(self, healed_s: float) -> bool:
        seen = {
            provider
            for answer in self._clients.answers
            if answer.asked_s >= healed_s and answer.is_whole
            for provider in answer.providers
        }
        return seen.issuperset(self._served())

    async def _watch(self, what: str, within_s: float, is_so: Callable[[], bool] = lambda: False) -> None:
        """The timeline of a while: states as they change, who answers."""
        until_s = time.monotonic() + within_s
        shown = len(self._notices)
        while time.monotonic() < until_s and not is_so():
            for notice in self._notices[shown:]:
                self._live.say(f"{notice.who}: {notice.what} {notice.detail}".rstrip())
            shown = len(self._notices)
            if self._live.is_moving:
                self._live.now(f"{what}, {max(0.0, until_s - time.monotonic()):.0f} s left; {self._latest()}")
            await asyncio.sleep(TICK_S)

    def _latest(self) -> str:
        """Who answered last, of each kind."""
        last = {answer.kind: answer for answer in self._clients.answers if answer.ended_s}
        return ", ".join(f"{kind} by {'+'.join(a.providers) or 'nobody'}" for kind, a in last.items())


def _on_the_same_machine(house: House, card: ProviderCard, plan: OwnPlan) -> list[str]:
    everyone = house.roster.cards.values()
    return [other.id for other in everyone if plan.is_host and other.host == card.host and other.id != card.id]
