"""Reading upstreams' answers as they pass."""

import msgspec
import pytest
from fakes import head

from router.answers import (
    UsageReader,
    check_whole,
    error_message,
    is_event_stream,
    is_json,
    passed_on,
    rejection,
    retry_after_s,
)
from router.errors import Malformed
from router.ports import Header


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([(b"CONTENT-type", b"a")], [(b"content-type", b"a")]),
        ([(b"Connection", b"close")], []),
        (
            [(b"Connection", b" x-one ,X-TWO"), (b"X-One", b"1"), (b"x-two", b"2"), (b"x-three", b"3")],
            [(b"x-three", b"3")],
        ),
        ([(b"Proxy-Authenticate", b"a"), (b"TE", b"a"), (b"X-Router-Cache", b"hit")], []),
        (
            [(b"Content-Length", b"3"), (b"Content-Encoding", b"gzip")],
            [(b"content-length", b"3"), (b"content-encoding", b"gzip")],
        ),
    ],
)
def test_passed_on(headers: list[Header], expected: list[Header]) -> None:
    """RFC 9110 §7.6.1: what Connection names goes with it."""
    assert expected == passed_on(head(200, *headers))


@pytest.mark.parametrize(
    ("status", "body"), [(402, b""), (429, b'{"error":{"code":"insufficient_quota","message":"Check your plan"}}')]
)
def test_an_empty_account_is_no_busy_server(status: int, body: bytes) -> None:
    """OpenAI says 429, but whoever waits as it asks waits for ever."""
    fault = rejection(head(status, (b"Retry-After", b"1")), body, str)
    assert (f"is out of credits (status {status})", 402, None) == (
        fault.message,
        fault.upstream_status,
        fault.retry_after_s,
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (b"0", 0.0),
        (b" 30 ", 30.0),
        (b"86401", 86_400.0),
        (b"9" * 400, 86_400.0),
        (b"-1", None),
        (b"1.5", None),
        (b"", None),
        (b"Thu, 01 Jan 1970 00:00:00 GMT", None),
    ],
    ids=str,
)
def test_retry_after(value: bytes | None, expected: float | None) -> None:
    """Seconds, bounded; anything else says nothing."""
    assert expected == retry_after_s(value)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error":{"message":"no such model"}}', "no such model"),
        (b'{"error":"model not found"}', "model not found"),
        (b'{"detail":"Not Found"}', "Not Found"),
        (b'{"message":"nope"}', "nope"),
        (b'{"error":{"message":"  two\\n lines  "}}', "two lines"),
        (b'{"error":{"message":"' + b"x" * 500 + b'"}}', "x" * 200),
        (b'{"error":{"message":5}}', ""),
        (b'{"error":null}', ""),
        (b'{"error":[1]}', ""),
        (b"[1]", ""),
        (b"<html>Bad Gateway</html>", ""),
        (b"\xff\xfe", ""),
        (b'{"error":"\xff"}', ""),
        (b"", ""),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_the_human_part_of_an_error(body: bytes, expected: str) -> None:
    """OpenAI's, Ollama's and FastAPI's shapes; one line, bounded; whatever else, nothing."""
    assert expected == error_message(body)


def test_an_error_nested_beyond_reason_has_no_human_part() -> None:
    """An upstream must not be able to break the router by its error."""
    assert "" == error_message(b"[" * 100_000 + b"]" * 100_000)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"text/event-stream", True),
        (b"Text/Event-Stream; charset=utf-8", True),
        (b"application/json", False),
        (None, False),
    ],
)
def test_is_event_stream(value: bytes | None, expected: bool) -> None:
    """Media types are case-insensitive (RFC 9110 §8.3.1)."""
    headers: list[Header] = [] if value is None else [(b"content-TYPE", value)]
    assert expected is is_event_stream(head(200, *headers))


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([b'{"usage":{"prompt_tokens":7,"completion_tokens": 11}}'], (7, 11)),
        ([b'{"usage":{"input_tokens":7}}', b'{"usage":{"output_tokens":3}}', b'{"output_tokens" : 9}'], (7, 9)),
        ([b'{"content":"nothing here"}'], (0, 0)),
        ([b'{"content":"say \\"prompt_tokens\\": 5"}'], (0, 0)),
        ([b'{"prompt_tokens_details":{"cached_tokens":3},"prompt_tokens":8}'], (8, 0)),
        ([b'{"usage":{"prompt_tokens":7},"data":[' + b"0.5," * 20_000 + b'0],"completion_tokens":3}'], (7, 3)),
    ],
)
def test_token_counts_are_the_last_seen(chunks: list[bytes], expected: tuple[int, int]) -> None:
    """OpenAI's and Anthropic's words; servers count up in a stream."""
    reader = UsageReader()
    for chunk in chunks:
        reader.see(chunk)
    assert expected == (reader.tokens_in, reader.tokens_out)


def test_a_count_beyond_reason_breaks_nothing() -> None:
    """The answer is on its way to a client; a silly number in it must not cut it."""
    reader = UsageReader()
    reader.see(msgspec.json.encode({"prompt_tokens": 1}) + b'"output_tokens":' + b"9" * 5000)
    assert 1 == reader.tokens_in


JSON: Header = (b"Content-Type", b"application/json")


@pytest.mark.parametrize(
    ("status", "headers", "body", "complaint"),
    [
        (200, [JSON], b"{}", None),
        (200, [JSON], b" [1, 2] \n", None),
        (200, [(b"content-TYPE", b"Application/JSON; charset=utf-8")], b'{"a":', "broken JSON"),
        (200, [JSON], b"{} {}", "broken JSON"),
        (200, [JSON], b"<html>", "broken JSON"),
        (200, [JSON], b"", "nothing"),
        (200, [JSON], b"[" * 100_000 + b"]" * 100_000, None),
        (200, [], b"", "nothing"),
        (200, [], b"<html>", None),
        (200, [(b"Content-Type", b"text/event-stream")], b"data: {", None),
        (200, [(b"Content-Type", b"audio/mpeg")], b"\xff\xfb", None),
        (200, [(b"Content-Type", b"application/jsonl")], b"{}\n{}", "broken JSON"),
        (200, [(b"Content-Type", b"application/problem+json")], b"{", None),
        (200, [JSON, (b"Content-Encoding", b"gzip")], b"\x1f\x8b", None),
        (200, [JSON, (b"Content-Encoding", b"gzip")], b"", "nothing"),
        (201, [JSON], b"{", None),
        (204, [], b"", None),
        (400, [JSON], b"{", None),
        (422, [JSON], b"", None),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else None,
)
def test_what_counts_as_a_whole_answer(
    status: int, headers: list[Header], body: bytes, complaint: str | None
) -> None:
    """Only a 200 is judged; what is encoded or nested too deeply to look at passes."""
    if complaint is None:
        check_whole(head(status, *headers), body)
        return
    with pytest.raises(Malformed, match=complaint):
        check_whole(head(status, *headers), body)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (b'{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}', (3, 4)),
        (b'{"input_tokens":3,"output_tokens":4}', (3, 4)),
        (b'{"prompt_tokens":3,"completion_tokens":null}', (3, 0)),
        (b'{"prompt_tokens":"3"}', (0, 0)),
        (b'{"prompt_tokens":-3}', (0, 0)),
        (b'{"prompt_tokens":1000000000000000000000000}', (0, 0)),
        (b"null", (0, 0)),
        (b"[]", (0, 0)),
    ],
)
def test_what_a_whole_answer_says_it_took(usage: bytes, expected: tuple[int, int]) -> None:
    """In OpenAI's words or Anthropic's; what no server means is not counted, and no reason to refuse an answer."""
    assert expected == check_whole(head(200, JSON), b'{"choices":[{"usage":5}],"usage":%b}' % usage)


def test_odd_counts_do_not_hide_that_an_answer_is_broken() -> None:
    """The rest is still looked at."""
    with pytest.raises(Malformed, match="broken JSON"):
        check_whole(head(200, JSON), b'{"usage":{"prompt_tokens":-3}, "choices":[}')


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"application/json", True),
        (b"Application/JSON; charset=utf-8", True),
        (b"text/event-stream", True),
        (b"TEXT/event-stream;charset=utf-8", True),
        (b"audio/mpeg", False),
        (b"text/plain", False),
        (b"application/octet-stream", False),
        (b"", False),
        (None, False),
    ],
)
def test_which_answers_may_tell_usage(value: bytes | None, expected: bool) -> None:
    """Looking for token counts in a megabyte of audio would find noise."""
    headers: list[Header] = [] if value is None else [(b"CONTENT-type", value)]
    answer = head(200, *headers)
    assert expected is (is_json(answer) or is_event_stream(answer))
