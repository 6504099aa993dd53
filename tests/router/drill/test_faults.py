"""Which faults there are, and which are chosen."""

import pytest

from router.drill.faults import FAULTS, QUICK, chosen

PROMISED = (
    "unplugged",
    "killed",
    "hung",
    "stalled",
    "cut",
    "5xx storm",
    "slow",
    "yielded",
    "flapping",
    "both gone",
)


def test_every_fault_of_the_contract_is_there() -> None:
    """And each once."""
    names = [fault.name for fault in FAULTS]
    assert set(PROMISED) <= set(names)
    assert len(set(names)) == len(names)


def test_all_some_or_the_quick_ones() -> None:
    """In the drill's order, whatever the person's."""
    assert chosen(None) == FAULTS
    assert tuple(fault.name for fault in chosen(None, is_quick=True)) == QUICK
    assert [fault.name for fault in chosen(["cut", "unplugged"], is_quick=True)] == ["unplugged", "cut"]


def test_unknown_name_is_refused() -> None:
    """By that name."""
    with pytest.raises(KeyError, match="earthquake"):
        chosen(["cut", "earthquake"])
