"""One client request: its body, its reply, and its leaving."""

import asyncio
from typing import Any

import pytest
from fakes import ManualClock
from running import run

from router.api import call
from router.api.call import Reply
from router.api.dialects import OPENAI
from router.errors import ClientGone, MethodNotAllowed, NothingCanServe, RouterError
from router.ports import Record


def _reply() -> tuple[Reply, list[dict[str, Any]], Record, ManualClock]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    clock = ManualClock()
    record = Record("id-1", "chat", clock())
    return Reply(send, record, OPENAI, clock), sent, record, clock


def test_a_whole_answer_is_a_start_and_one_body() -> None:
    """With its length, its date and its id."""
    reply, sent, record, clock = _reply()
    clock.advance(2)
    run(reply.whole(200, [(b"x-a", b"1")], b"body"))
    start, body = sent
    assert {"x-a": "1", "content-length": "4", "x-request-id": "id-1"} == {
        name.decode(): value.decode() for name, value in start["headers"] if name != b"date"
    }
    assert ({"type": "http.response.body", "body": b"body", "more_body": False}, 200, record.started + 2) == (
        body,
        record.status,
        record.first_byte,
    )


def test_an_upstreams_date_is_kept() -> None:
    """RFC 9110 §6.6.1: one Date."""
    reply, sent, _, _ = _reply()
    run(reply.whole(200, [(b"date", b"then")], b""))
    assert [b"then"] == [value for name, value in sent[0]["headers"] if name == b"date"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RouterError("x"), {"x-router-error": "internal"}),
        (NothingCanServe("x", [], retry_after_s=0.2), {"x-router-error": "no_provider", "retry-after": "1"}),
        (NothingCanServe("x", [], retry_after_s=7.4), {"x-router-error": "no_provider", "retry-after": "7"}),
        (MethodNotAllowed("x", allow="POST"), {"x-router-error": "method_not_allowed", "allow": "POST"}),
    ],
    ids=["internal", "soon", "later", "method"],
)
def test_an_error_before_the_reply_is_the_reply(error: RouterError, expected: dict[str, str]) -> None:
    """With the headers that belong to it."""
    reply, sent, _, _ = _reply()
    run(reply.fail(error))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert (error.status, OPENAI.error_body(error)) == (sent[0]["status"], sent[1]["body"])
    assert expected == {
        name: headers[name] for name in ("x-router-error", "retry-after", "allow") if name in headers
    }


def test_an_error_after_the_end_is_nothing() -> None:
    """The client has its answer."""
    reply, sent, _, _ = _reply()

    async def main() -> None:
        await reply.whole(200, [], b"body")
        await reply.fail(RouterError("late"))

    run(main())
    assert 2 == len(sent)


def test_a_client_that_is_gone_does_not_break_the_error_event() -> None:
    """It may be the reason for the error."""

    async def main() -> bool:
        async def send(message: dict[str, Any]) -> None:
            if message["type"] != "http.response.start":
                raise OSError

        record = Record("id", "chat", 0.0, streamed=True)
        reply = Reply(send, record, OPENAI, ManualClock())
        await reply.start(200, [])
        await reply.fail(RouterError("x"))
        return reply.is_started

    assert run(main()) is True


def test_a_client_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stalled reader would hold the upstream's slot for ever."""
    monkeypatch.setattr(call, "CLIENT_STALL_S", 0.01)

    async def main() -> None:
        async def send(message: dict[str, Any]) -> None:
            if message["type"] != "http.response.start":
                await asyncio.Event().wait()

        reply = Reply(send, Record("id", "chat", 0.0), OPENAI, ManualClock())
        await reply.start(200, [])
        with pytest.raises(ClientGone):
            await reply.send(b"x")

    run(main())
