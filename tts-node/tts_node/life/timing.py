"""Clock, sleep and timer, injected as one: decisions about time are tested with a clock turned by hand."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tts_node.life.watchdog import CallLater, Timer


def _loop_call_later(delay: float, callback: Callable[[], None], /) -> Timer:
    return asyncio.get_running_loop().call_later(delay, callback)


@dataclass(frozen=True, slots=True)
class Timing:
    """The real ones, unless told otherwise."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    call_later: CallLater = _loop_call_later


REAL = Timing()
