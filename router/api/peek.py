"""What the router must know of a JSON body it otherwise passes on untouched: `model` and `stream`.

msgspec reads those two, and checks the syntax of the rest, without building it. JSON leaves open what two equal
keys mean (RFC 8259 §4), so a body that names the model twice could be one model to the router and another to
the upstream; it is refused. The exact position of the model's value is found only when its name must change.
"""

import json
import re
from collections.abc import Mapping
from json.decoder import scanstring  # type: ignore[attr-defined]  # public, in CPython since 2.6
from typing import Final

import msgspec

from router.errors import InvalidRequest

MAX_NAME_CHARS: Final = 256
_MODEL: Final = b'"model"'
_STREAM: Final = b'"stream"'
# A key can be spelt with escapes; nobody escapes a lower-case letter for any other reason.
_ESCAPE: Final = b"\\u00"
_ESCAPED_LETTER: Final = re.compile(rb"\\u00[67][0-9a-fA-F]")
_AUDIO: Final = b'audio"'  # the end of `"audio"` and `"input_audio"`, as keys or values
_SPACE: Final = re.compile(r"[ \t\n\r]*")


class _Head(msgspec.Struct):
    model: str | None = None
    stream: bool | None = None


_decoder: Final = msgspec.json.Decoder(_Head)
_members_decoder: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LARGE: Final = 4 * 1024  # bytes


class Peek(msgspec.Struct, frozen=True, gc=False):
    """The body and what was read from it."""

    body: bytes
    model: str | None
    is_streamed: bool

    @property
    def may_be_aloud(self) -> bool:
        """Whether it may have to do with audio: a look at its bytes, which costs next to nothing."""
        return _AUDIO in self.body

    def with_model(self, name: str) -> bytes:
        """The body with `name` as its model and not another byte changed."""
        if name == self.model:
            return self.body
        text = self.body.decode()
        for key, start, end in _members(text):
            if key == "model":
                return (text[:start] + json.dumps(name, ensure_ascii=False) + text[end:]).encode()
        return self.body


def peek(body: bytes) -> Peek:
    """Read a chat-like body. Raises InvalidRequest for anything that is not a JSON object with sane fields."""
    if not body.isascii():
        check_text(body)
    try:
        head = _decoder.decode(body)
    except msgspec.ValidationError as exc:
        raise wrong_type(exc) from exc
    except (msgspec.DecodeError, RecursionError) as exc:
        raise InvalidRequest(f"The body is not JSON: {exc}", code="invalid_json") from exc
    if head.model is not None and len(head.model) > MAX_NAME_CHARS:
        check_name("model", head.model)
    if _may_have_twins(body):
        check_duplicates(body.decode())
    return Peek(body, head.model, bool(head.stream))


def _may_have_twins(body: bytes) -> bool:
    """Whether one of the keys that count may come twice in `body`, which is JSON: by a look at its bytes, which
    takes long in a large one. Nearly all of those can do without."""
    if len(body) > _LARGE and _has_no_twins(body):
        return False
    if body.count(_MODEL) > 1 or body.count(_STREAM) > 1:
        return True
    return _ESCAPE in body and _ESCAPED_LETTER.search(body) is not None  # the first is ten times quicker


def _has_no_twins(body: bytes) -> bool:
    """Whether `body`, written anew from its members, each key once, is the same again, with blanks between them as
    JavaScript writes or as Python does. False where that is not so, or who wrote it has a way of his own."""
    try:
        members = _members_decoder.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return False
    return any(body == _written(members, colon, comma) for colon, comma in ((b":", b","), (b": ", b", ")))


def _written(members: Mapping[str, msgspec.Raw], colon: bytes, comma: bytes) -> bytes:
    return b"{%b}" % comma.join([b'"%b"%b%b' % (key.encode(), colon, value) for key, value in members.items()])


def check_name(field: str, name: str | None) -> None:
    """Raise InvalidRequest for a name that nobody gives: names are remembered, and shown in metrics."""
    if name is not None and len(name) > MAX_NAME_CHARS:
        raise InvalidRequest(
            f"{field}: a name has at most {MAX_NAME_CHARS} characters.", param=field, code="name_too_long"
        )


def check_text(body: bytes) -> None:
    """Raise InvalidRequest unless `body` is UTF-8 (RFC 8259 §8.1)."""
    try:
        body.decode()
    except UnicodeDecodeError as exc:
        raise InvalidRequest(
            f"The body is not UTF-8: {exc.reason} at byte {exc.start}", code="invalid_json"
        ) from exc


def check_duplicates(text: str) -> None:
    """Raise InvalidRequest when a top-level key comes twice."""
    seen: set[str] = set()
    for key, _, _ in _members(text):
        if key in seen:
            raise duplicate_key(key)
        seen.add(key)


def duplicate_key(key: str) -> InvalidRequest:
    """The refusal of a body that names `key` twice."""
    shown = key[:100].encode(errors="replace").decode()  # half a surrogate would break the error's own body
    return InvalidRequest(f"The key {shown!r} is given twice.", param=shown, code="duplicate_key")


def wrong_type(exc: msgspec.ValidationError) -> InvalidRequest:
    """msgspec's complaint, with the field it is about."""
    message, _, path = str(exc).partition(" - at `$")
    field = path.rstrip("`").removeprefix(".") or None
    where = f"{field}: " if field else "The body: "
    return InvalidRequest(where + message[0].lower() + message[1:], param=field, code="wrong_type")


def _members(text: str) -> list[tuple[str, int, int]]:
    """Top-level keys of a JSON object known to be valid, each with the span of its value."""
    decoder = json.JSONDecoder(parse_int=str)  # Python refuses to convert thousands of digits
    found: list[tuple[str, int, int]] = []
    at = _skip(text, _skip(text, 0) + 1)  # behind the opening brace
    while text[at] == '"':
        key, at = scanstring(text, at + 1)
        start = _skip(text, _skip(text, at) + 1)  # behind the colon
        try:
            _, end = decoder.raw_decode(text, start)
        except RecursionError as exc:
            raise InvalidRequest("The body is nested too deeply.", code="invalid_json") from exc
        found.append((key, start, end))
        at = _skip(text, end)
        if text[at] != ",":
            break
        at = _skip(text, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()
