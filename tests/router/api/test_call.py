"""One client request: its body, its reply, and its leaving."""

import asyncio
from typing import Any

import pytest
from fakes import ManualClock
from running import run

from router.api.call import DISCONNECT_NOTICE, DisconnectNotice, Presence, Reply
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


class _Client:
    """What ASGI hands over: a body of two parts, then nothing until it leaves."""

    def __init__(self, *, is_told: bool) -> None:
        self.notice = DisconnectNotice()
        self.left = asyncio.Event()
        self.asked = 0
        self.scope: dict[str, Any] = {"headers": []} | ({DISCONNECT_NOTICE: self.notice} if is_told else {})

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        if self.asked <= 2:
            return {"type": "http.request", "body": b"ab", "more_body": self.asked == 1}
        await self.left.wait()
        return {"type": "http.disconnect"}

    def leave(self) -> None:
        self.left.set()
        self.notice.gone()


@pytest.mark.parametrize("is_told", [True, False], ids=["told by the server", "asked for"])
@pytest.mark.parametrize("has_finished", [True, False])
def test_a_client_that_leaves_ends_the_block_unless_it_has_its_answer(is_told: bool, has_finished: bool) -> None:
    """Whoever serves; by our own server it costs no task."""

    async def main() -> tuple[bytes, bool, int]:
        client, (reply, *_) = _Client(is_told=is_told), _reply()
        is_gone = False
        try:
            async with Presence(client.scope, client.receive, reply) as presence:
                body = await presence.read_body({}, 100)
                await asyncio.sleep(0)
                asked = client.asked
                if has_finished:
                    await reply.whole(200, [], b"")
                client.leave()
                for _ in range(3):
                    await asyncio.sleep(0)
        except ClientGone:
            is_gone = True
        client.leave()  # after the block it means nothing
        return body, is_gone, asked

    assert (b"abab", not has_finished, 2 if is_told else 3) == run(main())


def test_a_client_that_left_while_its_body_was_read_is_gone() -> None:
    """Though nobody was told at that moment."""

    async def main() -> None:
        client, (reply, *_) = _Client(is_told=True), _reply()
        client.leave()
        with pytest.raises(ClientGone):
            async with Presence(client.scope, client.receive, reply) as presence:
                await presence.read_body({}, 100)

    run(main())


def test_the_last_piece_finishes_the_reply() -> None:
    """In one message with it."""
    reply, sent, _, _ = _reply()

    async def main() -> list[bool]:
        await reply.start(200, [])
        await reply.send(b"a")
        before = reply.is_finished
        await reply.send(b"b", is_last=True)
        return [before, reply.is_finished]

    assert [False, True] == run(main())
    assert [(b"a", True), (b"b", False)] == [(message["body"], message["more_body"]) for message in sent[1:]]
