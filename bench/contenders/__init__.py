"""What is compared: gateways before the same mock upstream, each as its own documentation would run it for speed,
one process on one core, and this router with everything on that ships on.

One module for each knows how it is configured (`Recipe`), one room starts and proves them all (`started`).
"""

from bench.contenders.contender import Contender, CouldNotStart
from bench.contenders.lineup import NAMES, LineUp, everyone, upstream
from bench.contenders.ours import router

__all__ = [
    "NAMES",
    "Contender",
    "CouldNotStart",
    "LineUp",
    "everyone",
    "router",
    "upstream",
]
