"""Faults of upstreams that speak TLS: nobody whose answer had not begun notices. Measured as in `test_matrix.py`.

The faults that a network or a server's TLS makes; all others are in tests/soak.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from clients import Answer, ask, chat
from machines import TRUSTING, configuration, provider, start_machine
from over_tls import BATCHES, House, named, start_house
from processes import start_router, wait_until
from trials import Case

pytest_plugins = ["process_logs"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all."""
    with start_house(tmp_path_factory.mktemp("tls")) as running:
        yield running


@pytest.mark.parametrize("batch", BATCHES, ids=named)
def test_fault_over_tls_costs_no_chat_that_had_not_begun(house: House, batch: list[Case]) -> None:
    """The fault is met in time, nobody fails whose answer had not begun, and the machine is used again."""
    asyncio.run(house.check(batch))


def test_hung_handshakes_of_one_server_leave_the_machines_other_server_alone(tmp_path: Path) -> None:
    """The machine answers every dial, so a stream of its other server goes on to its end."""
    with ExitStack() as stack:
        hung = stack.enter_context(start_machine(tmp_path, "hung", "127.0.0.2", has_tls=True))
        well = stack.enter_context(start_machine(tmp_path, "well", "127.0.0.2"))
        models = (
            "models:\n  h: {routes: [{provider: hung, model: m}]}\n  w: {routes: [{provider: well, model: m}]}\n"
        )
        config = configuration([provider("hung", hung, 1), provider("well", well, 1)], models)
        router = stack.enter_context(start_router(config, tmp_path, env=TRUSTING))
        well.fault("none", events=30, pace_s=0.1)

        async def main() -> Answer:
            stream = asyncio.create_task(ask(router.port, chat("w", stream=True)))
            await asyncio.to_thread(wait_until, "the stream has begun", well.seen)
            await asyncio.to_thread(hung.fault, "hang_tls")
            await asyncio.gather(*(ask(router.port, chat("h")) for _ in range(4)))
            return await stream

        assert asyncio.run(main()).fault == ""
