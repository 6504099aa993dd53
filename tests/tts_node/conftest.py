"""Fixtures that cost a process: started once a session, for tests that leave them as they were."""

from collections.abc import Iterator

import pytest

from nodes import RunningNode


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def node() -> Iterator[RunningNode]:
    """A node as a fresh machine has it."""
    with RunningNode() as running:
        yield running


@pytest.fixture(scope="session")
def slow_node() -> Iterator[RunningNode]:
    """A node that behaves like a slower machine."""
    with RunningNode("--simulate", "rtf=0.1,first=0.3") as running:
        yield running
