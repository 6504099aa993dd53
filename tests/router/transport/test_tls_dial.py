"""How a TLS connection begins: who may be dialled, who is trusted, and which transport a scheme has."""

import ssl

import pytest
from exchanges import tls_exchanged, tls_transport
from fakes import ManualClock
from loopback import answering, black_hole, nobody, ok, serving
from running import run

from router.errors import DialTimeout, NotSent, UpstreamFault
from router.transport import TlsTransport, tls, transport_to


@pytest.mark.usefixtures("_trusted")
def test_nobody_listening_is_not_sent() -> None:
    """Nothing went out."""

    async def main() -> UpstreamFault | None:
        with nobody() as port:
            transport = tls_transport(port)
            sink = await tls_exchanged(transport)
            await transport.aclose()
            return sink.fault

    assert isinstance(run(main()), NotSent)


@pytest.mark.usefixtures("_trusted")
def test_a_silent_machine_is_a_dial_timeout() -> None:
    """A black hole is known within `connect_s`."""

    async def main() -> type:
        with black_hole() as port:
            transport = TlsTransport("127.0.0.1", port, connect_s=0.15)
            sink = await tls_exchanged(transport)
            await transport.aclose()
            return type(sink.fault)

    assert DialTimeout is run(main())


def test_a_certificate_nobody_vouches_for_is_not_sent_anything(server_context: ssl.SSLContext) -> None:
    """With the system's certificates, this server is a stranger."""

    async def main() -> int:
        async with serving(answering(ok(b"hi")), tls=server_context) as upstream:
            transport = tls_transport(upstream.port)
            sink = await tls_exchanged(transport)
            await transport.aclose()
            assert isinstance(sink.fault, NotSent)
            return len(upstream.requests)

    tls.tls_context.cache_clear()
    assert 0 == run(main())


def test_the_process_has_one_tls_context_from_tls_1_2() -> None:
    """Building one costs 30 ms; older protocols are not spoken."""
    first = tls.tls_context()
    assert (True, ssl.TLSVersion.TLSv1_2) == (first is tls.tls_context(), first.minimum_version)


@pytest.mark.parametrize(
    ("scheme", "keep_alive", "shown"),
    [
        ("https", True, "<TlsTransport h:8443 exchanges=0>"),
        ("http", True, "<Http1Transport h:8443 open=0 idle=0>"),
        ("http", False, "<Http1Transport h:8443 open=0 idle=0>"),
    ],
)
def test_the_scheme_chooses_the_transport(scheme: str, keep_alive: bool, shown: str) -> None:
    """Plain HTTP is ours, TLS is httpx's."""
    transport = transport_to(scheme, "h", 8443, connect_s=1, clock=ManualClock(), keep_alive=keep_alive)
    assert shown == repr(transport)
