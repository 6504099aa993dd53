"""Who may: the key, or a Host and an Origin that nobody can have rebound."""

import pytest

from tts_node.api.access import Access, host_of
from tts_node.errors import Forbidden, NodeError, Unauthorized

OPEN = Access(allowed_hosts=("gaming-pc",))
LOCKED = Access(api_key="s3cret-key")


def check(access: Access, path: str = "/v1/models", method: str = "GET", **headers: str) -> type[NodeError] | None:
    """What it raises."""
    try:
        access.check(
            method,
            path,
            [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()],
        )
    except NodeError as exc:
        return type(exc)
    return None


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("Bearer s3cret-key", None),
        ("bearer s3cret-key", None),
        ("Bearer s3cret-ke", Unauthorized),
        ("Bearer s3cret-key2", Unauthorized),
        ("Bearer sécret", Unauthorized),
        ("Basic s3cret-key", Unauthorized),
        ("s3cret-key", Unauthorized),
        ("", Unauthorized),
    ],
)
def test_the_key(authorization: str, expected: type[NodeError] | None) -> None:
    """Only the very key, as a Bearer."""
    assert expected is check(LOCKED, authorization=authorization)


def test_without_the_header_the_key_is_missing() -> None:
    """No Authorization, no entry; events and controls need it too."""
    assert [Unauthorized] * 3 == [check(LOCKED, path) for path in ("/v1/models", "/events", "/yield")]


def test_with_a_key_any_name_may_be_used() -> None:
    """A rebound page does not know the key."""
    assert (
        check(LOCKED, authorization="Bearer s3cret-key", host="evil.example", origin="http://evil.example") is None
    )


@pytest.mark.parametrize("access", [OPEN, LOCKED])
@pytest.mark.parametrize("path", ["/health", "/metrics"])
def test_open_paths(access: Access, path: str) -> None:
    """Probes and Prometheus need neither."""
    assert check(access, path, host="node.monitoring.svc") is None


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8006", None),
        ("192.168.1.20", None),
        ("[::1]:8006", None),
        ("localhost", None),
        ("LocalHost.:8006", None),
        ("Gaming-PC:8006", None),
        ("evil.example", Forbidden),
        ("127.0.0.1.evil.example:8006", Forbidden),
        ("localhost.evil.example", Forbidden),
        ("", Forbidden),
    ],
)
def test_the_host(host: str, expected: type[NodeError] | None) -> None:
    """Addresses, localhost and listed names; anything else may be rebound."""
    assert expected is check(OPEN, host=host)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://localhost:3000", None),
        ("http://127.0.0.1:3000", None),
        ("http://[::1]:3000", None),
        ("https://gaming-pc", None),
        ("http://192.168.1.20", None),
        ("http://192.168.1.21", Forbidden),
        ("http://203.0.113.9", Forbidden),
        ("http://[2001:db8::1]", Forbidden),
        ("http://[", Forbidden),
        ("", Forbidden),
        ("https://evil.example", Forbidden),
        ("http://localhost@evil.example", Forbidden),
        ("null", Forbidden),
    ],
)
def test_the_origin(origin: str, expected: type[NodeError] | None) -> None:
    """A foreign page is refused even where its request names this machine, and served from an address too."""
    assert expected is check(OPEN, host="192.168.1.20:8006", origin=origin)


@pytest.mark.parametrize(
    ("access", "method", "site", "expected"),
    [
        (OPEN, "POST", "cross-site", Forbidden),
        (OPEN, "DELETE", "Cross-Site", Forbidden),
        (OPEN, "GET", "cross-site", None),
        (OPEN, "POST", "same-origin", None),
        (OPEN, "POST", "none", None),
        (LOCKED, "POST", "cross-site", None),
    ],
)
def test_what_browsers_tell_of_other_sites(
    access: Access, method: str, site: str, expected: type[NodeError] | None
) -> None:
    """A form on a foreign page changes nothing here, whether or not it has an Origin."""
    headers = {"host": "127.0.0.1:8006", "authorization": "Bearer s3cret-key", "sec_fetch_site": site}
    assert expected is check(access, method=method, **headers)


def test_every_host_header_counts() -> None:
    """A second, harmless Host does not excuse the first."""
    with pytest.raises(Forbidden):
        OPEN.check("GET", "/v1/models", [(b"host", b"localhost"), (b"host", b"evil.example")])
    with pytest.raises(Forbidden):
        OPEN.check("GET", "/v1/models", [])


@pytest.mark.parametrize(
    ("text", "expected"), [("[::1]:1", "::1"), ("A.B.:80", "a.b"), ("[::1]", "::1"), ("10.0.0.1", "10.0.0.1")]
)
def test_host_of(text: str, expected: str) -> None:
    """The name without its port."""
    assert expected == host_of(text)
