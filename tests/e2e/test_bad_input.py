"""What nobody should send: each is answered with the right status and the whole error object, and costs nothing.

Raw sockets, because clients refuse to send most of this. One router serves the whole table: after each case it
must still serve, and its log must show no failure of its own.
"""

from collections.abc import Iterator

import pytest
from bad_cases import CASES
from bad_input import CHAT, SPEECH, Case, chat, check, exchange, raw_request, small_router, speech
from processes import Process

pytest_plugins = ["process_logs"]


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The one router of the table."""
    with small_router(tmp_path_factory.mktemp("bad-input")) as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bad_request_is_answered_in_full(router: Process, case: Case) -> None:
    """The status says whose fault it is, the error object has all its keys, and the field is named."""
    check(router, case)


def test_sane_request_still_works(router: Process) -> None:
    """The router that has seen all of the above chats and speaks."""
    for case in (Case("chat", CHAT, chat()), Case("speech", SPEECH, speech())):
        assert exchange(router.port, raw_request(case, router.port)).status == 200


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "192.168.1.2:8700", "[::1]:8700"])
def test_own_host_is_let_in(router: Process, host: str) -> None:
    """An address cannot be rebound, so it passes."""
    case = Case(host, CHAT, chat(), headers=(f"Host: {host}", f"Origin: http://{host}"))
    assert exchange(router.port, raw_request(case, router.port)).status == 200


@pytest.mark.parametrize("depth", [100, 500, 900, 990, 1_100, 2_000, 20_000])
def test_nested_option_is_no_router_error_in_speech(router: Process, depth: int) -> None:
    """Brackets in brackets in an engine option: refused or spoken, never a failure of the router's."""
    body = b'{"input":"x","extra":' + b"[" * depth + b"]" * depth + b"}"
    answer = exchange(router.port, raw_request(Case("nested", SPEECH, body), router.port))
    assert answer.status in {200, 400}, bytes(answer.body)
