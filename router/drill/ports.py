"""Free ports on this machine."""

import os
import socket
from pathlib import Path


def free_port() -> int:
    """A port nobody listens on now, outside the range the system hands out for outgoing connections.

    From inside that range, a connection made meanwhile could take it before its server does.
    """
    low = _ephemeral_from()
    while True:
        port = 20_000 + int.from_bytes(os.urandom(2), "big") % max(low - 20_000, 1_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def _ephemeral_from() -> int:
    """ip(7), ip_local_port_range; Linux' default where it cannot be read."""
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return 32_768
