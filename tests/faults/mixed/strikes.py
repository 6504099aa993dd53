"""What strikes whom: the drill's own faults at the tts-node, and at vendors what vendors do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from vendors.server import Mode

from mixed.cast import CHAINS, MODELS, NODE, MixedCast
from mixed.vendor import VendorServer
from router.drill.cast import Cast
from router.drill.faults import FAULTS, Fault

HOLD_S: Final = 3.0
BACK_WITHIN_S: Final = 15.0
LONG_BACK_S: Final = 40.0  # a refusal says when to come back, or opens a circuit that opens longer each time
# Of the drill's faults those that one speech node alone can have.
_NODE_FAULTS: Final = ("unplugged", "killed", "hung", "cut", "5xx storm", "engine killed", "goodbye", "yielded")
# Where it cannot be told whether it was done and paid for, nobody else is asked who charges (router/repeat.py).
_NODES_SILENCE: Final = ("stalled", "slow")
_REFUSALS: Final = {
    "500": Mode.BROKEN,
    "503": Mode.UNAVAILABLE,
    "401": Mode.BAD_KEY,
    "quota": Mode.QUOTA,
    "429": Mode.BUSY,
}
_ENDS: Final = {"reset": Mode.RESET, "cut": Mode.CUT}
_UNCERTAIN: Final = {"stalled": Mode.STALLED, "garbage": Mode.GARBAGE}


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault, at a `victim` of a `chain`. `without_node`: the tts-node is gone already."""

    chain: str
    victim: str
    fault: Fault
    without_node: bool = False
    back_within_s: float = BACK_WITHIN_S

    @property
    def name(self) -> str:
        return self.fault.name


def strikes(cast: MixedCast) -> list[Strike]:
    """All, those of a chain and victim together."""
    known = {fault.name: fault for fault in FAULTS}

    def at_node(chain: str, names: Sequence[str]) -> list[Strike]:
        return [Strike(chain, NODE, replace(known[name], hits=(NODE,), hold_s=HOLD_S)) for name in names]

    return [
        *at_node("house", _NODE_FAULTS),
        *at_node("house-flat", _NODES_SILENCE),
        *_at_vendor(cast, "house", "elevenlabs-tts", is_certain=True),
        *_at_vendor(cast, "house-flat", "elevenlabs-flat-tts", is_certain=False),
        *_at_vendor(cast, "document-003", "chattts-tts", is_certain=True),
        *_at_vendor(cast, "document-003-flat", "chattts-tts", is_certain=False),
    ]


def _at_vendor(cast: MixedCast, chain: str, victim: str, *, is_certain: bool) -> list[Strike]:
    vendor = cast.vendors[MODELS[victim][0]]
    without_node = CHAINS[chain][0] == NODE
    if is_certain:
        faults = [_killed(vendor, victim)]
        faults += [_mode(name, mode, vendor, victim) for name, mode in (_ENDS | _REFUSALS).items()]
    else:
        faults = [_hung(vendor, victim)]
        faults += [_mode(name, mode, vendor, victim) for name, mode in _UNCERTAIN.items()]
    return [
        Strike(chain, victim, fault, without_node, LONG_BACK_S if fault.name in _REFUSALS else BACK_WITHIN_S)
        for fault in faults
    ]


def _mode(name: str, mode: Mode, vendor: VendorServer, victim: str) -> Fault:
    async def strike(_: Cast) -> float:
        return await vendor.tell(mode)

    async def mend(_: Cast) -> float:
        return await vendor.tell(Mode.WELL)

    return Fault(name, strike, mend, hits=(victim,), hold_s=HOLD_S)


def _killed(vendor: VendorServer, victim: str) -> Fault:
    async def strike(_: Cast) -> float:
        return await vendor.kill()

    async def mend(_: Cast) -> float:
        return await vendor.restart()

    return Fault("killed", strike, mend, hits=(victim,), hold_s=HOLD_S)


def _hung(vendor: VendorServer, victim: str) -> Fault:
    async def strike(_: Cast) -> float:
        return await vendor.stop()

    async def mend(_: Cast) -> float:
        return await vendor.resume()

    return Fault("hung", strike, mend, hits=(victim,), hold_s=HOLD_S)
