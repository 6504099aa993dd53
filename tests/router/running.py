"""How a test runs a coroutine: on a fresh loop, within bounds, and with nothing going wrong unseen."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")
LoopFactory = Callable[[], asyncio.AbstractEventLoop]
LOOPS: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
WITHIN_S = 60.0  # a guard against a test that would hang; nothing waits for it


def run(main: Coroutine[Any, Any, T], loop: str = "asyncio") -> T:
    """The result of `main`, within bounds."""

    async def bounded() -> T:
        async with asyncio.timeout(WITHIN_S):
            result = await main
        await turns(3)  # what was cancelled or closed a moment ago may finish
        return result

    return watched(bounded(), LOOPS[loop])


def watched(main: Coroutine[Any, Any, T], factory: LoopFactory) -> T:
    """The result of `main`. Fails when the loop had to report an error that nobody caught, or a task is left."""
    unseen: list[dict[str, Any]] = []

    async def guarded() -> T:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
        return await main

    with asyncio.Runner(loop_factory=factory) as runner:
        result = runner.run(guarded())
    assert unseen == []
    return result


async def turns(count: int) -> None:
    """Every other task has so many turns, of which it may need none."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Give other tasks their turns until `condition` holds; `run` bounds the wait."""
    while not condition():  # noqa: ASYNC110  what is waited for lies behind a socket or in another task
        await asyncio.sleep(0.001)
