"""A client that leaves frees what worked for it: the upstream's connection is closed at once, always.

Thirty leaves of each kind; eight hundred in one mix, and the contract's 100 ms, are in tests/soak.
"""

from collections.abc import Iterator
from typing import Final

import pytest
from departures import KINDS, House, Kind, check_within_contract, start_house

pytest_plugins = ["process_logs"]

TIMES: Final = 30


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all kinds."""
    with start_house(tmp_path_factory.mktemp("departures")) as running:
        yield running


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_upstream_is_closed(house: House, kind: Kind) -> None:
    """Whatever the upstream is doing when the client leaves, it is told at once; nothing stays in flight,
    and a node's one turn is free for the next."""
    check_within_contract(kind.name, lambda: [house.left(kind, by_reset=index % 2 == 1) for index in range(TIMES)])
    house.wait_for_rest()
