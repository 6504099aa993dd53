"""Names and ids of a client's choosing that would break a header or a log line: none does."""

import json
from collections.abc import Iterator

import pytest
from bad_input import CHAT, KEYS, SPEECH, Case, chat, exchange, logged, raw_request, small_router, speech
from processes import Process

pytest_plugins = ["process_logs"]


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A router in front of an espeak node, a scripted LLM and the demo."""
    with small_router(tmp_path_factory.mktemp("odd-names")) as running:
        yield running


@pytest.mark.parametrize(
    "name", ["m\r\nX-Evil: 1", "m\nX-Evil: 1", "m\r\n\r\nevil", "m\0", "m\x7f", "grün/🎉", "m" * 252], ids=ascii
)
@pytest.mark.parametrize("stream", [False, True])
def test_name_that_is_passed_on_breaks_no_header(router: Process, name: str, stream: bool) -> None:
    """`provider/anything` goes to that provider; what the router says about it in headers stays on its line."""
    case = Case("injection", CHAT, chat(model=f"llm/{name}", stream=stream))
    answer = exchange(router.port, raw_request(case, router.port))
    assert answer.status == 200
    assert answer.header("x-evil") == []
    (told,) = answer.header("x-router-model")
    assert told.isascii()
    assert told.isprintable()
    assert logged(router, answer.header("x-request-id")[0])["outcome"] == "ok"


@pytest.mark.parametrize("name", ["espeak\r\nX-Evil: 1", "espeak\0", "🎉"], ids=ascii)
def test_odd_name_that_the_node_refuses_is_told_in_full(router: Process, name: str) -> None:
    """Nor does an error about such a name break its own headers."""
    case = Case("injection", SPEECH, speech(model=f"node/{name}"))
    answer = exchange(router.port, raw_request(case, router.port))
    assert answer.status in {404, 503}, bytes(answer.body)
    assert sorted(json.loads(bytes(answer.body))["error"]) == KEYS
    assert answer.header("x-evil") == []
    assert logged(router, answer.header("x-request-id")[0])["outcome"] in {"caller_not_found", "provider_none"}


@pytest.mark.parametrize(
    "sent",
    ["has space", "x" * 129, "ümlaut", "semi;colon", ""],
    ids=["space", "long", "ümlaut", "semicolon", "empty"],
)
def test_odd_request_id_is_replaced(router: Process, sent: str) -> None:
    """An id that could break a log or a header is not kept."""
    case = Case("id", CHAT, b"{", headers=(f"X-Request-Id: {sent}",))
    answer = exchange(router.port, raw_request(case, router.port))
    (own,) = answer.header("x-request-id")
    assert own != sent
    assert own.startswith("req-")
