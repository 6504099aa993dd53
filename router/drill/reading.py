"""An answer's bytes, read as they come: sound, words, and what the router tells of them."""

import json
import time
from binascii import Error as NoBase64
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from typing import Any

import httptools

from router.drill.answer import Answer, Kind, Told
from router.drill.hearing import Arrival


class Reading:
    """Fills in an answer from the bytes of a response (httptools' callbacks)."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._parser = httptools.HttpResponseParser(self)
        self._rest = b""  # of an event that has not come whole
        self._on_event: Callable[[Mapping[str, Any]], None] | None = None
        self._has_reason = False

    def feed(self, data: bytes) -> None:
        """Raises httptools.HttpParserError."""
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        answer = self._answer
        answer.status = self._parser.get_status_code()
        answer.muted = answer.headers.get("x-router-audio", "")
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            if answer.kind.is_speech:
                self._on_event = self._speech
            elif answer.kind.is_aloud:
                self._on_event = self._chunk

    def on_body(self, body: bytes) -> None:
        if self._on_event is None:
            self._arrived(body)
            return
        *events, self._rest = (self._rest + body).split(b"\n\n")
        for event in events:
            self._event(event.partition(b"data:")[2].strip())

    def on_message_complete(self) -> None:
        answer = self._answer
        answer.is_complete = True
        if answer.status != 200:
            answer.error = _error(bytes(answer.sound))
        elif answer.kind is Kind.ALOUD_JSON:
            self._whole(bytes(answer.sound))

    def _event(self, data: bytes) -> None:
        if data == b"[DONE]":
            self._answer.is_finished = self._has_reason
        try:
            document = json.loads(data)
        except ValueError:
            return  # [DONE], or a comment
        if "error" in document:
            self._answer.error = document["error"]
        elif self._on_event is not None:
            self._on_event(document)

    def _speech(self, document: Mapping[str, Any]) -> None:
        if audio := document.get("audio"):
            self._arrived(a2b_base64(audio))
        elif document.get("type") == "speech.audio.done":
            self._answer.done = document

    # chats aloud

    def _chunk(self, document: Mapping[str, Any]) -> None:
        for choice in document.get("choices") or []:
            delta = choice.get("delta") or {}
            self._answer.words += delta.get("content") or ""
            self._audio(delta.get("audio") or {})
            self._has_reason = self._has_reason or bool(choice.get("finish_reason"))

    def _audio(self, audio: Mapping[str, Any]) -> None:
        answer = self._answer
        answer.words += audio.get("transcript") or ""
        if segment := audio.get("segment"):
            answer.numbers.append(segment["index"])
            answer.segments.append(told(segment))
        if data := audio.get("data"):
            self._arrived(a2b_base64(data, strict_mode=True))
        if "expires_at" in audio:
            answer.done = audio
            answer.muted = (audio.get("error") or {}).get("reason") or answer.muted

    def _whole(self, body: bytes) -> None:
        """What was taken for sound is a document that has some."""
        answer = self._answer
        answer.sound, first_s = bytearray(), answer.arrivals[0].at_s if answer.arrivals else time.monotonic()
        answer.arrivals = []
        try:
            (choice,) = json.loads(body)["choices"]
            message = choice["message"]
            audio = message.get("audio") or {}
            answer.words = audio.get("transcript") or message.get("content") or ""
            answer.sound += a2b_base64(audio.get("data") or "", strict_mode=True)
        except (ValueError, KeyError, TypeError, AttributeError, NoBase64) as exc:
            answer.failure = f"no answer aloud: {exc!r}"
            return
        answer.is_finished = bool(choice.get("finish_reason"))
        if answer.sound:
            answer.arrivals.append(Arrival(first_s, len(answer.sound)))

    def _arrived(self, piece: bytes) -> None:
        answer = self._answer
        answer.sound += piece
        if answer.status == 200:
            answer.arrivals.append(Arrival(time.monotonic(), len(answer.sound)))


def told(segment: Mapping[str, Any]) -> Told:
    """What the router says of a segment."""
    return Told(str(segment.get("provider") or ""), float(segment.get("audio_duration") or 0.0))


def _error(body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        said = {"message": body[:200].decode(errors="replace")}
    return said if isinstance(said, dict) else {"message": str(said)}
