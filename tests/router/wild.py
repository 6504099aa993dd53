"""Answers for the fuzzing of our HTTP/1.1 client: well-formed, and injured; and how the network cuts them."""

from random import Random
from typing import Final

from offline import bytewise, cut

# Bodies that look like framing, and framing that is none.
BODIES: Final = [
    b"",
    b"a",
    b"hello",
    b"\r\n",
    b"\n",
    b"0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    bytes(range(0, 256, 9)),
]
BEFORE: Final = [
    b"",
    b"",
    b"",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2,
]
STATUS_LINES: Final = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 \r\n",
    b"HTTP/1.1 200\r\n",
    b"HTTP/1.1 404 Not \xe9 Found\r\n",
    b"HTTP/1.1 999 What?\r\n",
    b"HTTP/1.1 204 No Content\r\n",
    b"HTTP/1.1 304 Not Modified\r\n",
    b"HTTP/1.0 200 OK\r\n",
]
FIELDS: Final = [
    b"Content-Type: text/event-stream\r\n",
    b"Connection: keep-alive\r\n",
    b"Connection: close\r\n",
    b"connection: x, Close\r\n",
    b"X-Empty:\r\n",
    b"X-Blank: \t \r\n",
    b"X-Wide:  \t a  b \t \r\n",
    b"!#$%&'*+-.^_`|~: \x80\xff\"'(),/:;<=>?@[\\]{}\r\n",
    b"Upgrade: h2c\r\nConnection: Upgrade\r\n",
]
# What one puts into a stream to have it read in two ways.
WILD: Final = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b";", b"\x0b", b"\x7f", b"\xff", b"\r\n\r\n",
    b"\n\n", b"\r\r\n", b"\r\n ", b"\r\n\t", b"0", b"-", b"+", b"0x", b"f", b"0\r\n\r\n", b"0\r\n",
    b"1\r\na\r\n", b"5;a=\"\r\n\"\r\n", b"FFFFFFFFFFFFFFFF\r\n", b"10000000000000000\r\n",
    b"00000000000000000000000001\r\na\r\n", b"-1\r\n", b"1 \r\na\r\n", b"Content-Length: 3\r\n",
    b"Content-Length: 5\r\n", b"content-length:\t5 \r\n", b"Content-Length: 5, 5\r\n",
    b"Content-Length: -1\r\n", b"Content-Length: +5\r\n", b"Content-Length: 0x5\r\n",
    b"Content-Length: 5 5\r\n", b"Content-Length: 18446744073709551617\r\n", b"Content-Length:\r\n",
    b"Content-Length : 5\r\n", b"Content-Length\r\n", b"Content-Length: 0\r\n",
    b"X: a\r\n Content-Length: 1\r\n", b"Content-Length: 1\n", b"Content-Length: \xb2\r\n",
    b"Transfer-Encoding: chunked\r\n", b"transfer-encoding:CHUNKED \r\n",
    b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding: chunked, gzip\r\n",
    b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding: identity\r\n", b"Transfer-Encoding:\r\n",
    b"Transfer-Encoding: \x0bchunked\r\n", b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding: chunked,\r\n", b"Transfer-Encoding:\r\n chunked\r\n",
    b"Transfer-Encoding: \"chunked\"\r\n", b"Transfer_Encoding: chunked\r\n", b"Connection: close\r\n",
    b"Connection: keep-alive\r\n", b"Connection: close,\r\n", b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    b"X Y: 1\r\n", b": 1\r\n", b"X\0: 1\r\n", b"X: \0\r\n", b"X: a\rb\r\n", b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"HTTP/1.1 099 Odd\r\n",
    b"HTTP/1.1 102 X\r\nContent-Length: 1\r\n\r\n", b"HTTP/1.1 103 X\r\nConnection: close\r\n\r\n",
    b"HTTP/2.0 200 OK\r\n", b"HTTP/0.9 200 OK\r\n", b"http/1.1 200 OK\r\n", b"HTTP/1.1  200 OK\r\n",
    b"HTTP/1.1 20 OK\r\n", b"HTTP/1.1 2000 OK\r\n", b"HTTP/1.10 200 OK\r\n", b"RTSP/1.0 200 OK\r\n",
    b"ICY 200 OK\r\n", b"GET / HTTP/1.1\r\n", b"HTTP/1.1 304 Not Modified\r\n", b"HTTP/1.0 200 OK\r\n",
]  # fmt: skip


def answer(rng: Random) -> bytes:
    """A well-formed answer. Cut anywhere, h11 and we must agree on it in everything."""
    status_line = rng.choice(STATUS_LINES)
    head = rng.choice(BEFORE) + status_line + b"".join(rng.choice(FIELDS) for _ in range(rng.randrange(4)))
    body = rng.choice(BODIES)
    match rng.choice(["length", "length", "chunked", "chunked", "close"]):
        case "length":
            head += rng.choice([b"Content-Length: %d\r\n", b"content-LENGTH:%d\r\n"]) % len(body)
        case "chunked":
            head += rng.choice([b"Transfer-Encoding: chunked\r\n", b"transfer-encoding:Chunked\r\n"])
            body = chunked(rng, body)
    return head + b"\r\n" + (b"" if status_line[9:12] in {b"204", b"304"} else body)


def chunked(rng: Random, body: bytes) -> bytes:
    """`body` in chunks, with extensions and trailers."""
    size = rng.choice([1, 3, 300])
    sized = rng.choice([b"%x", b"%X", b"000%x", b'%x;a;b=1;c="d;e"'])
    parts = [b"%b\r\n%b\r\n" % (sized % len(part), part) for part in cut(body, range(0, len(body), size))]
    last = rng.choice([b"0\r\n", b"000\r\n", b"0;last\r\n"])
    return b"".join(parts) + last + rng.choice([b"", b"X-Sum: 1\r\n", b"X-Sum: 1\r\nX-Empty:\r\n"]) + b"\r\n"


def wild(rng: Random) -> bytes:
    """An answer, or more than one, after up to four injuries, mostly where a line begins."""
    stream = answer(rng)
    if rng.randrange(6) == 0:
        stream += rng.choice([b"\r\n", b"\n", b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
    for _ in range(rng.randrange(5)):
        stream = _injured(rng, stream)
    return stream


def _injured(rng: Random, stream: bytes) -> bytes:
    at = rng.randrange(len(stream) + 1)
    if rng.randrange(2):
        at = stream.rfind(b"\n", 0, at) + 1
    before, after, span = stream[:at], stream[at:], rng.randrange(1, 9)
    match rng.choice(["insert", "insert", "insert", "flip", "drop", "cut", "repeat", "noise"]):
        case "insert":
            return before + rng.choice(WILD) + after
        case "flip":
            return before + bytes(byte ^ 1 << span - 1 for byte in after[:1]) + after[1:]
        case "drop":
            return before + after[span:]
        case "cut":
            return before
        case "repeat":
            return before + after[: 4 * span] + after
    return before + bytes([rng.randrange(256)]) + after


def reads_of(rng: Random, stream: bytes) -> list[bytes]:
    """The reads in which `stream` arrives."""
    if rng.randrange(4) == 0:
        return bytewise(stream)
    return cut(stream, [rng.randrange(len(stream) + 1) for _ in range(rng.randrange(5))])
