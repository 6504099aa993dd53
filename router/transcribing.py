"""Recordings written down for the router's own use: what was said to it in a chat, as text.

It goes the way of a client's own request: the same names, candidates and failover, and a record of its own, so
that metrics and log see it.
"""

import secrets
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from router import __version__
from router.answers import error_code, error_message
from router.catalogue import Catalogue
from router.domain import Endpoint, Modality
from router.errors import ClientError, Forbidden, InvalidRequest, Malformed, NotFound, RouterError
from router.forward import ForwardCall, Forwarder
from router.outcomes import Outcome, outcome_of
from router.ports import Header, Monotonic, Observer, Record

MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024  # hours of speech
_NOT_IN_A_NAME: Final = str.maketrans(dict.fromkeys('"\\\r\n', "_"))


class _Answer(msgspec.Struct):
    text: str


class Transcriber:
    """Writes down recordings through `forwarder`. `via` marks what this router passes on."""

    def __init__(
        self, catalogue: Catalogue, forwarder: Forwarder, observer: Observer, clock: Monotonic, via: Header
    ) -> None:
        self._catalogue = catalogue
        self._forwarder = forwarder
        self._observer = observer
        self._clock = clock
        self._via = via

    async def transcript(
        self,
        recording: bytes,
        filename: str,
        *,
        request_id: str,
        may_use: Callable[[str], bool],
        language: str | None = None,
        client: str = "anonymous",
    ) -> str:
        """What is said in `recording`, whose format `filename` tells by its ending. `language`: BCP 47, if known.

        Raises InvalidRequest (param "messages": what a provider has against the recording; code
        "transcription_unavailable" where none transcribes), Forbidden, NothingCanServe.
        """
        record = Record(request_id, Endpoint.TRANSCRIPTIONS.value, self._clock(), client=client)
        self._observer.request_started(record)
        record.outcome = Outcome.CALLER_GONE  # what it is when it is cancelled
        try:
            text = await self._transcript(_Form(recording, filename, language), record, may_use)
        except RouterError as error:
            record.outcome = outcome_of(error)
            raise
        else:
            record.outcome = Outcome.OK
            return text
        finally:
            record.finished = self._clock()
            self._observer.request_finished(record)

    async def _transcript(self, form: "_Form", record: Record, may_use: Callable[[str], bool]) -> str:
        name = self._catalogue.transcription_name(None)
        if not may_use(name):
            refusal = f"This client may not use the model {name!r}."
            raise Forbidden(refusal, param="model", code="model_not_allowed")
        try:
            routes = self._catalogue.resolve(Modality.TRANSCRIPTION, None, may_use)
        except ClientError as error:
            raise _unavailable(error) from error
        record.preferred_tier = min((route.tier for route in routes), default=0)
        reply = _Collected(record, self._clock)
        call = ForwardCall(
            Endpoint.TRANSCRIPTIONS,
            name,
            routes,
            self._headers(form, record.request_id),
            form.with_model,
            record,
            self._catalogue.max_wait_s(Modality.TRANSCRIPTION, None),
        )
        await self._forwarder.forward(call, reply)
        return reply.text()

    def _headers(self, form: "_Form", request_id: str) -> list[Header]:
        return [
            (b"Content-Type", b"multipart/form-data; boundary=" + form.boundary),
            (b"Accept", b"application/json"),
            (b"User-Agent", f"local-ai-router/{__version__}".encode()),
            (b"X-Request-Id", request_id.encode()),
            self._via,
        ]


class _Form:
    """OpenAI's form (openai-openapi, 2026-08): `file`, `model`, `response_format`, `language`."""

    def __init__(self, recording: bytes, filename: str, language: str | None) -> None:
        self.boundary = secrets.token_hex(16).encode()  # 128 random bits are in no recording
        name = filename.translate(_NOT_IN_A_NAME).encode(errors="replace")
        disposition = b'form-data; name="file"; filename="%b"' % name
        fields = {"response_format": "json"} | ({"language": language} if language else {})
        self._parts = [self._field(key, value) for key, value in fields.items()]
        self._parts.append(self._part(disposition + b"\r\nContent-Type: application/octet-stream", recording))

    def with_model(self, name: str) -> bytes:
        """The whole body."""
        return b"".join([self._field("model", name), *self._parts, b"--%b--\r\n" % self.boundary])

    def _field(self, name: str, value: str) -> bytes:
        return self._part(b'form-data; name="%b"' % name.encode(), value.encode())

    def _part(self, disposition: bytes, content: bytes) -> bytes:
        return b"--%b\r\nContent-Disposition: %b\r\n\r\n%b\r\n" % (self.boundary, disposition, content)


class _Collected:
    """Implements `forward.Reply`. Nobody hears of an answer before it is whole, so until then it has not started,
    and another provider may begin anew."""

    def __init__(self, record: Record, clock: Monotonic) -> None:
        self._record = record
        self._clock = clock
        self._parts: list[bytes] = []
        self._size = 0
        self._answer: _Answer | None = None

    @property
    def is_started(self) -> bool:
        return self._answer is not None

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        del headers  # JSON was asked for
        self._record.status = status
        self._record.first_byte = self._clock()
        self._parts, self._size = [], 0

    def push(self, chunk: bytes) -> bool:
        """Never at once: see `send`."""
        del chunk
        return False

    async def send(self, chunk: bytes, *, is_last: bool = False) -> None:
        """Raises Malformed when it is no transcript, or too long a one."""
        self._parts.append(chunk)
        self._size += len(chunk)
        if self._size > MAX_ANSWER_BYTES:
            raise Malformed(f"the transcript is longer than {MAX_ANSWER_BYTES} bytes")
        if is_last and self._record.status == 200:
            self._answer = self._decoded()

    def text(self) -> str:
        """The transcript. Raises InvalidRequest when the provider refused the recording."""
        if self._answer is not None:
            return self._answer.text
        body = b"".join(self._parts)
        said = error_message(body) or f"status {self._record.status}"
        raise InvalidRequest(
            f"{self._record.provider}: {said}",
            param="messages",
            code=error_code(body) or "rejected_by_provider",
        )

    def _decoded(self) -> _Answer:
        try:
            return msgspec.json.decode(b"".join(self._parts), type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise Malformed(f"the answer is no transcript: {exc}") from exc


def _unavailable(error: ClientError) -> InvalidRequest:
    """Nothing is configured that could write it down."""
    is_nobody = isinstance(error, NotFound)
    return InvalidRequest(
        error.message, param="messages", code="transcription_unavailable" if is_nobody else error.code
    )
