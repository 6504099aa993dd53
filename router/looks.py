"""A look at a provider, within a deadline, and judged fairly."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from router.health import HostSign, ProviderSign
from router.ports import Probe

_log = logging.getLogger(__name__)
FAIR_TOUCH_S: Final = 0.45  # a touch's deadline is 0.3 s
LAST_RESORT_S: Final = 5.0  # a look has deadlines of its own; this one guards against their lack
_SILENT: Final = frozenset({ProviderSign.MUTE, ProviderSign.SLOW})


async def seen(look: Callable[[], Awaitable[Probe | None]], name: str, *, fair_s: float) -> Probe | None:
    """What `look` shows. Silence counts only if this process was not starved itself: a look that took longer
    than `fair_s`, well over its own deadline, tells of this machine and not of that one."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        async with asyncio.timeout(LAST_RESORT_S):
            probe = await look()
    except Exception as exc:  # a bug in one dialect must not stop the house from watching the others
        _log.exception("a probe of %s failed", name)
        probe = Probe(HostSign.ANSWERED, ProviderSign.SLOW, f"its probe failed: {exc}")
    if probe is not None and is_silence(probe) and loop.time() - started > fair_s:
        return None
    return probe


def is_silence(probe: Probe) -> bool:
    """Nothing came back."""
    return probe.host is HostSign.SILENT or probe.provider in _SILENT
