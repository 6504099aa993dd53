"""Every fault of the matrix at upstreams that speak TLS, three times: no chat that had not begun fails."""

import asyncio
from collections.abc import Iterator
from typing import Final

import pytest
from over_tls import BATCHES, KEEP_ALIVE_RACE, MORE_BATCHES, House, named, start_house
from trials import Case

pytest_plugins = ["process_logs"]

ROUNDS: Final = 3


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all."""
    with start_house(tmp_path_factory.mktemp("tls")) as running:
        yield running


@pytest.mark.parametrize("batch", [*BATCHES, *MORE_BATCHES], ids=named)
def test_fault_over_tls_costs_no_chat_that_had_not_begun(house: House, batch: list[Case]) -> None:
    """The fault is met in time, nobody fails whose answer had not begun, and the machine is used again."""
    for _ in range(ROUNDS):
        asyncio.run(house.check(batch))


def test_kept_connection_that_is_reset_is_replaced(house: House) -> None:
    """A reused connection that is reset before any byte of the answer: once more on a fresh one, same provider."""
    asyncio.run(house.check(KEEP_ALIVE_RACE))
