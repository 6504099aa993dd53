"""The reference: h11's verdict on the same bytes, and every difference from it that we allow, with its reason."""

import re
from typing import Final

import h11
from offline import Closing, End, Verdict

_END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
_STATUS_LINE: Final = re.compile(rb"(?:HTTP|RTSP|ICE)(/\d\.\d \d{3})(?: [^\r\n]*)?(?=\r?\n)")

# Where h11 takes an answer for whole and we do not: a part of our fault's message, and why that is right.
STRICTER: Final = {
    "Duplicate Content-Length": "RFC 9112 §6.3 lets a recipient refuse lengths said twice, equal or not",
    "Invalid character in Content-Length": "a list of equal lengths, `2, 2`: the same",
    "Content-Length can't be present": "RFC 9112 §6.3: with Transfer-Encoding, in a trailer too, it is smuggling",
    "Transfer-Encoding can't be present": "the same; h11 does not look at either on a 204 or 304",
    "Unexpected whitespace after header value": "RFC 9112 §5.2: a folded line may be taken for one, and need not",
    "Invalid header field char": "a bare LF or CR where a field should begin: h11 ends the head there",
    "Invalid header value char": "RFC 9110 §5.5: control characters are dangerous; h11 refuses NUL alone",
    "Missing expected CR": "RFC 9112 §2.2: a bare LF may be taken for a line's end, and need not",
    "Missing expected LF": "RFC 9112 §2.2: a bare CR ends no line",
    "Expected LF after chunk size": "a bare CR in a chunk extension, which h11 does not read",
    "Invalid character in chunk extensions": "RFC 9112 §7.1.1: an extension is a token or a quoted string",
    "Invalid character in chunk size": "RFC 9112 §7.1: nothing but digits; h11 forgives blanks behind them",
    "Chunk size overflow": "h11 takes twenty digits, llhttp what fits into 64 bits",
    "Content-Length overflow": "the same",
    "Invalid response status": "RFC 9112 §4: a bare LF or CR behind the number",
    "Invalid HTTP version": "h11 takes any digits",
    "Data after `Connection: close`": "said in a 1xx: h11 does not look there",
    "transfer coding other than chunked": "`chunked` and a tab, as llhttp reads it; or on a 204 or 304",
    "an interim answer with a body": "RFC 9110 §8.6: none has one; h11 does not look at its length",
}

# Where h11 would use the connection again and we would not: the reason, and how to know it from the stream.
CLOSED_SOONER: Final = {
    "HTTP/2.0, which h11 takes for at least HTTP/1.1": rb"(?:\A|\n)[A-Z]+/2\.0 ",
    "a trailer that says so, which h11 does not read": (
        rb"(?is)\n0+(?:;[^\n]*)?\r\n.*(?:connection|transfer-encoding):"
    ),
}

# Where h11 refuses an answer that we take for whole: its message, and why that is right. Both come after the head.
LAXER: Final = {
    r"illegal chunk header: bytearray\(b'[0-9a-fA-F]{21,}(;.*)?\\r\\n'\)": (
        "RFC 9112 §7.1: any number of leading zeros; llhttp refuses what does not fit into 64 bits"
    ),
    r"Only Transfer-Encoding: chunked is supported|multiple Transfer-Encoding headers": "in a trailer: dropped",
}

# The same where it can be applied to what h11 is given, so that the rest is still compared:
#
# - An empty line before a status line is skipped (llhttp). It is no answer and no part of one; RFC 9112 §2.2 asks
#   as much of servers, and some upstreams send one after a body.
# - The same after an answer does not keep the connection from the pool when it came in one read with the answer's
#   end, because llhttp does not tell of it: for the next answer it is the empty line above.
# - `RTSP/` and `ICE/` may stand for `HTTP/` (llhttp): the same grammar and framing under another name.
# - A reason phrase may hold NUL and its like (llhttp): nobody reads it, we hand on the number alone.


def is_laxer_by_rule(reference: Verdict) -> bool:
    """Whether h11 refused, after a head it took, for a reason that is none of ours."""
    return reference.status is not None and any(re.fullmatch(rule, reference.why) for rule in LAXER)


def is_closed_by_rule(stream: bytes, reference: Verdict) -> bool:
    """Whether there is a reason not to use the connection again: those, or empty lines after the answer."""
    return reference.surplus != b"" or any(re.search(rule, stream) for rule in CLOSED_SOONER.values())


def theirs(stream: bytes, closing: Closing = Closing.ORDERLY) -> Verdict:
    """h11's verdict, as the client that sent a GET."""
    reader = _Reader()
    end, why = End.LOST, ""
    try:
        reader.read(stream)
        if closing is Closing.ORDERLY and not reader.is_whole:
            reader.read_eof()
    except h11.RemoteProtocolError as exc:
        end, why = End.MALFORMED, str(exc)
    return Verdict(
        end=End.WHOLE if reader.is_whole else end,
        status=reader.head.status_code if reader.head else None,
        headers=tuple(reader.head.headers) if reader.head else (),
        body=bytes(reader.body),
        is_kept=reader.is_kept,
        ended_early=reader.ended_early,
        why=why,
        surplus=reader.surplus,
    )


class _Reader:
    """An h11 client that keeps what it read when an error ends it."""

    def __init__(self) -> None:
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 24)
        self._h11.send(h11.Request(method="GET", target="/", headers=[("Host", "upstream")]))
        self._h11.send(h11.EndOfMessage())
        self.head: h11.Response | None = None
        self.body = bytearray()
        self.is_whole = False
        self.is_kept = self.ended_early = False

    @property
    def surplus(self) -> bytes:
        return self._h11.trailing_data[0] if self.is_whole else b""

    def read(self, stream: bytes) -> None:
        """All that came before the connection ended."""
        while self.head is None and (stream := _plain(stream.lstrip(b"\r\n"))):
            end = _END_OF_HEAD.search(stream)
            head, stream = (stream[: end.end()], stream[end.end() :]) if end else (stream, b"")
            self._take(head)
        if stream:
            self._take(stream)
        self.ended_early = self.is_whole
        is_done = self._h11.our_state is h11.DONE is self._h11.their_state
        self.is_kept = is_done and not self.surplus.strip(b"\r\n")

    def read_eof(self) -> None:
        self._take(b"")

    def _take(self, data: bytes) -> None:
        self._h11.receive_data(data)
        while not self.is_whole:
            match self._h11.next_event():
                case h11.Response() as head:
                    self.head = head
                case h11.Data(data=body):
                    self.body += body
                case h11.EndOfMessage():
                    self.is_whole = True
                case h11.InformationalResponse():
                    pass
                case _:  # NEED_DATA, PAUSED, ConnectionClosed
                    return


def _plain(head: bytes) -> bytes:
    """`head` after the allowances of ours."""
    return _STATUS_LINE.sub(rb"HTTP\1", head, count=1) if _STATUS_LINE.match(head) else head
