"""Offers to change the protocol are declined, and nothing behind such a head is taken for what it is not."""

import pytest
from loopback import ok
from running import run
from wired import LAST, chat, get, told, wired

JSON = ok(b'{"id":"x"}', "Content-Type: application/json")
JAVA = (
    b"Connection: Upgrade, HTTP2-Settings",
    b"Upgrade: h2c",
    b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAA",
)
SOCKET = (
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
)
CHUNKS = [b'4\r\n{"mo\r\n', b'9\r\ndel":"m"}\r\n', b"0\r\n\r\n"]
SMUGGLED = get(b"/admin/providers")


@pytest.fixture(params=[JAVA, SOCKET], ids=["h2c", "websocket"])
def offer(request: pytest.FixtureRequest) -> tuple[bytes, ...]:
    lines: tuple[bytes, ...] = request.param
    return lines


def _in_two(request: bytes) -> list[bytes]:
    """The head, and the body in a segment of its own."""
    head, _, body = request.partition(b"\r\n\r\n")
    return [head + b"\r\n\r\n", body]


def _chunked(*lines: bytes) -> bytes:
    return b"\r\n".join(
        [b"POST /v1/chat/completions HTTP/1.1", b"Host: localhost", *lines, b"Transfer-Encoding: chunked\r\n\r\n"]
    )


def _parts(shape: str, offer: tuple[bytes, ...]) -> list[bytes]:
    """A chat request with an offer, cut into segments."""
    whole = chat(*offer)
    match shape:
        case "one segment":
            return [whole]
        case "two segments":
            return _in_two(whole)
        case "byte by byte":
            return [whole[:40], *(whole[n : n + 1] for n in range(40, 44)), whole[44:-5], whole[-5:-2], whole[-2:]]
        case "chunked, one segment":
            return [_chunked(*offer) + b"".join(CHUNKS)]
        case "chunked, many segments":
            return [_chunked(*offer), *CHUNKS]
    raise AssertionError(shape)


SHAPES = ["one segment", "two segments", "byte by byte", "chunked, one segment", "chunked, many segments"]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_offer_is_answered_as_if_it_were_not_there(loop: str, shape: str, offer: tuple[bytes, ...]) -> None:
    """RFC 9110 §7.8; Java's HttpClient makes it with every request. The connection goes on: with further offers,
    with plain requests, on each other's heels or not."""

    async def main() -> tuple[int, int, int]:
        async with wired(JSON) as port:
            first = _parts(shape, offer)
            said = await told(
                port,
                *first,
                *_parts("two segments", offer),
                chat() + get(b"/health", *offer) + chat(*offer) + chat(),
                *first,
                LAST,
            )
            return said.count(b"HTTP/1.1 "), said.count(b"HTTP/1.1 200 OK"), said.count(b'{"id":"x"}')

    assert (8, 8, 6) == run(main(), loop)


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS"])
def test_an_offer_without_a_body_is_answered(loop: str, method: bytes, offer: tuple[bytes, ...]) -> None:
    """Nothing is waited for."""

    async def main() -> tuple[int, bool]:
        async with wired(JSON) as port:
            said = await told(port, get(b"/v1/models", *offer, method=method), LAST)
            return said.count(b"HTTP/1.1 "), said.endswith(b'"}')

    assert (2, True) == run(main(), loop)


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("is_split", [False, True], ids=["one segment", "two segments"])
def test_the_body_behind_an_offer_is_never_a_request(
    loop: str, is_split: bool, is_chunked: bool, offer: tuple[bytes, ...]
) -> None:
    """What one client may send as text would be another's request, with whatever a proxy vouched for."""

    async def main() -> tuple[int, bool, bool]:
        async with wired(JSON) as port:
            if is_chunked:
                parts = [_chunked(*offer), b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)]
            else:
                parts = _in_two(chat(*offer, body=SMUGGLED))
            said = await told(port, *(parts if is_split else [b"".join(parts)]), LAST)
            return said.count(b"HTTP/1.1 "), b"invalid_json" in said, b'"providers"' in said

    assert (2, True, False) == run(main(), loop)


def test_what_follows_a_last_request_is_ignored_behind_an_offer_too(loop: str) -> None:
    """As on a connection without one: the answer is given, and not lost to what comes after it."""

    async def main() -> tuple[int, int]:
        async with wired(JSON) as port:
            last = chat(b"Connection: close")
            plain = await told(port, chat() + last + chat())
            offered = await told(port, chat(*JAVA) + last + chat())
            return plain.count(b"HTTP/1.1 200 OK"), offered.count(b"HTTP/1.1 200 OK")

    assert (2, 2) == run(main(), loop)


def test_many_offers_at_once_are_bounded_like_other_requests(loop: str) -> None:
    """Each asks for a fresh parser."""

    async def main() -> tuple[bytes, int]:
        async with wired(JSON) as port:
            said = await told(port, get(b"/health", *JAVA) * 2000)
            alive = await told(port, LAST)
            return alive[:15], said.count(b"HTTP/1.1 200 OK")

    alive, answered = run(main(), loop)
    assert (b"HTTP/1.1 200 OK", True) == (alive, answered <= 17)
