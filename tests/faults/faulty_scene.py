"""What a faulty upstream's parts share: the fault of the moment, and what was seen of requests and connections."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

ENDING: Final = {"gone", "hang_tls", "plain_tls"}


@dataclass(slots=True)
class Fault:
    """What is wrong at the moment, and how the good answers look."""

    name: str = "none"
    retry_after: int = 1
    delay_s: float = 0.1
    events: int = 5
    pace_s: float = 0.02


@dataclass(slots=True)
class Seen:
    """One inference that came. `lost_s`: when its connection was closed before its answer was sent."""

    connection: int
    path: str
    fault: str
    headers: list[tuple[str, str]]
    body: str
    began_s: float
    finished_s: float | None = None
    lost_s: float | None = None


@dataclass(slots=True)
class Line:
    """One connection; `gone_s` is when the other side closed it, `is_busy` while a request is on it."""

    number: int
    opened_s: float
    requests: int = 0
    is_busy: bool = False
    is_inference: bool = False
    gone_s: float | None = None
    closed_s: float | None = None


@dataclass(slots=True)
class Scene:
    """The fault of the moment, and what was seen; `thawed` is set but while the machine is silent."""

    name: str
    fault: Fault = field(default_factory=Fault)
    seen: list[Seen] = field(default_factory=list)
    lines: dict[int, Line] = field(default_factory=dict)
    thawed: asyncio.Event = field(default_factory=asyncio.Event)
