"""Room in memory for models: who must leave so that another one fits, and the owner who sees to it.

Invariants:
- two models are never in memory together unless their sizes fit into the budget together;
- a model that speaks, or that somebody waits for, is not sent away; it is waited for;
- room counts as taken from the decision until the *process* is gone;
- nobody holds room while waiting for more, and waiting is first come first served: no two can wait for each other;
- nobody starves: once the first in line has waited for `PATIENCE_S`, whoever is in its way leaves between two
  utterances, and gets in line behind it.

A model that is larger than the whole budget may come up alone: the budget may be a guess, its need is a fact.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from tts_node.domain import Memory
from tts_node.errors import WaitedTooLong
from tts_node.life.machine import MIB, ram_mb

SHARE_OF_RAM = 0.6
GPU_MARGIN_MB = 1024  # for the driver's contexts and the desktop
_RETRY_S = 5
PATIENCE_S = 15.0  # a few times what a load takes: two models in demand that do not fit change places so often

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Occupant:
    """A model in memory at this moment."""

    model: str
    size_mb: int
    is_in_use: bool
    last_used_s: float


def who_must_leave(occupants: Iterable[Occupant], need_mb: int, budget_mb: int) -> tuple[str, ...] | None:
    """The least recently used idle models whose leaving makes room; none when there is some, None: not yet.

    None means that models in use stand in the way. Nobody leaves whose leaving would not be needed.
    """
    inside = list(occupants)
    free_mb = budget_mb - sum(each.size_mb for each in inside)
    leaving: list[Occupant] = []
    for each in sorted((each for each in inside if not each.is_in_use), key=lambda each: each.last_used_s):
        if free_mb >= need_mb:
            break
        leaving.append(each)
        free_mb += each.size_mb
    if free_mb < need_mb and len(leaving) < len(inside):
        return None
    for each in tuple(leaving):  # a small one that left first may not have been needed
        if free_mb - each.size_mb >= need_mb:
            leaving.remove(each)
            free_mb -= each.size_mb
    return tuple(each.model for each in leaving)


class Tenant(Protocol):
    """What the owner of the room needs of a model."""

    @property
    def model(self) -> str:
        """Its name."""

    @property
    def size_mb(self) -> int:
        """What it takes when loaded; 0: not worth counting."""

    @property
    def is_in_use(self) -> bool:
        """Whether it speaks or somebody waits for it."""

    @property
    def last_used_s(self) -> float:
        """On the clock that all tenants share."""

    def unload(self) -> object:
        """Ends its process, now: it is not in use."""

    async def gone(self) -> None:
        """Returns when its process is gone."""


class Budget:
    """The owner. Belongs to one event loop; decisions and their acts have no await between them."""

    def __init__(self, budget_mb: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        """0: a share of the memory of the machine, until a child reports its device."""
        self._clock = clock
        self._first_waits_since_s: float | None = None
        self._is_fixed = budget_mb > 0
        self.total_mb = budget_mb or int(ram_mb() * SHARE_OF_RAM)
        self._inside: dict[str, Tenant] = {}
        self._line = asyncio.Lock()
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        inside = " ".join(f"{name}:{tenant.size_mb}" for name, tenant in self._inside.items())
        return f"<Budget {self.total_mb} MB inside=[{inside}]>"

    async def enter(self, tenant: Tenant, wait_s: float) -> tuple[str, ...]:
        """Returns when there is room for the tenant, and says who had to leave for it. Give it back with `left`.

        Raises WaitedTooLong when models in use stand in the way for so long.
        """
        if not tenant.size_mb:
            return ()
        try:
            async with asyncio.timeout(wait_s), self._line:
                return await self._enter(tenant)
        except TimeoutError as exc:
            in_use = ", ".join(name for name, other in self._inside.items() if other.is_in_use) or "another model"
            raise WaitedTooLong(
                f"There is no room for {tenant.model} beside {in_use}, in use, within {self.total_mb} MB "
                f"(--memory-budget-mb). This request waited {wait_s:g} s.",
                code="no_room",
                retry_after_s=_RETRY_S,
            ) from exc

    def left(self, tenant: Tenant) -> None:
        """Its process is gone, or was never born."""
        if self._inside.get(tenant.model) is tenant:
            del self._inside[tenant.model]
        self.look_again()

    def look_again(self) -> None:
        """Somebody became idle, or left: who waits may fit now."""
        self._changed.set()

    def learn(self, memory: Memory) -> None:
        """The device that a child reports is what has to be shared, unless the owner of the machine said more."""
        if not self._is_fixed:
            self.total_mb = max(0, memory.total_bytes // MIB - GPU_MARGIN_MB)
            self.look_again()

    def is_owed(self, tenant: Tenant) -> bool:
        """Whether somebody has waited long enough for the room that this tenant has."""
        since_s = self._first_waits_since_s
        return tenant.model in self._inside and since_s is not None and self._clock() - since_s >= PATIENCE_S

    def relieve(self, tenant: Tenant) -> tuple[str, ...]:
        """The device is full whatever was reckoned: every other idle model leaves. Says who."""
        leaving = [each for each in self._inside.values() if each is not tenant and not each.is_in_use]
        for each in leaving:
            each.unload()
        return tuple(each.model for each in leaving)

    async def _enter(self, tenant: Tenant) -> tuple[str, ...]:
        self._first_waits_since_s = self._clock()
        try:
            while (names := self._who_must_leave(tenant)) is None:
                self._changed.clear()
                await self._changed.wait()
        finally:
            self._first_waits_since_s = None
        leaving = [self._inside[name] for name in names]
        if tenant.size_mb > self.total_mb:
            log.warning("%s needs %d MB, more than the whole budget", tenant.model, tenant.size_mb)
        self._inside[tenant.model] = tenant
        try:
            for each in leaving:
                log.info("%s: unloaded to make room for %s", each.model, tenant.model)
                each.unload()
            for each in leaving:
                await each.gone()
        except BaseException:
            self.left(tenant)
            raise
        return names

    def _who_must_leave(self, tenant: Tenant) -> tuple[str, ...] | None:
        occupants = (
            Occupant(each.model, each.size_mb, each.is_in_use, each.last_used_s) for each in self._inside.values()
        )
        return who_must_leave(occupants, tenant.size_mb, self.total_mb)
