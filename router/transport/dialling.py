"""Dialling, and what it means when it fails: a machine that refuses is awake; one that is silent may be off."""

import asyncio
import errno
import re
import socket
from collections.abc import Callable
from typing import Final, TypeVar

from router.errors import DialRefused, DialTimeout, NotSent

_SILENT_ERRNOS: Final = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ETIMEDOUT}
P = TypeVar("P", bound=asyncio.BaseProtocol)


async def dial(make: Callable[[], P], host: str, port: int, connect_s: float) -> P:
    """A protocol of `make`'s on a fresh connection. Raises NotSent."""
    name = f"{host}:{port}"
    try:
        async with asyncio.timeout(connect_s):
            _, protocol = await asyncio.get_running_loop().create_connection(make, host, port)
    except TimeoutError as exc:
        raise DialTimeout(f"{name} did not answer within {connect_s:g} s; is the machine awake?") from exc
    except socket.gaierror as exc:
        raise NotSent(f"the name {host} has no address: {exc.strerror}") from exc
    except OSError as exc:
        raise _fault(name, exc) from exc
    return protocol


def _fault(name: str, exc: OSError) -> NotSent:
    """What a failed dial means. A name with several addresses fails with all their errors in one message."""
    errnos = {exc.errno} if exc.errno else {int(n) for n in re.findall(r"\[Errno (\d+)\]", str(exc))}
    if errnos == {errno.ECONNREFUSED}:
        return DialRefused(f"nothing listens on {name}; is the server started?")
    if errnos and errnos <= _SILENT_ERRNOS:
        return DialTimeout(f"{name} cannot be reached: {exc.strerror or exc}; is the machine awake?")
    return NotSent(f"{name} cannot be reached: {exc.strerror or exc}")
