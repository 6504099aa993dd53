"""Makes the helpers here importable from every test below this directory; and a TLS server that is trusted."""

import ssl
import sys
import uuid
from pathlib import Path

import pytest

from router import relay
from router.providers import origin, tts_node
from router.transport import tls

sys.path.insert(0, str(Path(__file__).parent))

from running import LOOPS

# Made for these tests once, valid for a century, trusted by nobody else.
CERTIFICATE = Path(__file__).parent / "transport" / "loopback.crt"
KEY = CERTIFICATE.with_name("loopback.key")


@pytest.fixture(params=list(LOOPS))
def loop(request: pytest.FixtureRequest) -> str:
    """The event loop to `run` on: each that the router may have."""
    name: str = request.param
    return name


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks and touches have more time than they need: a busy machine must not look like a silent server."""
    monkeypatch.setattr(origin, "PROBE_DEADLINE_S", 20.0)
    monkeypatch.setattr(origin, "_PROBE_CONNECT_S", 10.0)
    for module in (origin, tts_node):
        monkeypatch.setattr(module, "TOUCH_DEADLINE_S", 20.0)


@pytest.fixture
def _soon_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever speaks in no time is overdue soon."""
    monkeypatch.setattr(relay, "OVERDUE_GRACE_S", 0.02)
    monkeypatch.setattr(relay, "HEARD_MARGIN_S", 0.02)


@pytest.fixture
def server_context() -> ssl.SSLContext:
    """What a server on the loopback speaks TLS with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    return context


@pytest.fixture
def _trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The router trusts that server."""
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    monkeypatch.setattr(tls, "tls_context", lambda: context)


@pytest.fixture(scope="session")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the caches of the tests are."""
    return tmp_path_factory.mktemp("caches")


@pytest.fixture(autouse=True)
def _own_cache(caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads what somebody's router has kept, or what another test's has, nor leaves anything there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(caches / uuid.uuid4().hex))
    monkeypatch.delenv("ROUTER_CACHE_DIR", raising=False)
