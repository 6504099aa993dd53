"""The router with a clock that suits its pace: `python -m bench.instructions.slowed serve …`.

Under valgrind a request takes tens of times longer, and what runs by the clock (timers, touches, the probe of the
demo) does not: it would be a tenth of the count, and more on a slower machine. So sleeps last as much longer.
"""

import asyncio
import sys
from typing import Final
from unittest import mock

from router.__main__ import main

SLOWER: Final = 20
_sleep: Final = asyncio.sleep


async def _sleep_longer(delay_s: float, result: object = None) -> object:
    return await _sleep(delay_s * SLOWER, result)


if __name__ == "__main__":
    with mock.patch.object(asyncio, "sleep", _sleep_longer):
        sys.exit(main())
