"""The port: who may connect, how many at once. It stays open through reloads; what is asked goes to the
configuration as it is then.

The protocol has neither keys nor encryption, so who may speak here is decided by address alone.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, cast

from router.config.settings import WyomingSettings
from router.lingering import Lingering
from router.wyoming import encode, messages
from router.wyoming_server.session import READ_BYTES, Session
from router.wyoming_server.studio import Studio

_log = logging.getLogger(__name__)
AGAIN_S: Final = 5.0  # between two tries to have a port that is taken
BACKLOG: Final = 128


class WyomingServer:
    """Opened and closed by whoever has it. `studio()` is the one of the configuration as it is now."""

    def __init__(self, studio: Callable[[], Studio]) -> None:
        self._studio = studio
        self._settings = WyomingSettings()
        self._server: asyncio.Server | None = None
        self._opening: asyncio.Task[None] | None = None
        self._sessions: dict[asyncio.Task[None], asyncio.Transport] = {}

    def __repr__(self) -> str:
        state = "open" if self._server is not None else "closed"
        return f"<WyomingServer {self._settings.host}:{self._settings.port} {state}, {len(self._sessions)} inside>"

    @property
    def port(self) -> int | None:
        """Where it listens; None while it does not."""
        return self._server.sockets[0].getsockname()[1] if self._server is not None else None

    async def open(self, settings: WyomingSettings) -> None:
        """Listen as `settings` say, or not; on the same address nobody who is inside notices. A port that is taken
        is told in the log and tried again: the rest of the house does not depend on it."""
        before, self._settings = self._settings, settings
        if settings.enabled and before.enabled and (before.host, before.port) == (settings.host, settings.port):
            return
        await self.aclose()
        if settings.enabled and not await self._has_opened(is_first=True):
            self._opening = asyncio.get_running_loop().create_task(self._try_again(), name="wyoming port")

    async def aclose(self) -> None:
        """Stop listening, and end whoever is inside. Idempotent."""
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        server, self._server = self._server, None
        if server is not None:
            server.close()
        sessions = dict(self._sessions)
        for session in sessions:
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)
        for transport in sessions.values():
            transport.abort()

    async def _try_again(self) -> None:
        while True:
            await asyncio.sleep(AGAIN_S)
            if await self._has_opened(is_first=False):
                return

    async def _has_opened(self, *, is_first: bool) -> bool:
        host, port = self._settings.host, self._settings.port
        try:
            self._server = await asyncio.start_server(
                self._connected, host, port, limit=READ_BYTES, backlog=BACKLOG
            )
        except (OSError, UnicodeError) as error:  # the second is of a host that can be no name
            if is_first:
                _log.error(
                    "Wyoming: cannot listen on %s:%d: %s. Choose another wyoming.port, or end what has it; "
                    "it is tried again every %g s.",
                    host,
                    port,
                    getattr(error, "strerror", None) or error,
                    AGAIN_S,
                )
            return False
        _log.info("Wyoming: listening", extra={"fields": {"host": host, "port": self.port}})
        return True

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport = cast("asyncio.Transport", writer.transport)
        peer = writer.get_extra_info("peername")
        if not _may_enter(peer[0] if peer else "", self._settings.allowed_addresses):
            transport.abort()  # whoever is not meant learns nothing
            return
        if len(self._sessions) >= self._settings.max_connections:
            alarm = messages.Alarm(
                f"{self._settings.max_connections} connections are open already.", "too_many_connections"
            )
            writer.write(encode(messages.written(messages.ERROR, alarm)))
            Lingering(transport, cast("asyncio.Protocol", transport.get_protocol()))
            return
        session = Session(reader, writer, self._studio, idle_s=self._settings.idle_s)
        task = asyncio.get_running_loop().create_task(session.serve(), name="wyoming session")
        self._sessions[task] = transport
        task.add_done_callback(self._ended)

    def _ended(self, session: "asyncio.Task[None]") -> None:
        self._sessions.pop(session, None)
        if not session.cancelled() and (bug := session.exception()) is not None:
            _log.error("a Wyoming session failed inside the router", exc_info=bug)


def _may_enter(peer: str, allowed: Sequence[str]) -> bool:
    """Everybody where no addresses are listed; else those, and this machine."""
    if not allowed:
        return True
    try:
        address: IPv4Address | IPv6Address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    networks: list[IPv4Network | IPv6Network] = [ip_network(each) for each in allowed]
    return address.is_loopback or any(address in network for network in networks)
