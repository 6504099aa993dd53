"""How an answer is framed on the wire: bodies that may not be, headers that come once, older HTTP."""

from collections import Counter

import pytest
from loopback import ok
from running import run
from wired import LAST, chat, get, split, told, wired

JSON = ok(b'{"id":"x"}', "Content-Type: application/json")
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n"
)
PAGE = "http://page.example"
CORS = {"cors_origins": [PAGE]}
PAGES = b"Origin: " + PAGE.encode()


PATHS = [
    b"/",
    b"/health",
    b"/ready",
    b"/metrics",
    b"/schema",
    b"/schema/openapi.json",
    b"/v1/models",
    b"/v1/models/m",
    b"/v1/audio/voices",
    b"/audio/voices",
    b"/v1/audio/models",
    b"/v1/audio/speech/req-1",
    b"/admin/providers",
    b"/admin/explain?model=m",
    b"/nowhere",
    b"/v1/chat/completions",
]


def test_head_is_get_without_the_body_and_the_connection_goes_on(loop: str) -> None:
    """RFC 9110 §9.3.2, on every route: same status and length, not a byte behind the head, and the next answer
    is the next request's."""

    async def main() -> list[tuple[bytes, bytes, bool]]:
        seen = []
        async with wired(JSON) as port:
            for path in PATHS:
                whole = split(await told(port, get(path, b"Connection: close")))
                line, headers, rest = split(await told(port, get(path, method=b"HEAD") + LAST))
                known = {"content-length", "content-type"}
                assert {h for h in whole[1] if h[0] in known - {"content-length"}} <= set(headers)
                assert "content-length" in dict(headers)
                assert whole[0] == line
                seen.append((path, rest[:15], rest.endswith(b'"}')))
        return seen

    assert [(path, b"HTTP/1.1 200 OK", True) for path in PATHS] == run(main(), loop)


@pytest.mark.parametrize(
    ("answer", "length"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", None),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", None),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", None),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", "500"),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500000\r\n\r\n", "500000"),
    ],
    ids=["204", "204 with a length", "304", "304 with a length", "304 of something long"],
)
def test_what_has_no_body_sends_none(loop: str, answer: bytes, length: str | None) -> None:
    """RFC 9110 §6.4.1; a last chunk behind it would be taken for the beginning of the next answer."""

    async def main() -> tuple[bytes, str | None, str | None, bytes]:
        async with wired(answer, JSON) as port:
            line, headers, rest = split(await told(port, chat(), chat(b"Connection: close")))
            fields = dict(headers)
            return line[9:12], fields.get("content-length"), fields.get("transfer-encoding"), rest

    status, told_length, framing, rest = run(main(), loop)
    assert (answer[9:12], length, None) == (status, told_length, framing)
    assert (b"HTTP/1.1 200 OK", b'{"id":"x"}') == (rest[:15], split(rest)[2])


def _names(headers: list[tuple[str, str]]) -> list[str]:
    return [name for name, times in Counter(name for name, _ in headers).items() if times > 1]


def test_a_preflight_has_no_body_and_every_header_once(loop: str) -> None:
    """Browsers refuse an answer that allows an origin twice; and the connection serves the request itself."""

    async def main() -> tuple[tuple[bytes, list[tuple[str, str]], bytes], ...]:
        async with wired(JSON, server=CORS) as port:
            asked = get(b"/v1/chat/completions", PAGES, b"Access-Control-Request-Method: POST", method=b"OPTIONS")
            preflight = split(await told(port, asked + chat(PAGES, b"Connection: close")))
            return preflight, split(preflight[2])

    preflight, answer = run(main(), loop)
    assert ([], []) == (_names(preflight[1]), _names(answer[1]))
    assert (b"204", PAGE, None, None) == (
        preflight[0][9:12],
        dict(preflight[1])["access-control-allow-origin"],
        dict(preflight[1]).get("content-length"),
        dict(preflight[1]).get("transfer-encoding"),
    )
    assert (b"HTTP/1.1 200 OK", PAGE, b'{"id":"x"}') == (
        answer[0],
        dict(answer[1])["access-control-allow-origin"],
        answer[2],
    )


OPEN = ok(
    b'{"id":"x"}',
    "Access-Control-Allow-Origin: *",
    "Access-Control-Allow-Credentials: true",
    "Access-Control-Expose-Headers: X-Secret",
    'Alt-Svc: h3=":443"',
    "Vary: Accept-Encoding, origin",
    "Date: Sat, 01 Jan 2000 00:00:00 GMT",
    "X-Kept: yes",
)


@pytest.mark.parametrize("origin", [PAGE, "http://evil.example", None])
def test_which_pages_may_read_is_never_the_upstreams_to_say(loop: str, origin: str | None) -> None:
    """Many LLM servers let any page in; and where else they can be reached (Alt-Svc) is not told either."""

    async def main() -> list[tuple[str, str]]:
        async with wired(OPEN, server={**CORS, "allow_anonymous": True}) as port:
            pages = [b"Origin: " + origin.encode()] if origin else []
            line, headers, _ = split(await told(port, chat(b"Connection: close", *pages)))
            assert b"HTTP/1.1 200 OK" == line
            return headers

    headers = run(main(), loop)
    fields = dict(headers)
    ours = PAGE if origin == PAGE else None
    assert ([], ours, None, None, "yes") == (
        _names(headers),
        fields.get("access-control-allow-origin"),
        fields.get("access-control-allow-credentials"),
        fields.get("alt-svc"),
        fields.get("x-kept"),
    )
    assert "X-Secret" not in fields.get("access-control-expose-headers", "")
    assert {"accept-encoding", "origin"} == {name.strip().lower() for name in fields["vary"].split(",")}


def test_pages_get_every_header_of_a_list_once(loop: str) -> None:
    """The framework's routes, errors too."""

    async def main() -> list[list[str]]:
        async with wired(JSON, server=CORS) as port:
            paths = [b"/", b"/v1/models", b"/nowhere", b"/v1/chat/completions"]
            return [_names(split(await told(port, get(path, PAGES, b"Connection: close")))[1]) for path in paths]

    assert [[]] * 4 == run(main(), loop)


@pytest.mark.parametrize("extra", [[], [b"Connection: keep-alive"]], ids=["plain", "keep-alive"])
def test_older_http_gets_a_stream_without_chunks_that_ends_with_the_connection(
    loop: str, extra: list[bytes]
) -> None:
    """HTTP/1.0 knows no chunks (RFC 9112 §6.1): their lengths would be read as text."""

    async def main() -> tuple[str | None, str | None, bytes]:
        async with wired(CHUNKED) as port:
            _, headers, rest = split(await told(port, chat(*extra, version=b"1.0")))
            fields = dict(headers)
            return fields.get("transfer-encoding"), fields.get("connection"), rest

    assert (None, "close", b"data: 1\n\ndata: 2\n\n") == run(main(), loop)


def test_older_http_keeps_the_connection_when_it_asks_and_the_length_is_known(loop: str) -> None:
    """RFC 9112 §9.3: it must be told so, or it would wait for the end."""

    async def main() -> tuple[str | None, bytes, str | None, bytes]:
        async with wired(JSON) as port:
            kept = chat(b"Connection: keep-alive", version=b"1.0")
            _, first, rest = split(await told(port, kept, chat(version=b"1.0")))
            _, second, body = split(rest[len(b'{"id":"x"}') :])
            return dict(first).get("connection"), rest[:10], dict(second).get("connection"), body

    assert ("keep-alive", b'{"id":"x"}', "close", b'{"id":"x"}') == run(main(), loop)
