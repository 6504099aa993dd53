"""Where a provider's server is, and what a look at it shows."""

import pytest
from fakes import ManualClock
from loopback import Peer, Script, answering, black_hole, free_port, ok, serving
from running import run

from router.errors import (
    ConnectionLost,
    DialRefused,
    DialTimeout,
    Malformed,
    NotSent,
    Rejected,
    Silent,
    UpstreamFault,
)
from router.health import HostSign, ProviderSign
from router.providers import origin as origin_module
from router.providers.origin import Address, Origin, probe_of


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h", Address("http", "h", 80, "")),
        ("https://h", Address("https", "h", 443, "")),
        ("http://h:8000/v1/", Address("http", "h", 8000, "/v1")),
        ("http://[::1]:8000/", Address("http", "::1", 8000, "")),
        ("https://api.example/openai/v1", Address("https", "api.example", 443, "/openai/v1")),
    ],
)
def test_address_of(url: str, expected: Address) -> None:
    """A base URL in parts."""
    assert expected == Address.of(url)


@pytest.mark.parametrize(
    ("fault", "host", "sign"),
    [
        (DialTimeout("x"), HostSign.SILENT, ProviderSign.FAULT),
        (Silent("x"), HostSign.ANSWERED, ProviderSign.SLOW),
        (DialRefused("x"), HostSign.ANSWERED, ProviderSign.FAULT),
        (NotSent("x"), HostSign.ANSWERED, ProviderSign.FAULT),
        (ConnectionLost("x"), HostSign.ANSWERED, ProviderSign.FAULT),
        (Malformed("x"), HostSign.ANSWERED, ProviderSign.FAULT),
        (Rejected("x", upstream_status=503), HostSign.ANSWERED, ProviderSign.FAULT),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_what_a_failed_look_shows(fault: UpstreamFault, host: HostSign, sign: ProviderSign) -> None:
    """Silence at the dial is the machine's, silence after it the server's."""
    probe = probe_of(fault)
    assert (host, sign, None, None) == (probe.host, probe.provider, probe.models, probe.voices)


def _origin(port: int, *, key: str = "", path: str = "/v1", connect_s: float = 0.5) -> Origin:
    return Origin(Address("http", "127.0.0.1", port, path), api_key=key, connect_s=connect_s, clock=ManualClock())


@pytest.mark.parametrize(("key", "sent"), [("", None), ("k-1", "Bearer k-1")])
def test_the_providers_key_goes_to_the_provider(key: str, sent: str | None) -> None:
    """And only when there is one."""

    async def main() -> tuple[str, str | None]:
        async with serving(answering(ok(b"{}"))) as upstream:
            origin = _origin(upstream.port, key=key)
            await origin.look("/models")
            await origin.aclose()
            return upstream.requests[0].line, upstream.requests[0].get("authorization")

    assert ("GET /v1/models HTTP/1.1", sent) == run(main())


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "refuses our key (status 401); check its api_key"),
        (403, "refuses our key (status 403); check its api_key"),
        (404, "has no /models (status 404); is the base URL right?"),
        (302, "answered /models with status 302"),
        (503, "answered /models with status 503"),
    ],
)
def test_a_look_that_is_no_200_says_what_to_do(status: int, words: str) -> None:
    """The operator reads it in the 503 and on the page."""

    async def main() -> str:
        async with serving(answering(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)) as upstream:
            origin = _origin(upstream.port)
            with pytest.raises(Rejected) as caught:
                await origin.look("/models")
            await origin.aclose()
            assert caught.value.upstream_status == status
            return caught.value.message

    assert words == run(main())


async def _look_at(script: Script | None, connect_s: float) -> type[UpstreamFault]:
    """The fault of a look at a server with `script`, at nobody (None)."""
    if script is None:
        origin = _origin(free_port(), connect_s=connect_s)
        with pytest.raises(UpstreamFault) as caught:
            await origin.look("/models")
        return type(caught.value)
    async with serving(script) as upstream:
        origin = _origin(upstream.port, connect_s=connect_s)
        with pytest.raises(UpstreamFault) as caught:
            await origin.look("/models")
        await origin.aclose()
        return type(caught.value)


async def _busy(peer: Peer) -> None:
    await peer.until_closed()


@pytest.mark.parametrize(("script", "kind"), [(None, DialRefused), (_busy, Silent)], ids=["nobody", "busy"])
def test_a_look_tells_a_busy_server_from_none(
    script: Script | None, kind: type[UpstreamFault], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By dialling anew each time."""
    monkeypatch.setattr(origin_module, "PROBE_DEADLINE_S", 0.1)
    assert kind is run(_look_at(script, 0.05))


@pytest.mark.parametrize("connect_s", [0.05, 0.1, 5.0])
def test_a_look_at_a_silent_machine_is_a_dial_timeout_whatever_connect_s(
    connect_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long dial timeout for requests must not make an unplugged machine look busy to the probes."""
    monkeypatch.setattr(origin_module, "PROBE_DEADLINE_S", 0.1)

    async def main() -> type[UpstreamFault]:
        with black_hole() as port:
            origin = _origin(port, connect_s=connect_s)
            with pytest.raises(UpstreamFault) as caught:
                await origin.look("/models")
            await origin.aclose()
            return type(caught.value)

    assert DialTimeout is run(main())
