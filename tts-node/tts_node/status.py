"""What /health says and /events repeats."""

import msgspec


class Queue(msgspec.Struct, frozen=True):
    """The default engine's line. `depth` counts those who wait, not the one who speaks."""

    depth: int
    limit: int
    busy: bool


class Status(msgspec.Struct, frozen=True):
    """The node at this moment. `eta_s`: seconds a load would take or still takes; null when up or never seen."""

    state: str
    engine: str
    engines: list[str]
    queue: Queue
    eta_s: float | None
    rtf: float | None
    voices_revision: str
    version: str
    uptime_s: float
    status: str = "healthy"


class Beat(Status, frozen=True, kw_only=True):
    """One event: a `beat` every quarter of a second and at every change of state, a `goodbye` with a reason."""

    type: str = "beat"
    vram: None = None  # engines on a GPU will fill it
    reason: str | None = None
