"""A multipart form (RFC 7578) on its way through: what must be known of it, and the rest untouched.

The router reads the field `model` and puts another name in its place; all other parts pass as they came, header by
header and byte for byte. What two readers could take for two different models is refused, as in JSON bodies: the
field given twice, a name in two spellings. Nor does anything pass that is no part (preamble, epilogue), nor a
boundary in another spelling than the one that was read here.
"""

import re
from typing import Final

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from router.api.fields import Fields
from router.api.peek import check_name
from router.api.spool import Spool
from router.errors import InvalidRequest
from router.ports import Header, Monotonic

MAX_PARTS: Final = 100
MAX_FIELD_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 8  # of a part; RFC 7578 knows three
MAX_HEADER_BYTES: Final = 4 * 1024
_WHAT_TO_SEND: Final = (
    "Send multipart/form-data with the recording in `file` and, if need be, `model`: "
    "curl -F file=@speech.wav -F model=whisper-1"
)
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")  # RFC 2046 §5.1.1
_QUOTED: Final = re.compile(r'"[^"]*"')
_NAME: Final = re.compile(r";\s*(name[*0-9]*)\s*=", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_MODEL: Final = "model"
_LATIN: Final = "latin-1"  # any byte is a character and the other way round


def boundary_of(fields: Fields) -> bytes:
    """What parts the form, by its Content-Type. Raises InvalidRequest, saying what to send, for anything else."""
    content_type, options = parse_options_header(fields.get(b"content-type", b"").decode(_LATIN))
    if content_type != "multipart/form-data":
        said = f"not {content_type[:100]}" if content_type else "and say so in Content-Type"
        raise InvalidRequest(f"A form is expected, {said}. {_WHAT_TO_SEND}", code="multipart_required")
    boundary: str = options.get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise InvalidRequest(
            "The Content-Type names no valid boundary (RFC 2046); HTTP clients add one when they make the form.",
            code="invalid_multipart",
        )
    return boundary.encode()


class Form:
    """A form that has come whole, in a spool. `model` is what its field says, None where it has none."""

    __slots__ = ("_boundary", "_model_at", "_spool", "model")

    def __init__(self, spool: Spool, boundary: bytes, model: str | None, model_at: int) -> None:
        self._spool = spool
        self._boundary = boundary
        self._model_at = model_at
        self.model = model

    @property
    def content_type(self) -> Header:
        """The header that says how to read it, in its plainest spelling."""
        return (b"content-type", b'multipart/form-data; boundary="%b"' % self._boundary)

    def with_model(self, name: str, clock: Monotonic) -> "Sending":
        """The form with `name` as its model and nothing else changed, to be sent once."""
        value = name.encode()
        if self.model is not None:
            return Sending(self._spool, self._model_at, value, clock)
        part = b'--%b\r\nContent-Disposition: form-data; name="model"\r\n\r\n%b\r\n' % (self._boundary, value)
        return Sending(self._spool, 0, part, clock)


class Sending:
    """Implements `ports.Upload`: what is spooled, with `inserted` put in at an offset."""

    __slots__ = ("_at", "_clock", "_inserted", "_spool", "size", "taken_at")

    def __init__(self, spool: Spool, at: int, inserted: bytes, clock: Monotonic) -> None:
        self._spool = spool
        self._at = at
        self._inserted = inserted
        self._clock = clock
        self.size = spool.size + len(inserted)
        self.taken_at = clock()

    async def read(self, at: int) -> bytes:
        """See `ports.Upload.read`."""
        self.taken_at = self._clock()
        behind = at - self._at - len(self._inserted)
        if behind >= 0:
            return await self._spool.read(self._at + behind)
        if at >= self._at:
            return self._inserted[at - self._at :]
        piece = await self._spool.read(at)
        return piece[: self._at - at]


class FormReader:
    """Takes a form in pieces as they come, into `spool`. Raises InvalidRequest where it is none to pass on."""

    def __init__(self, boundary: bytes, spool: Spool) -> None:
        self._boundary = boundary
        self._spool = spool
        self._parser = PushMultipartParser(
            boundary,
            max_header_size=MAX_HEADER_BYTES,
            max_header_count=MAX_HEADERS,
            max_segment_count=MAX_PARTS,
            header_charset=_LATIN,
        )
        self._part: MultipartSegment | None = None
        self._part_bytes = 0
        self._file_bytes: int | None = None  # of all files together; None: there was none
        self._model: bytes | None = None
        self._model_at = 0

    async def take(self, data: bytes) -> None:
        """The next piece. Raises InvalidRequest, RouterError."""
        if not data:
            return
        try:
            for event in self._parser.parse(data):
                self._hear(event)
        except MultipartError as exc:
            raise _broken(exc) from exc
        await self._spool.relieve()

    async def finish(self) -> Form:
        """The whole form. Raises InvalidRequest, RouterError."""
        try:
            self._parser.close()
        except MultipartError as exc:
            raise _broken(exc) from exc
        if not self._file_bytes:
            what = "is missing" if self._file_bytes is None else "is empty"
            raise InvalidRequest(f"The recording {what}. {_WHAT_TO_SEND}", param="file", code="missing_field")
        self._spool.add(b"--%b--\r\n" % self._boundary)
        await self._spool.finish()
        return Form(self._spool, self._boundary, self._model_name(), self._model_at)

    def _model_name(self) -> str | None:
        if self._model is None:
            return None
        try:
            name = self._model.decode()
        except UnicodeDecodeError as exc:
            raise InvalidRequest("model: not UTF-8.", param=_MODEL, code="invalid_multipart") from exc
        check_name(_MODEL, name)
        return name

    def _hear(self, event: MultipartSegment | bytes | None) -> None:
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is None:
            self._spool.add(b"\r\n")
        else:
            self._go_on(event)

    def _begin(self, part: MultipartSegment) -> None:
        _check_headers(part)
        self._part, self._part_bytes = part, 0
        head = "".join(f"{name}: {value}\r\n" for name, value in part.headerlist)
        self._spool.add(b"--%b\r\n%b\r\n" % (self._boundary, head.encode(_LATIN)))
        if part.filename is not None:
            self._file_bytes = self._file_bytes or 0
        if part.name != _MODEL:
            return
        if self._model is not None or part.filename is not None:
            what = "is given twice" if self._model is not None else "must be a field, not a file"
            raise InvalidRequest(f"The field 'model' {what}.", param=_MODEL, code="duplicate_key")
        self._model, self._model_at = b"", self._spool.size

    def _go_on(self, data: bytes) -> None:
        assert self._part is not None
        self._part_bytes += len(data)
        if self._part.filename is not None:
            self._file_bytes = (self._file_bytes or 0) + len(data)
        elif self._part_bytes > MAX_FIELD_BYTES:
            raise _field_too_large(self._part.name or "")
        if self._part.name == _MODEL:
            self._model = (self._model or b"") + data  # not kept: another name may stand there
        else:
            self._spool.add(data)


def _check_headers(part: MultipartSegment) -> None:
    """Raise InvalidRequest for headers that could be read in two ways."""
    dispositions = [value for name, value in part.headerlist if name == "Content-Disposition"]
    names = _NAME.findall(_QUOTED.sub('""', dispositions[0]))
    if len(dispositions) > 1 or [name.lower() for name in names] != ["name"] or not part.name:
        raise InvalidRequest(
            "Each part of the form needs one Content-Disposition with one plain name (RFC 7578 §4.2).",
            code="invalid_multipart",
        )
    if any(_CONTROL.search(value) for _, value in part.headerlist):
        raise InvalidRequest("A part of the form has a control character in its head.", code="invalid_multipart")


def _field_too_large(name: str) -> InvalidRequest:
    shown = ascii(name[:100])
    return InvalidRequest(
        f"The field {shown} has more than {MAX_FIELD_BYTES // 1024} KiB. A recording is sent as a file, "
        "with a filename.",
        param=name[:100],
        code="field_too_large",
    )


def _broken(exc: MultipartError) -> InvalidRequest:
    return InvalidRequest(f"The body is not valid multipart: {exc}.", code="invalid_multipart")
