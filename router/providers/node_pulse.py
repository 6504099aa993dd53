"""A tts-node's /events, read as they come."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from router.errors import ConnectionLost, Malformed, Rejected, Silent
from router.ports import Beat
from router.providers.node_status import BEAT, GOODBYE, NodeStatus
from router.transport import Inbox

_MAX_EVENT_BYTES: Final = 64 * 1024


class NodePulse:
    """Implements `ports.Pulse` on an answer that comes into `inbox`; `told` makes a beat of what the node says."""

    def __init__(self, inbox: Inbox, told: Callable[[NodeStatus], Beat]) -> None:
        self._inbox = inbox
        self._told = told
        self._is_begun = False
        self._rest = b""
        self._waiting: deque[NodeStatus] = deque()

    async def beat(self, within_s: float) -> Beat | None:
        """See `ports.Pulse.beat`."""
        loop = asyncio.get_running_loop()
        due = loop.time() + within_s
        try:
            if not self._is_begun:
                head = await self._inbox.read_head(within_s)
                if head.status != 200:
                    raise Rejected(f"answered /events with status {head.status}", upstream_status=head.status)
                self._is_begun = True
            while not self._waiting:
                chunk = await self._inbox.read(max(0.0, due - loop.time()))
                if not chunk:
                    raise ConnectionLost("its heartbeat ended without a goodbye", had_bytes=True)
                self._feed(chunk)
        except Silent:
            return None
        return self._told(self._waiting.popleft())

    def close(self) -> None:
        """See `ports.Pulse.close`."""
        self._inbox.close()

    def _feed(self, chunk: bytes) -> None:
        *events, self._rest = (self._rest + chunk).split(b"\n\n")
        if len(self._rest) > _MAX_EVENT_BYTES:
            raise Malformed(f"sent an event of more than {_MAX_EVENT_BYTES} bytes")
        for event in events:
            if event.startswith(b"data:"):
                status = NodeStatus.of(event[len(b"data:") :], "an event of its /events")
                if status.type in {BEAT, GOODBYE}:  # there may be others one day
                    self._waiting.append(status)
