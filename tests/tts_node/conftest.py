"""Fixtures that cost a process: started once a session, for tests that leave them as they were; or once a test."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from cloning import CLONER
from nodes import RunningNode, hosted


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


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A node whose engine copies voices, and an empty library."""
    async with hosted(CLONER) as (_, client):
        yield client
