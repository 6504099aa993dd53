"""Dialling an upstream: every way it fails is told apart, and none leaves a connection."""

import asyncio
import errno
import socket
from typing import Any

import pytest
from exchanges import GET, http1_transport
from fakes import ManualClock, RecordingSink
from loopback import answering, black_hole, nobody, ok, serving
from running import run

from router.errors import DialRefused, DialTimeout, NotSent
from router.transport.http1 import Http1Transport


def test_nobody_listening_is_refused(loop: str) -> None:
    """A refusal says that the machine is awake."""

    async def main() -> str:
        with nobody() as port, pytest.raises(DialRefused) as caught:
            await http1_transport(port).send(GET, RecordingSink())
        return caught.value.message.replace(str(port), "PORT")

    assert "nothing listens on 127.0.0.1:PORT; is the server started?" == run(main(), loop)


def test_nobody_listening_on_a_name_with_two_addresses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """`localhost` is ::1 and 127.0.0.1; that both refuse is a refusal all the same."""

    async def main(port: int) -> None:
        async def two(*_: object, **__: object) -> list[tuple[Any, ...]]:
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", port)),
            ]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", two)
        transport = Http1Transport("localhost", port, connect_s=2, clock=ManualClock())
        with pytest.raises(NotSent) as caught:
            await transport.send(GET, RecordingSink())
        assert DialRefused is type(caught.value)

    with nobody() as port:
        run(main(port))


def test_a_silent_machine_is_a_dial_timeout(loop: str) -> None:
    """An unplugged machine black-holes: within `connect_s` that is known."""

    async def main() -> tuple[float, str]:
        with black_hole() as port:
            transport = Http1Transport("127.0.0.1", port, connect_s=0.15, clock=ManualClock())
            started = asyncio.get_running_loop().time()
            with pytest.raises(DialTimeout) as caught:
                await transport.send(GET, RecordingSink())
            await transport.aclose()
            took = asyncio.get_running_loop().time() - started
            return took, caught.value.message.replace(str(port), "PORT")

    took, message = run(main(), loop)
    assert message == "127.0.0.1:PORT did not answer within 0.15 s; is the machine awake?"
    assert 0.1 < took < 20  # the kernel gives up after two minutes


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.EHOSTUNREACH, "No route to host"), DialTimeout),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), DialTimeout),
        (OSError(errno.EHOSTDOWN, "Host is down"), DialTimeout),
        (OSError(errno.ETIMEDOUT, "Connection timed out"), DialTimeout),
        (OSError(errno.EMFILE, "Too many open files"), NotSent),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), NotSent),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), DialRefused),
        (TimeoutError(), DialTimeout),
    ],
    ids=lambda value: getattr(value, "strerror", None) or getattr(value, "__name__", "timeout"),
)
def test_every_way_a_dial_fails_is_not_sent(
    error: OSError, kind: type[NotSent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's word for silence is silence; whatever else fails, nothing was sent."""

    async def main() -> type:
        async def fail(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", fail)
        with pytest.raises(NotSent) as caught:
            await http1_transport(1).send(GET, RecordingSink())
        return type(caught.value)

    assert kind is run(main())


def test_a_dial_under_way_at_aclose_leaves_no_connection() -> None:
    """What is closed stays closed: a dial that ends after `aclose` is not used."""

    async def main() -> tuple[bool, str]:
        async with serving(answering(ok(b"hi"))) as upstream:
            transport = http1_transport(upstream.port)
            sending = asyncio.ensure_future(transport.send(GET, RecordingSink()))
            await asyncio.sleep(0)  # it dials now
            await transport.aclose()
            await asyncio.gather(sending, return_exceptions=True)
            await asyncio.sleep(0.02)
            shown = repr(transport).partition(" open=")[2]
            await transport.aclose()
            return isinstance(sending.exception(), NotSent), shown

    assert (True, "0 idle=0>") == run(main())
