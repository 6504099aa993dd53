"""Loading a stand-in's model before anybody needs it: when whom it stands in for gets into trouble.

It stands in for every more preferred speech route of the same name. Trouble is a machine that is suspect or gone,
a provider that has yielded, drains or is down, a model that is loading. Each change for the worse wakes each
stand-in once; if it cannot load, the next change may wake it again, a while later.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from router.domain import Prewarm, ProviderCard, Route
from router.health import HostState, ProviderState
from router.ports import Monotonic
from router.roster import Roster
from router.selection import Standing
from router.warming import Warmer

_log = logging.getLogger(__name__)
AGAIN_AFTER_S: Final = 30.0  # a model that would not load; the node has a back-off of its own
LOOK_EVERY_S: Final = 5.0  # at what `always` wants; changes are looked at when they come
_TROUBLED: Final = frozenset(
    {ProviderState.YIELDED, ProviderState.DRAINING, ProviderState.DOWN, ProviderState.LOADING}
)
_Place = tuple[str, str]


class Prewarmer:
    """`names`: the routes of each speech name that matters, as they are now."""

    def __init__(
        self,
        cards: Mapping[str, ProviderCard],
        names: Callable[[], Iterable[Sequence[Route]]],
        roster: Roster,
        warmer: Warmer,
        clock: Monotonic,
    ) -> None:
        self._cards = cards
        self._names = names
        self._roster = roster
        self._warmer = warmer
        self._clock = clock
        self._troubled: set[_Place] = set()
        self._wanted: set[_Place] = set()
        self._asked: dict[_Place, float] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_puzzled = False  # a look met a bug, which has been logged

    def start(self) -> None:
        """Look at every change from now on."""
        self._task = asyncio.get_running_loop().create_task(self._watch(), name="prewarming")

    async def aclose(self) -> None:
        """No more. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def look(self) -> None:
        """Wake whoever is needed now."""
        names = [list(routes) for routes in self._names()]
        standings = {
            _place(route): self._roster.standing(route.provider, route.model)
            for routes in names
            for route in routes
        }
        before, self._troubled = self._troubled, {p for p, standing in standings.items() if is_troubled(standing)}
        stand_ins = {
            place
            for routes in names
            for place in stand_ins_for(self._troubled - before, routes)
            if self._prewarm(place) is Prewarm.ON_SUSPECT
        }
        if not self._troubled:
            self._wanted.clear()
        always = {p for p in standings if self._prewarm(p) is Prewarm.ALWAYS and not self._is_substitute(p, names)}
        self._wanted = (self._wanted | stand_ins | always) & standings.keys()
        for place in sorted(self._wanted):
            self._maybe_wake(place, standings[place].state)

    async def _watch(self) -> None:
        while True:
            changed = self._roster.until_changed()
            if not self._has_looked():
                changed.close()
                await asyncio.sleep(LOOK_EVERY_S)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await changed

    def _has_looked(self) -> bool:
        """Whether a look came to its end: a bug must not end the watch."""
        try:
            self.look()
        except Exception:
            if not self._is_puzzled:
                self._is_puzzled = True
                _log.exception("looking for who must be woken failed")
            return False
        return True

    def _maybe_wake(self, place: _Place, state: ProviderState) -> None:
        if state in {ProviderState.UP, ProviderState.LOADING}:
            self._wanted.discard(place)
        asked, now = self._asked.get(place), self._clock()
        if state is not ProviderState.COLD or (asked is not None and now - asked < AGAIN_AFTER_S):
            return
        self._wanted.discard(place)
        self._asked[place] = now
        provider, model = place
        self._warmer.warm(provider, model or None)

    def _prewarm(self, place: _Place) -> Prewarm:
        return self._cards[place[0]].prewarm

    def _is_substitute(self, place: _Place, names: Sequence[Sequence[Route]]) -> bool:
        """A provider's engine that no name means, though it means another of that provider's."""
        meant = {_place(route) for routes in names for route in routes if not route.substitutes}
        return place not in meant and any(provider == place[0] for provider, _ in meant)


def is_troubled(standing: Standing) -> bool:
    """Whether whoever would speak there may soon be spoken for by somebody else."""
    return standing.host_state is not HostState.REACHABLE or standing.state in _TROUBLED


def stand_ins_for(troubled: set[_Place], routes: Sequence[Route]) -> set[_Place]:
    """The less preferred of `routes`, which all serve one name, on other providers."""
    missing = [route for route in routes if _place(route) in troubled]
    return {
        _place(route)
        for route in routes
        for lost in missing
        if route.tier > lost.tier and route.provider != lost.provider
    }


def _place(route: Route) -> _Place:
    return (route.provider, route.model)
