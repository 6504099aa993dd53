"""Two chat providers with scripted answers, the first preferred, in a whole router."""

import asyncio
from typing import Any

from fakes import FakeForward, Step, chat_card, whole
from houses import FakeHouse

from router.errors import UpstreamFault
from router.ports import Header

SHORT_S = 0.5  # a deadline that a test waits for
SSE: Header = (b"Content-Type", b"text/event-stream; charset=utf-8")


def two(
    *first: list[Step] | UpstreamFault,
    second: list[Step] | UpstreamFault | None = None,
    deadline_s: float | None = None,
    **card: Any,
) -> FakeHouse:
    """Two providers of the model m; `one` is preferred. Its deadlines are short where it hangs in one of its
    scripts, and out of reach elsewhere: a busy machine must not look like a slow provider."""
    hangs = any(isinstance(step, asyncio.Event) for script in first if isinstance(script, list) for step in script)
    deadline_s = deadline_s or (SHORT_S if hangs else 60)
    house = FakeHouse(
        FakeForward(chat_card("one", tier=1, first_byte_s=deadline_s, stall_s=deadline_s, **card), *first),
        FakeForward(chat_card("two", tier=2), second if second is not None else whole(b'{"from":"two"}')),
    )
    house.report("one", "m")
    house.report("two", "m")
    house.observer.providers.clear()
    return house
