"""What binds a request to the provider that remembers its conversation."""

import pytest
from fakes import ManualClock
from running import run

from router.api.responses import TTL_S, Binding, ResponseLedger, binding
from router.errors import InvalidRequest
from router.state import LocalStore


@pytest.mark.parametrize(
    ("body", "expected", "is_pinned"),
    [
        (b'{"model":"m"}', Binding(None, False), False),
        (b'{"previous_response_id":"resp_1"}', Binding("resp_1", False), True),
        (b'{"previous_response_id":""}', Binding(None, False), False),
        (b'{"previous_response_id":null}', Binding(None, False), False),
        (b'{"background":true}', Binding(None, True), True),
        (b'{"background":false}', Binding(None, False), False),
        (b'{"store":true}', Binding(None, True), True),
        (b'{"store":false}', Binding(None, False), False),
        (b'{"store":null,"background":null}', Binding(None, False), False),
        (b'{"previous_response_id":"resp_1","store":true}', Binding("resp_1", True), True),
    ],
)
def test_what_binds(body: bytes, expected: Binding, is_pinned: bool) -> None:
    """OpenAI stores unless told not to, but only who says so counts on it."""
    assert (expected, is_pinned) == (binding(body), binding(body).is_pinned)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"previous_response_id":5}', "previous_response_id"),
        (b'{"store":"yes"}', "store"),
        (b'{"background":1}', "background"),
    ],
)
def test_wrong_types_are_named(body: bytes, param: str) -> None:
    """A 400 with the field."""
    with pytest.raises(InvalidRequest) as caught:
        binding(body)
    assert (param, "wrong_type") == (caught.value.param, caught.value.code)


async def _found(ledger: ResponseLedger, name: str) -> str | None:
    try:
        return await ledger.provider_of(name)
    except InvalidRequest:
        return None


def test_an_unknown_id_is_the_clients_fault() -> None:
    """The field is named, and a very long id is cut."""

    async def main() -> InvalidRequest:
        with pytest.raises(InvalidRequest) as caught:
            await ResponseLedger(LocalStore(ManualClock()), "desk").provider_of("x" * 5000)
        return caught.value

    error = run(main())
    assert ("previous_response_id", "previous_response_not_found", True) == (
        error.param,
        error.code,
        len(error.message) < 300,
    )


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (b'{"id":"resp_1","object":"response"}', "resp_1"),
        (b'{ "object" : "response", "id" : "resp-a.b:c" }', "resp-a.b:c"),
        (b'event: response.created\ndata: {"type":"x","response":{"id":"resp_2"}}\n\n', "resp_2"),
        (b'{"output":[{"id":"msg_1"}],"id":"resp_3"}', "resp_3"),
    ],
    ids=["whole", "spaces", "stream", "behind another id"],
)
def test_a_minted_id_is_remembered_with_its_provider(part: bytes, name: str) -> None:
    """Read from the first bytes of the answer, JSON or events."""

    async def main() -> str | None:
        ledger = ResponseLedger(LocalStore(ManualClock()), "desk")
        await ledger.note(part, "llm")
        return await _found(ledger, name)

    assert "llm" == run(main())


@pytest.mark.parametrize(
    "part", [b"", b"{}", b'{"id":"chatcmpl-1"}', b'{"id":5}', b'{"id":"resp_' + b"x" * 500 + b'"}']
)
def test_other_answers_are_not(part: bytes) -> None:
    """Nothing is kept for what is no response's id."""

    async def main() -> int:
        store = LocalStore(ManualClock())
        await ResponseLedger(store, "desk").note(part, "llm")
        return len(store._entries)

    assert 0 == run(main())


def test_one_client_cannot_go_on_with_anothers_conversation() -> None:
    """An id is known to the client it was given to."""

    async def main() -> list[str | None]:
        store = LocalStore(ManualClock())
        await ResponseLedger(store, "desk").note(b'{"id":"resp_1"}', "llm")
        return [await _found(ResponseLedger(store, client), "resp_1") for client in ("desk", "other")]

    assert ["llm", None] == run(main())


def test_an_id_is_forgotten_when_openai_forgets_it() -> None:
    """After thirty days."""

    async def main() -> list[str | None]:
        clock = ManualClock()
        ledger = ResponseLedger(LocalStore(clock), "desk")
        await ledger.note(b'{"id":"resp_1"}', "llm")
        found = []
        for passed_s in (TTL_S - 1, 2):
            clock.advance(passed_s)
            found.append(await _found(ledger, "resp_1"))
        return found

    assert ["llm", None] == run(main())
