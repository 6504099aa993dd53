"""What every upstream with an address has in common; a dialect's module says the rest."""

from abc import ABC, abstractmethod

from router.domain import ProviderCard
from router.errors import NotSent
from router.health import HostSign, ProviderSign
from router.ports import Probe
from router.providers.origin import Origin, probe_of


class Server(ABC):
    """Implements `ports.Provider` but for the probe."""

    def __init__(self, card: ProviderCard, origin: Origin) -> None:
        self.card = card
        self._origin = origin

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.card.id} {self._origin!r}>"

    def redact(self, text: str) -> str:
        """See `ports.Provider.redact`."""
        return self._origin.redact(text)

    @abstractmethod
    async def probe(self) -> Probe:
        """See `ports.Provider.probe`."""

    async def dialled(self, sign: ProviderSign | None) -> Probe:
        """For a probe of what answers nothing, or not now: `sign`, if somebody listens there."""
        try:
            await self._origin.dial()
        except NotSent as fault:
            return probe_of(fault)
        return Probe(HostSign.ANSWERED, sign)

    async def touch(self) -> Probe | None:
        """A dial: a server may be too busy to answer HTTP, its machine's kernel is not."""
        return None if self._origin.is_remote else Probe(await self._origin.touch(), None)

    async def warm(self, model: str | None = None) -> None:
        """Nothing, where only an inference loads a model."""
        del model

    async def aclose(self) -> None:
        """Close every connection."""
        await self._origin.aclose()
