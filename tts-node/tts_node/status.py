"""What /health says and /events repeats."""

import msgspec

from tts_node.domain import Memory


class Queue(msgspec.Struct, frozen=True):
    """An engine's line. `depth` counts those who wait, not the one who speaks; `limit` holds for each priority."""

    depth: int
    limit: int
    busy: bool
    batch: int = 0  # of those who wait
    eta_s: float | None = None  # how long an interactive newcomer would wait; null before any turn was measured


class ModelStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One model. `error` is why it could not be loaded, and `retry_in_s` when that may be tried again."""

    state: str
    queue: Queue
    eta_s: float | None = None
    rtf: float | None = None
    memory: Memory | None = None
    error: str | None = None
    retry_in_s: float = 0.0


class Status(msgspec.Struct, frozen=True):
    """The node at this moment; what is not under `models` is the default engine's.

    `eta_s`: seconds a load would take or still takes; null when up or never seen. `vram`: the device as the last
    child saw it, and what all children use of it; null while none has a device.
    """

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
    vram: Memory | None = None
    models: dict[str, ModelStatus] = {}


class Beat(Status, frozen=True, kw_only=True):
    """One event: a `beat` every quarter of a second and at every change of state, a `goodbye` with a reason."""

    type: str = "beat"
    reason: str | None = None
