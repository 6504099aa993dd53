"""The drill on the person's own configuration: one of its providers falls silent, in this process alone.

A router of the drill's own, on a free loopback port, has a cable that can be pulled between itself and that
provider. The real router, and everybody who uses it, goes on undisturbed; the load is light.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from router import server
from router.app import House, open_house
from router.config import Settings
from router.domain import Modality, ProviderCard
from router.drill.answer import Kind, Question
from router.drill.client import Client
from router.drill.figures import figures_of
from router.drill.ledger import Ledger, Trial, judged
from router.drill.live import Live
from router.drill.load import Load, Pace, chat, load, speech
from router.drill.ports import free_port
from router.drill.process import CannotDrill
from router.drill.router_log import Notice
from router.drill.texts import PARAGRAPHS, SHORT
from router.drill.unplug import told
from router.drill.watching import watching
from router.errors import ClientError
from router.explain import Explained
from router.providers import address_of
from router.transport.unplugged import Cable

BACK_WITHIN_S: Final = 120.0  # a big model takes its time to load
TICK_S: Final = 0.1
_MAX_TOKENS: Final = 64


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
    async with _house(_private(settings, port), port, cable) as house, watching(house.roster) as notices:
        card, questions = _part(house, plan.provider)
        live.say(
            f"{plan.provider} is {house.roster.standing(plan.provider).state}; the drill's own router listens on "
            f"127.0.0.1:{port}, and nobody else is disturbed"
        )
        client = Client("127.0.0.1", port)
        async with load(client, [Pace((question,), 1.0) for question in questions]) as clients:
            trial = await _Own(plan, card, house, cable, clients, notices, live).held()
    return Ledger(
        engine=f"{plan.provider} ({card.kind}, {', '.join(sorted(card.modalities))})",
        way="the drill's own transport, which falls silent",
        trials=(trial,),
        notes=("Sound is judged by its form alone: providers need not sound alike.",),
    )


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


def _part(house: House, name: str) -> tuple[ProviderCard, Sequence[Question]]:
    """What the provider is, and what to ask so that it answers. Raises CannotDrill."""
    card = house.roster.cards.get(name)
    if card is None:
        known = ", ".join(house.roster.cards) or "none"
        raise CannotDrill(f"no provider is called {name!r} here, or its address is empty; there are: {known}")
    standing = house.roster.standing(name)
    if not standing.is_available:
        detail = f" ({standing.detail})" if standing.detail else ""
        raise CannotDrill(f"{name} is {standing.state} already{detail}: there is nothing to unplug")
    questions: list[Question] = []
    problems = []
    for modality in sorted(card.modalities):
        try:
            questions.append(_question(house, card, modality))
        except CannotDrill as exc:
            problems.append(str(exc))
    if not questions:
        raise CannotDrill("\n".join(problems))
    return card, questions


def _question(house: House, card: ProviderCard, modality: Modality) -> Question:
    """One that this provider would be the first to answer, and somebody else the second. Raises CannotDrill."""
    why = f"{card.id} reports no model that it could be asked for"
    for model in _models(house, card, modality):
        try:
            able = [entry for entry in house.explain(model, None) if entry.is_eligible]
        except ClientError:
            continue
        if not able or able[0].provider != card.id:
            first = able[0].provider if able else "nobody"
            why = f"{model or 'speech'} would go to {first} now, not to {card.id}"
        elif len(able) == 1:
            why = _alone(card.id, model, modality, house.explain(model, None))
        elif modality is Modality.SPEECH:
            return speech(Kind.SHORT, SHORT[0], "", model or house.settings.speech.default_model)
        else:
            return chat(Kind.CHAT_SSE, model or "", max_tokens=_MAX_TOKENS)
    raise CannotDrill(why)


def _models(house: House, card: ProviderCard, modality: Modality) -> list[str | None]:
    """The default for speech, then the configured names that lead to this provider, then what it reports."""
    named = [
        name
        for name, model in house.settings.models.items()
        if model.serves is modality and any(route.provider == card.id for route in model.routes)
    ]
    default: list[str | None] = [None] if modality is Modality.SPEECH else []
    return [*default, *named, *house.roster.models_of(card.id)]


def _alone(name: str, model: str | None, modality: Modality, everyone: Sequence[Explained]) -> str:
    others = "; ".join(f"{entry.provider}: {entry.reason}" for entry in everyone if entry.provider != name)
    hint = f" ({others})" if others else f": no other route of {model or 'speech'} is configured"
    return f"nothing else can take over the {modality} of {name}{hint}"


def _on_the_same_machine(house: House, card: ProviderCard, plan: OwnPlan) -> list[str]:
    everyone = house.roster.cards.values()
    return [other.id for other in everyone if plan.is_host and other.host == card.host and other.id != card.id]


def _private(settings: Settings, port: int) -> Settings:
    """The same for this drill alone: loopback, no keys, nothing kept."""
    own = settings.server.model_copy(update={"host": "127.0.0.1", "port": port, "shutdown_grace_s": 1.0})
    changes: dict[str, object] = {"server": own, "clients": {}}
    if (cache := getattr(settings, "cache", None)) is not None:
        changes["cache"] = cache.model_copy(update={"enabled": False})
    return settings.model_copy(update=changes)


@contextlib.asynccontextmanager
async def _house(settings: Settings, port: int, cable: Cable) -> AsyncIterator[House]:
    """A router on that port, until the block ends."""
    listener: socket.socket = server.bind("127.0.0.1", port)
    quiet = logging.NullHandler()  # the timeline tells it
    logging.getLogger().addHandler(quiet)
    try:
        async with open_house(settings, transports=cable.transport_to) as house, _served(house, listener):
            yield house
    finally:
        logging.getLogger().removeHandler(quiet)
        listener.close()


@contextlib.asynccontextmanager
async def _served(house: House, listener: socket.socket) -> AsyncIterator[None]:
    """Ctrl-C and SIGTERM reach the server, which then ends; so does the drill."""
    is_ready = asyncio.Event()
    drill = asyncio.current_task()
    assert drill is not None, "this runs in a task"
    serving = asyncio.create_task(server.serve(house, listener, is_ready.set))
    serving.add_done_callback(lambda _: drill.cancel() if not is_over else None)
    is_over = False
    try:
        await is_ready.wait()
        yield
    finally:
        is_over = True
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
