"""Reading upstreams' answers as they pass: what an error says, which headers go on, how many tokens it took.

Bytes are only looked at, never held up. What is split between two reads is missed: a count, not an invoice.
"""

import functools
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Final, NamedTuple

import msgspec

from router.errors import (
    AllBusy,
    LoopDetected,
    Malformed,
    NotFound,
    NothingCanServe,
    Refusal,
    Rejected,
    RouterError,
    UpstreamFault,
)
from router.ports import Header, ResponseHead


def error_message(body: bytes) -> str:
    """The human part of an upstream's error body, at most 200 characters; empty when there is none."""
    error = _error(body)
    text = (error.get("message") or error.get("detail")) if isinstance(error, dict) else error
    return " ".join(text.split())[:200] if isinstance(text, str) else ""


def error_param(body: bytes) -> str | None:
    """The field that an upstream's error names."""
    error = _error(body)
    param = error.get("param") if isinstance(error, dict) else None
    return param[:100] if isinstance(param, str) else None


def error_code(body: bytes) -> str | None:
    """The word that an upstream's error has for itself."""
    error = _error(body)
    code = error.get("code") if isinstance(error, dict) else None
    return code[:100] if isinstance(code, str) else None


def rejection(head: ResponseHead, body: bytes, redact: Callable[[str], str]) -> Rejected:
    """The fault for a status that blames the provider. What it says of a key is not repeated."""
    if head.status == 402 or error_code(body) == "insufficient_quota":  # OpenAI's, with 429: but no wait helps
        return Rejected(f"is out of credits (status {head.status})", upstream_status=402)
    said = "" if head.status in {401, 403} else redact(error_message(body))
    if head.status in {401, 403}:
        message = f"refuses our key (status {head.status}); check its api_key"
    else:
        message = f"answered with status {head.status}" + (f": {said}" if said else "")
    wait_s = retry_after_s(head.get(b"retry-after"))
    return Rejected(message, upstream_status=head.status, retry_after_s=wait_s)


def _error(body: bytes) -> object:
    """OpenAI's `error` object, or whatever stands in its place."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return document.get("error", document) if isinstance(document, dict) else None


def exhausted(what: str, refusals: Sequence[Refusal], faults: Sequence[UpstreamFault]) -> RouterError:
    """The answer when every candidate has failed: what they all agree on, else 503."""
    statuses = {fault.upstream_status if isinstance(fault, Rejected) else None for fault in faults}
    waits = [f.retry_after_s for f in faults if isinstance(f, Rejected) and f.retry_after_s is not None]
    if len(faults) < len(refusals):  # somebody was not even asked: not all agree
        return NothingCanServe(what, refusals, retry_after_s=min(waits, default=1.0))
    if statuses == {404}:
        lines = "\n".join(f"- {refusal.provider}: {refusal.why}" for refusal in refusals)
        return NotFound(f"No provider has {what} for this route.\n{lines}", param="model", code="model_not_found")
    if statuses == {508}:
        return LoopDetected(f"A provider of {what} leads back to this router.")
    if statuses == {429}:
        return AllBusy(what, refusals, retry_after_s=min(waits, default=1.0))
    return NothingCanServe(what, refusals, retry_after_s=min(waits, default=1.0))


def retry_after_s(value: bytes | None) -> float | None:
    """`Retry-After` in seconds (RFC 9110 §10.2.3); its date form, which no LLM server sends, is None."""
    if value is None or not value.strip().isdigit():
        return None
    return min(float(value), 86_400.0)


class Tokens(NamedTuple):
    """How many an answer took, as far as it says."""

    read: int = 0
    written: int = 0


_Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]


class _Usage(msgspec.Struct):
    """OpenAI's `usage` and Anthropic's."""

    prompt_tokens: _Count | None = None
    input_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    output_tokens: _Count | None = None


class _Answer(msgspec.Struct):
    usage: _Usage | None = None


_UNTOLD: Final = Tokens()
_answers: Final = msgspec.json.Decoder(_Answer)
_documents: Final = msgspec.json.Decoder(msgspec.Raw)


def check_whole(head: ResponseHead, body: bytes) -> Tokens:
    """What a whole answer says it took. Raises Malformed when one of 200 is empty, or says that it is JSON and is
    not: nothing of it has reached the client, so another provider may do better."""
    if head.status != 200:
        return _UNTOLD
    if not body:
        raise Malformed("answered 200 with nothing")
    if is_event_stream(head):  # a short one comes in one piece
        reader = UsageReader()
        reader.see(body)
        return Tokens(reader.tokens_in, reader.tokens_out)
    if not is_json(head) or head.get(b"content-encoding") is not None:
        return _UNTOLD
    try:
        usage = _answers.decode(body).usage
    except msgspec.ValidationError:  # no such object, or other counts: but is it JSON?
        usage = None
        _check_json(body)
    except msgspec.DecodeError as exc:
        raise _broken(exc) from exc
    except RecursionError:
        return _UNTOLD  # deeper than we look
    if usage is None:
        return _UNTOLD
    read, written = usage.prompt_tokens or usage.input_tokens, usage.completion_tokens or usage.output_tokens
    return Tokens(read or 0, written or 0)


def _check_json(body: bytes) -> None:
    try:
        _documents.decode(body)
    except msgspec.DecodeError as exc:
        raise _broken(exc) from exc
    except RecursionError:
        return  # deeper than we look


def _broken(exc: msgspec.DecodeError) -> Malformed:
    return Malformed(f"answered with broken JSON: {exc}")


def is_json(head: ResponseHead) -> bool:
    return head.content_type.startswith(b"application/json")


def is_event_stream(head: ResponseHead) -> bool:
    return head.content_type.startswith(b"text/event-stream")


_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Not cookies; nor where else the server can be reached, which clients would do past the router (RFC 7838).
_NOT_PASSED_ON: Final = _HOP_BY_HOP | {b"set-cookie", b"set-cookie2", b"x-request-id", b"alt-svc"}
_REMEMBERED: Final = 256  # headers' names, of which a house has a handful
_OURS: Final = (
    b"x-router-",
    b"access-control-",
)  # many LLM servers let any page in; who may is the router's to say


def passed_on(head: ResponseHead) -> list[Header]:
    """An upstream's response headers for the client: hop-by-hop ones (RFC 9110 §7.6.1), cookies and what the
    router says itself are left out."""
    passed = [header for header in head.headers if _is_passed_on(header[0])]
    if head.get(b"connection") is not None:  # it names more of this hop
        named = b",".join(value for name, value in head.headers if name == b"connection")
        dropped = {each.strip().lower() for each in named.split(b",")}
        passed = [header for header in passed if header[0] not in dropped]
    return passed


@functools.lru_cache(_REMEMBERED)
def _is_passed_on(name: bytes) -> bool:
    return name not in _NOT_PASSED_ON and not name.startswith(_OURS)


# OpenAI's `usage` and Anthropic's.
_COUNTS: Final = re.compile(rb'"(prompt|input|completion|output)_tokens"\s*:\s*(\d{1,12})')
_IN: Final = frozenset({b"prompt", b"input"})
_LARGE: Final = 4 * 1024  # bytes; to search a megabyte of embeddings is a third of what passing it on takes
_END_BYTES: Final = 2 * 1024


class UsageReader:
    """Watches one answer. `tokens_in` and `tokens_out` are the last counts seen; servers count up in a stream."""

    __slots__ = ("tokens_in", "tokens_out")

    def __init__(self) -> None:
        self.tokens_in = 0
        self.tokens_out = 0

    def see(self, chunk: bytes) -> None:
        """Look at a piece of the body; of a large one at its ends, where answers tell."""
        if len(chunk) > _LARGE:
            self.see(chunk[:_END_BYTES])
            chunk = chunk[-_END_BYTES:]
        if (at := chunk.find(b'_tokens"')) < 0:
            return
        for direction, count in _COUNTS.findall(chunk, max(0, at - 16)):  # from the first key on
            if direction in _IN:
                self.tokens_in = int(count)
            else:
                self.tokens_out = int(count)
