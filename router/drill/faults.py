"""The faults: what is done to the preferred machine (or both), what mends it, what may be expected."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from router.drill.cast import Cast
from router.drill.orders import Mode, Order

FLAP_S: Final = 2.0
FLAPS: Final = 3
_AFTER: Final = {"tts": (500, 20_000), "llm": (300, 500)}  # bytes into the body: 20,000 are 0.4 s of speech
_SLOW_BYTES_PER_S: Final = 16_000.0  # a third of what playing needs
Act = Callable[[Cast], Awaitable[float]]

SPEECH: Final = "gpu-tts"
CHAT: Final = "gpu-llm"


@dataclass(frozen=True, slots=True)
class Fault:
    """`hits` are the providers it takes away. `break_it` and `heal` return when it was done (monotonic).

    `is_sudden`: whoever asks must find out within a second (a slow node and one that says what it does are not
    found out). `has_fallback`: somebody else can serve meanwhile. `loads`: the model is loaded anew after it.
    """

    name: str
    break_it: Act
    heal: Act
    hits: tuple[str, ...] = (SPEECH, CHAT)
    hold_s: float = 5.0
    is_sudden: bool = True
    has_fallback: bool = True
    loads: bool = False
    strikes: bool = False  # only inferences meet it, so that it begins with the first of them


async def _unplug(cast: Cast) -> float:
    return await cast.preferred.unplug()


async def _plug(cast: Cast) -> float:
    return await cast.preferred.plug()


async def _kill(cast: Cast) -> float:
    return await cast.preferred.end(("tts", "llm"), signal.SIGKILL)


async def _restart(cast: Cast) -> float:
    return await cast.preferred.restart(("tts", "llm"))


async def _goodbye(cast: Cast) -> float:
    return await cast.preferred.end(("tts",), signal.SIGTERM)


async def _restart_node(cast: Cast) -> float:
    return await cast.preferred.restart(("tts",))


async def _stop(cast: Cast) -> float:
    return cast.preferred.signal_node(signal.SIGSTOP)


async def _continue(cast: Cast) -> float:
    return cast.preferred.signal_node(signal.SIGCONT)


async def _kill_engine(cast: Cast) -> float:
    return cast.preferred.kill_engine()


async def _nothing(cast: Cast) -> float:
    """The node mends itself."""
    del cast
    return time.monotonic()


async def _yield(cast: Cast) -> float:
    at = time.monotonic()
    await cast.preferred.tell_node("/yield")
    return at


async def _resume(cast: Cast) -> float:
    await cast.preferred.tell_node("/resume")
    return time.monotonic()


async def _flap(cast: Cast) -> float:
    """Down and up, every two seconds; the first time is when it began."""
    began = await cast.preferred.unplug()
    struck = cast.preferred.struck_s.setdefault(SPEECH, [])  # for who is asked in between, each is a fault
    for _ in range(FLAPS - 1):
        await asyncio.sleep(FLAP_S)
        await cast.preferred.plug()
        await asyncio.sleep(FLAP_S)
        struck.append(await cast.preferred.unplug())
    await asyncio.sleep(FLAP_S)
    return began


async def _unplug_both(cast: Cast) -> float:
    return max(await asyncio.gather(*(machine.unplug() for machine in cast.machines)))


async def _plug_both(cast: Cast) -> float:
    return max(await asyncio.gather(*(machine.plug() for machine in cast.machines)))


def _ordered(mode: Mode, *servers: str, rate: float = 1e9) -> Act:
    async def act(cast: Cast) -> float:
        return max([await cast.preferred.order(server, Order(mode, _AFTER[server], rate)) for server in servers])

    return act


_mended: Final = _ordered(Mode.PASS, "tts", "llm")
_stalled: Final = _ordered(Mode.STALL, "tts")
_cut: Final = _ordered(Mode.CUT, "tts", "llm")
_storm: Final = _ordered(Mode.STORM, "tts", "llm")
_slowed: Final = _ordered(Mode.SLOW, "tts", rate=_SLOW_BYTES_PER_S)
_NODE: Final = (SPEECH,)

FAULTS: Final = (
    Fault("unplugged", _unplug, _plug),  # the machine's link goes down: silence
    Fault("killed", _kill, _restart, loads=True),  # kill -9 of node and LLM server, then started again
    Fault("hung", _stop, _continue, _NODE),  # SIGSTOP to the node: it accepts and says nothing
    Fault("stalled", _stalled, _mended, _NODE, strikes=True),  # answers stop in the middle of a segment
    Fault("cut", _cut, _mended, strikes=True),  # answers are reset in their middle
    Fault("5xx storm", _storm, _mended, strikes=True),  # 503 to every inference, while probes are answered
    Fault("slow", _slowed, _mended, _NODE, is_sudden=False, strikes=True),  # speech at a third of playing speed
    Fault("yielded", _yield, _resume, _NODE, loads=True),  # a game takes the GPU
    Fault("goodbye", _goodbye, _restart_node, _NODE, loads=True),  # SIGTERM to the node, then started again
    Fault("engine killed", _kill_engine, _nothing, _NODE, 2.0, loads=True),  # kill -9 of the model's process
    Fault("flapping", _flap, _plug, hold_s=0.0),  # the link goes down and up
    Fault("both gone", _unplug_both, _plug_both, hold_s=3.0, has_fallback=False),
)
QUICK: Final = ("unplugged", "killed", "cut")


def chosen(names: Sequence[str] | None, *, is_quick: bool = False) -> tuple[Fault, ...]:
    """Those of that name, in the drill's order; all when none is named. Raises KeyError with the unknown."""
    wanted = names or (QUICK if is_quick else [fault.name for fault in FAULTS])
    known = {fault.name for fault in FAULTS}
    for name in wanted:
        if name not in known:
            raise KeyError(name)
    return tuple(fault for fault in FAULTS if fault.name in wanted)
