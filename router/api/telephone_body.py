"""What an AI telephone asks: `POST /process-text` with JSON {text, prompt}, `POST /process-audio` with a form.

Beyond those, both take `voice`, `model` (of the language model) and `stream`.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from multipart import MultipartError, MultipartParser

from router.api.fields import Fields
from router.api.forms import MAX_FIELD_BYTES, MAX_PARTS, boundary_of
from router.api.peek import check_name, wrong_type
from router.api.speech_body import document_of
from router.errors import InvalidRequest

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_UNNAMED: Final = "recording.wav"


class _Body(msgspec.Struct):
    text: str
    prompt: str | None = None
    voice: str | None = None
    model: str | None = None
    stream: bool | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and how the answer is wanted."""

    text: str
    prompt: str | None
    voice: str | None
    model: str | None
    is_streamed: bool

    def messages(self, prompt: str) -> list[dict[str, str]]:
        """As a chat; `prompt` where the question has none."""
        told, asked = self.prompt or prompt, {"role": "user", "content": self.text}
        return [{"role": "system", "content": told}, asked] if told else [asked]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that is still a recording."""

    recording: bytes
    filename: str
    fields: Mapping[str, str]

    @property
    def model(self) -> str | None:
        return self.fields.get("model") or None

    @property
    def voice(self) -> str | None:
        return self.fields.get("voice") or None

    def question(self, text: str) -> Question:
        """It, written down. Raises InvalidRequest where nothing was said."""
        fields = self.fields
        return _question(
            _Body(
                text,
                fields.get("prompt"),
                self.voice,
                self.model,
                fields.get("stream", "").lower() in _TRUE,
            ),
            "Nothing was understood in the recording.",
        )


def question_of(raw: bytes) -> Question:
    """A JSON body. Raises InvalidRequest naming the field."""
    document = document_of(raw)
    if "text" not in document:
        raise InvalidRequest('Nothing was asked: "text" is missing.', param="text", code="text_required")
    try:
        return _question(msgspec.convert(document, _Body), '"text" is empty: nothing was asked.')
    except msgspec.ValidationError as exc:
        raise wrong_type(exc) from exc


def asked_of(raw: bytes, head: Fields) -> Asked:
    """A form with a recording, in whichever field. Raises InvalidRequest."""
    parser = MultipartParser(
        io.BytesIO(raw),
        boundary_of(head),
        part_limit=MAX_PARTS,
        partsize_limit=len(raw) + 1,
        spool_limit=len(raw) + 1,  # it is in memory already
        memory_limit=2 * len(raw) + MAX_FIELD_BYTES,
    )
    recording, filename, fields = b"", _UNNAMED, dict[str, str]()
    try:
        for part in parser:
            if part.filename is not None or part.content_type.startswith("audio/"):
                recording, filename = part.raw, part.filename or _UNNAMED
            elif part.size <= MAX_FIELD_BYTES:
                fields[part.name or ""] = part.value
    except (MultipartError, UnicodeDecodeError) as exc:
        raise InvalidRequest(f"The body is not valid multipart: {exc}.", code="invalid_multipart") from exc
    if not recording:
        raise InvalidRequest(
            "The recording is missing: curl -F audio=@question.wav", param="audio", code="missing_field"
        )
    check_name("model", fields.get("model"))
    check_name("voice", fields.get("voice"))
    return Asked(recording, filename, fields)


def _question(body: _Body, nothing: str) -> Question:
    if not body.text.strip():
        raise InvalidRequest(nothing, param="text", code="text_empty")
    check_name("model", body.model)
    check_name("voice", body.voice)
    return Question(body.text, body.prompt or None, body.voice or None, body.model or None, bool(body.stream))


def speak_of(raw: bytes) -> dict[str, Any]:
    """`POST /speak` with JSON {text}, as a speech request for a whole WAV. Raises InvalidRequest."""
    return {"response_format": "wav", "stream": False, **document_of(raw)}
