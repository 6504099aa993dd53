"""What in a chat has to do with audio (OpenAI API reference, "Create chat completion", 2026-08): the answer's
voice, recordings that somebody sent, earlier answers that are named by their audio's id.

The rest of the body is not looked at; it belongs to the model's server.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from router.api.speech_body import document_of, request_of
from router.domain import AudioFormat, SpeechRequest
from router.errors import InvalidRequest

FORMATS: Final[Mapping[str, AudioFormat]] = {
    "wav": AudioFormat.WAV,
    "mp3": AudioFormat.MP3,
    "flac": AudioFormat.FLAC,
    "opus": AudioFormat.OPUS,
    "aac": AudioFormat.AAC,
    "pcm16": AudioFormat.PCM,
}
STREAMED_FORMAT: Final = "pcm16"
_MODALITIES: Final = (["text"], ["audio", "text"])
HEARD_FORMATS: Final = frozenset({"wav", "mp3", "flac", "m4a", "mp4", "ogg", "opus", "webm"})


@dataclass(frozen=True, slots=True)
class Recording:
    """Audio in a user's message. `at` is where: the message's number, the part's number."""

    at: tuple[int, int]
    data: bytes
    format: str

    @property
    def filename(self) -> str:
        return f"audio.{self.format}"


@dataclass(frozen=True, slots=True)
class AudioChat:
    """A chat that has to do with audio. `voice`: how the answer is to be spoken, None: not at all; `references`:
    the audio id of an earlier answer by the number of the message that names it, None where the message has its
    text: somebody who was interrupted has not said all of it."""

    document: Mapping[str, Any]
    is_streamed: bool
    voice: SpeechRequest | None
    recordings: tuple[Recording, ...]
    references: Mapping[int, str | None]

    def asked(self, transcripts: Mapping[tuple[int, int], str], replies: Mapping[int, str]) -> dict[str, Any]:
        """The body for a model that knows only text: `transcripts` of recordings, `replies` by message."""
        document = {n: v for n, v in self.document.items() if n not in {"modalities", "audio"}}
        if self.recordings or self.references:
            messages = document["messages"]
            document["messages"] = [
                _in_words(number, message, transcripts, replies) for number, message in enumerate(messages)
            ]
        if self.voice is not None and not self.is_streamed:
            document |= {"stream": True, "stream_options": {"include_usage": True}}
        return document


def audio_chat(raw: bytes, *, max_chars: int) -> AudioChat | None:
    """What `raw` has to do with audio; None: nothing. Raises InvalidRequest naming the field."""
    document = document_of(raw)
    is_streamed = document.get("stream") is True
    voice = _voice(document, is_streamed=is_streamed, max_chars=max_chars)
    recordings, references = tuple(_recordings(document)), dict(_references(document))
    if voice is None and not recordings and not references:
        return None
    return AudioChat(document, is_streamed, voice, recordings, references)


def _voice(document: Mapping[str, Any], *, is_streamed: bool, max_chars: int) -> SpeechRequest | None:
    modalities, audio = document.get("modalities"), document.get("audio")
    if not _is_aloud(modalities):
        if audio is not None:
            raise InvalidRequest(
                'audio is for answers that are spoken: ask for them with "modalities": ["text", "audio"].',
                param="audio",
                code="invalid_value",
            )
        return None
    if not isinstance(audio, dict):
        raise InvalidRequest(
            'Which voice? Say "audio": {"voice": …, "format": …} beside the modalities.',
            param="audio",
            code="missing_required_parameter",
        )
    if document.get("n") not in (None, 1):
        raise InvalidRequest("n: only one answer can be spoken.", param="n", code="unsupported_value")
    spoken = {**audio, "response_format": _format(audio.get("format"), is_streamed=is_streamed), "input": "."}
    for name in ("format", "stream", "stream_format"):
        spoken.pop(name, None)
    try:
        return request_of(spoken, max_chars=max_chars)
    except InvalidRequest as error:
        error.param = f"audio.{error.param}" if error.param else "audio"
        raise


def _is_aloud(modalities: Any) -> bool:
    if modalities is None:
        return False
    are_words = isinstance(modalities, list) and all(isinstance(each, str) for each in modalities)
    if are_words and sorted(modalities) in _MODALITIES:
        return "audio" in modalities
    raise InvalidRequest(
        'modalities: an answer is ["text"] or ["text", "audio"].', param="modalities", code="invalid_value"
    )


def _format(name: object, *, is_streamed: bool) -> AudioFormat:
    if name is None:
        name = STREAMED_FORMAT if is_streamed else "wav"
    if not isinstance(name, str) or name not in FORMATS:
        raise InvalidRequest(
            f"audio.format: {str(name)[:100]!r} is none of {', '.join(FORMATS)}.",
            param="audio.format",
            code="unknown_format",
        )
    if is_streamed and name != STREAMED_FORMAT:
        raise InvalidRequest(
            f"audio.format does not support {name!r} when stream=true; supported: {STREAMED_FORMAT!r}.",
            param="audio.format",
            code="unsupported_value",
        )
    return FORMATS[name]


def _messages(document: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    messages = document.get("messages")
    for number, message in enumerate(messages if isinstance(messages, list) else ()):
        if isinstance(message, dict):
            yield number, message


def _recordings(document: Mapping[str, Any]) -> Iterator[Recording]:
    for number, message in _messages(document):
        content = message.get("content")
        for place, part in enumerate(content if isinstance(content, list) else ()):
            if isinstance(part, dict) and part.get("type") == "input_audio":
                where = f"messages[{number}].content[{place}].input_audio"
                yield _recording((number, place), part.get("input_audio"), where)


def _recording(at: tuple[int, int], audio: object, where: str) -> Recording:
    if not isinstance(audio, dict) or not isinstance(audio.get("data"), str):
        raise InvalidRequest(f"{where}: base64 audio is missing.", param=f"{where}.data", code="invalid_value")
    name = audio.get("format", "wav")
    if not isinstance(name, str) or name not in HEARD_FORMATS:
        known = ", ".join(sorted(HEARD_FORMATS))
        raise InvalidRequest(f"{where}.format: none of {known}.", param=f"{where}.format", code="unknown_format")
    try:
        data = base64.b64decode(audio["data"], validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        raise InvalidRequest(f"{where}.data: no base64 audio.", param=f"{where}.data", code="invalid_base64")
    return Recording(at, data, name)


def _references(document: Mapping[str, Any]) -> Iterator[tuple[int, str | None]]:
    for number, message in _messages(document):
        audio = message.get("audio")
        if message.get("role") != "assistant" or audio is None:
            continue
        if message.get("content"):
            yield number, None
            continue
        if not isinstance(audio, dict) or not isinstance(audio.get("id"), str):
            where = f"messages[{number}].audio.id"
            raise InvalidRequest(f"{where}: an audio id is missing.", param=where, code="invalid_value")
        yield number, audio["id"]


def _in_words(
    number: int,
    message: Any,
    transcripts: Mapping[tuple[int, int], str],
    replies: Mapping[int, str],
) -> Any:
    if number in replies:
        told = {name: value for name, value in message.items() if name != "audio"}
        return told if told.get("content") else {**told, "content": replies[number]}
    if not any(at[0] == number for at in transcripts):
        return message
    parts = [
        {"type": "text", "text": transcripts[number, place]} if (number, place) in transcripts else part
        for place, part in enumerate(message["content"])
    ]
    if all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
        # Many servers take several parts only from models that see pictures.
        return {**message, "content": "\n".join(str(part.get("text", "")) for part in parts)}
    return {**message, "content": parts}
