"""What is spoken outside a request and its answer: an utterance on a WebSocket, a text on its way to players.

It is counted as a request of its own, and keeps the configuration it began with alive until it ends.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Protocol

from router.errors import ClientGone, RouterError
from router.outcomes import Outcome, outcome_of
from router.ports import Monotonic, Observer, Record


class Visited(Protocol):
    """The rooms of one configuration."""

    def enter(self) -> None: ...
    def leave(self) -> None: ...


@contextlib.contextmanager
def counted(record: Record, rooms: Visited, observer: Observer, clock: Monotonic) -> Iterator[None]:
    """From the block's beginning to its end `record` is in flight; how it ended is told."""
    observer.request_started(record)
    rooms.enter()
    try:
        yield
    except (asyncio.CancelledError, ClientGone):
        record.outcome = Outcome.CALLER_GONE
        raise
    except RouterError as error:
        record.outcome = outcome_of(error)
        raise
    except Exception:
        record.outcome = Outcome.ROUTER_ERROR
        raise
    finally:
        rooms.leave()
        record.finished = clock()
        observer.request_finished(record)
