"""A thousand badly ended requests leave nothing behind; ten thousand are in tests/soak."""

import asyncio
from pathlib import Path
from typing import Final

from clients import ask
from figures import note
from leaving import (
    QUESTIONS,
    descriptors,
    misbehave,
    resident_mb,
    rows,
    settle,
    start_house,
    start_machines,
)
from processes import children_of, free_port, wait_until, written

from router.app import open_house
from router.config.load import load
from router.server import bind, serve

pytest_plugins = ["process_logs"]

REQUESTS: Final = 1_000
IN_PROCESS: Final = 300
SETTLED_S: Final = 30.0
# Sockets of the moment: a probe of each provider, and whoever asks for the metrics.
OF_THE_MOMENT: Final = 8


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """Random faults and cancellations leave no connection, descriptor or child, and nothing in flight."""
    with start_house(tmp_path) as house:
        before = settle(house)
        ended = asyncio.run(misbehave(house.router.port, house.first, REQUESTS, seed=1))
        after = settle(house, at_most=before + OF_THE_MOMENT)
        assert children_of(house.router.pid) == []
        assert "traceback" not in house.router.output.lower()
        note(
            f"{sum(ended.values())} badly ended requests: descriptors {before} before, {after} after; "
            f"{resident_mb(house.router):.0f} MB resident"
        )
        assert descriptors(house.router) <= before + OF_THE_MOMENT


def test_no_task_is_left_behind(tmp_path: Path) -> None:
    """In a router inside this process, as many tasks run after the trouble as before, and they are the same."""
    with start_machines(tmp_path) as (first, second):
        config = written(rows(first, second), tmp_path)

        async def main() -> tuple[list[str], list[str]]:
            port, loop = free_port(), asyncio.get_running_loop()
            async with open_house(load(config, {})) as house:
                is_up = asyncio.Event()
                listener = bind("127.0.0.1", port)
                server = asyncio.create_task(serve(house, listener, is_up.set))
                await is_up.wait()
                await asyncio.gather(*(ask(port, question) for question in QUESTIONS))
                await quiet()
                before = names(loop)
                await misbehave(port, first, IN_PROCESS, seed=2)
                await asyncio.to_thread(
                    wait_until, "the tasks are those of before", lambda: names(loop) == before, SETTLED_S
                )
                after = names(loop)
                server.cancel()
                await asyncio.gather(server, return_exceptions=True)
                listener.close()
            return before, after

        before, after = asyncio.run(main())
    assert before == after


async def quiet() -> None:
    """Give connections that were just closed the turns they need."""
    for _ in range(20):
        await asyncio.sleep(0.01)


def names(loop: asyncio.AbstractEventLoop) -> list[str]:
    """The coroutines that run on the loop, told from any thread."""
    return sorted(str(getattr(task.get_coro(), "__qualname__", task)) for task in asyncio.all_tasks(loop))
