"""Where a provider's server is, and what a look at it shows."""

import ssl
from pathlib import Path

import pytest
from fakes import ManualClock
from loopback import Peer, Script, answering, black_hole, nobody, ok, serving
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

_PAIR = Path(__file__).parents[1] / "transport" / "loopback"


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
        (DialTimeout("x"), HostSign.SILENT, None),
        (Silent("x"), HostSign.ANSWERED, ProviderSign.SLOW),
        (DialRefused("x"), HostSign.ANSWERED, ProviderSign.FAULT),
        (NotSent("x"), HostSign.SILENT, ProviderSign.FAULT),
        (ConnectionLost("x"), HostSign.ANSWERED, ProviderSign.FAULT),
        (Malformed("x"), HostSign.ANSWERED, ProviderSign.FAULT),
        (Rejected("x", upstream_status=503), HostSign.ANSWERED, ProviderSign.FAULT),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_what_a_failed_look_shows(fault: UpstreamFault, host: HostSign, sign: ProviderSign | None) -> None:
    """Silence at the dial is the machine's, as is a name without an address; silence after it the server's."""
    probe = probe_of(fault)
    assert (host, sign, None, None) == (probe.host, probe.provider, probe.models, probe.voices)


def _origin(port: int, *, key: str = "", path: str = "/v1", connect_s: float = 10) -> Origin:
    return Origin(Address("http", "127.0.0.1", port, path), api_key=key, connect_s=connect_s, clock=ManualClock())


@pytest.mark.usefixtures("_patient")
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


@pytest.mark.usefixtures("_patient")
def test_a_server_may_want_its_key_in_a_header_of_its_own() -> None:
    """And others on every request. The key is taken out of what it says all the same."""

    async def main() -> None:
        async with serving(answering(ok(b"{}"))) as upstream:
            origin = Origin(
                Address("http", "127.0.0.1", upstream.port, ""),
                api_key="k-1",
                connect_s=10,
                clock=ManualClock(),
                key_header=b"xi-api-key",
                headers=[(b"Their-Version", b"2026-08-14")],
            )
            await origin.look("/models")
            await origin.ask("POST", "/speak", [], b"", deadline_s=10)
            await origin.aclose()
            for asked in upstream.requests:
                told = [asked.get(name) for name in ("xi-api-key", "authorization", "their-version")]
                assert ["k-1", None, "2026-08-14"] == told
            assert 2 == len(upstream.requests)
            assert "no [key] here" == origin.redact("no k-1 here")

    run(main())


@pytest.mark.usefixtures("_patient")
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
    async with serving(script or _busy) as upstream:
        with nobody() as port:
            origin = _origin(port if script is None else upstream.port, connect_s=connect_s)
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
    monkeypatch.setattr(origin_module, "PROBE_DEADLINE_S", 1.0)
    assert kind is run(_look_at(script, 0.6))


@pytest.mark.parametrize("connect_s", [0.05, 0.1, 5.0])
def test_a_look_at_a_silent_machine_is_a_dial_timeout_whatever_connect_s(
    connect_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long dial timeout for requests must not make an unplugged machine look busy to the probes."""
    monkeypatch.setattr(origin_module, "_PROBE_CONNECT_S", 0.1)
    monkeypatch.setattr(origin_module, "PROBE_DEADLINE_S", 20.0)

    async def main() -> type[UpstreamFault]:
        with black_hole() as port:
            origin = _origin(port, connect_s=connect_s)
            with pytest.raises(UpstreamFault) as caught:
                await origin.look("/models")
            await origin.aclose()
            return type(caught.value)

    assert DialTimeout is run(main())


def test_the_deadlines_of_probes_tell_silence_from_slowness() -> None:
    """A dial's lies within its probe's, and that within the second between two probes."""
    assert origin_module._PROBE_CONNECT_S < origin_module.PROBE_DEADLINE_S < 1
    assert origin_module.TOUCH_DEADLINE_S < origin_module.PROBE_DEADLINE_S < origin_module.REMOTE_PROBE_DEADLINE_S


@pytest.mark.parametrize(
    ("host", "connect_s", "is_remote"),
    [
        ("203.0.113.7", 10, False),  # for documentation: nobody's
        ("198.41.0.4", 10, True),
        ("198.41.0.4", 0.5, False),
        ("192.168.1.20", 10, False),
        ("100.64.0.1", 10, False),  # Tailscale's
        ("2001:500:2::c", 10, False),
        ("gpu.example", 10, False),
    ],
)
def test_a_rented_machine_is_not_in_the_house(host: str, connect_s: float, *, is_remote: bool) -> None:
    """A public address tells, where a dial is granted seconds: some houses have public addresses, too."""
    origin = Origin(Address("http", host, 1, ""), api_key="", connect_s=connect_s, clock=ManualClock())
    assert is_remote is origin.is_remote


@pytest.mark.parametrize(("scheme", "is_remote", "deadline_s"), [("http", False, 0.9), ("https", True, 4.0)])
def test_what_lies_on_the_internet_has_more_time(scheme: str, is_remote: bool, deadline_s: float) -> None:
    """A third of a second says nothing of a server far away."""
    origin = Origin(Address(scheme, "h", 1, ""), api_key="", connect_s=1, clock=ManualClock())
    assert (is_remote, deadline_s) == (origin.is_remote, origin.probe_deadline_s)


@pytest.mark.parametrize("key", ["", "sk-1"])
def test_the_key_is_taken_out_of_what_upstreams_say(key: str) -> None:
    """Wherever it stands; without a key nothing is taken out."""
    said = "no: sk-1, really sk-1"
    assert ("no: [key], really [key]" if key else said) == _origin(1, key=key).redact(said)


@pytest.mark.usefixtures("_patient")
@pytest.mark.parametrize(("listens", "expected"), [(True, HostSign.ANSWERED), (False, HostSign.ANSWERED)])
def test_a_touch_asks_for_the_machine_only(listens: bool, expected: HostSign) -> None:
    """A refusal is an answer; no byte is sent."""

    async def main() -> tuple[HostSign, int]:
        async with serving(_busy) as upstream:
            with nobody() as port:
                origin = _origin(upstream.port if listens else port)
                sign = await origin.touch()
                await origin.aclose()
                return sign, len(upstream.requests)

    assert (expected, 0) == run(main())


def test_a_touch_of_a_silent_machine_is_silence_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the dial timeout for requests."""
    monkeypatch.setattr(origin_module, "TOUCH_DEADLINE_S", 0.05)

    async def main() -> HostSign:
        with black_hole() as port:
            origin = _origin(port, connect_s=5)
            sign = await origin.touch()
            await origin.aclose()
            return sign

    assert HostSign.SILENT is run(main())


@pytest.mark.usefixtures("_patient")
def test_a_server_whose_certificate_is_refused_is_on_a_machine_that_answers() -> None:
    """Its fault must not take down what else runs there."""

    async def main() -> HostSign:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_PAIR.with_suffix(".crt"), _PAIR.with_suffix(".key"))
        async with serving(answering(ok(b"{}")), tls=context) as upstream:
            address = Address("https", "127.0.0.1", upstream.port, "")
            origin = Origin(address, api_key="", connect_s=5, clock=ManualClock())
            with pytest.raises(UpstreamFault) as caught:
                await origin.look("/models")
            await origin.aclose()
            return probe_of(caught.value).host

    assert HostSign.ANSWERED is run(main())
