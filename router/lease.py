"""Being in flight at a provider: a place at its gate, perhaps the trial of a circuit, and word when it is lost."""

from collections.abc import Callable
from types import TracebackType

from router.circuits import CLOSED, Verdict
from router.errors import HostLost, Overloaded
from router.ports import Monotonic
from router.tally import HostTally, ProviderTally


class Lease:
    """Async context manager, used once.

    Entering waits for a place within the gate's bounds, by `urgency` (see `Gate`). Raises Overloaded when none is
    free, when the provider was lost while waiting, or when somebody else's trial of the model is under way.
    `on_lost` is called when the machine or the server is lost inside the block; `on_doubt`, at most once, when
    that is to be feared: the machine turns suspect, a heartbeat is missed, the model is up no more.
    """

    __slots__ = (
        "_clock",
        "_host",
        "_is_healthy",
        "_on_doubt",
        "_started",
        "_tally",
        "_trial_of",
        "_urgency",
        "model",
        "on_lost",
    )

    def __init__(
        self,
        tally: ProviderTally,
        host: HostTally,
        model: str,
        on_lost: Callable[[HostLost], None],
        clock: Monotonic,
        is_healthy: Callable[[str], bool],
        on_doubt: Callable[[], None] | None = None,
        urgency: float = 0.0,
    ) -> None:
        self._tally = tally
        self._host = host
        self.model = model
        self.on_lost = on_lost
        self._on_doubt = on_doubt
        self._urgency = urgency
        self._clock = clock
        self._is_healthy = is_healthy
        self._trial_of: str | None = None
        self._started = 0.0

    async def __aenter__(self) -> None:
        gate = self._tally.gate
        if not gate.enter_at_once():
            await self._wait_at_gate()
        try:
            self._begin()
        except Overloaded:
            gate.leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tally = self._tally
        if kind is None:
            tally.pace.learn(self._clock() - self._started)
        tally.leases.discard(self)
        tally.left()
        self._host.went()
        if self._trial_of is not None:
            tally.end_trial(self._trial_of)
        tally.gate.leave()

    def doubt(self) -> None:
        """See `on_doubt`."""
        on_doubt, self._on_doubt = self._on_doubt, None
        if on_doubt is not None:
            on_doubt()

    async def _wait_at_gate(self) -> None:
        name = self._tally.card.id
        was_healthy = self._is_healthy(name)  # else a last resort, which knows what it does
        await self._tally.gate.enter(self._urgency)
        if was_healthy and not self._is_healthy(name):
            self._tally.gate.leave()
            raise Overloaded("lost while requests waited for a place")

    def _begin(self) -> None:
        tally, now = self._tally, self._clock()
        circuit = tally.circuit_for(self.model)
        if circuit is not CLOSED:
            if circuit.verdict(now) is Verdict.OPEN:  # a trial began, or failed, meanwhile
                raise Overloaded("failed too often, and a trial is under way")
            self._trial_of = tally.begin_trial(self.model, now)
        self._started = now
        tally.leases.add(self)
        self._host.came()
