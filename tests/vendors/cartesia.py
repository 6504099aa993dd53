"""Cartesia's API as of version 2026-08-14 (its SDK 4.2.0) and, with an older Cartesia-Version, 2025-04-16:
/tts/bytes, the voices, its errors.

From 2026-08-14 a voice is a string or `{"id"}`, before it is `{"mode": "id", "id"}`. From 2026-03-01 errors are
JSON (`error_code`, `title`, `message`, `request_id`), before they are text, `Title: Message`
(docs.cartesia.ai/use-the-api/api-errors, changelog 2026).
"""

import uuid
from typing import Any

from vendors.server import RETRY_AFTER_S, Answer, Asked, Mode, Vendor
from vendors.sound import seconds_of, tone, wav

VOICES: list[dict[str, Any]] = [
    {"id": "a0e99841-438c-4a64-b679-ae501e7d6091", "name": "Barbershop Man", "language": "en"},
    {"id": "f786b574-daa5-4673-aa0c-cbe3e8534c02", "name": "Katie", "language": "en", "gender": "feminine"},
    {"id": "c99d36f3-5ffd-4253-803a-535c1bc9c306", "name": "Griffin", "language": "en", "gender": "masculine"},
]
MODELS = ("sonic-3.5", "sonic-3", "sonic-latest", "sonic-3.5-2026-05-04", "sonic-3-2025-10-27")
RATES = (8000, 16000, 22050, 24000, 44100, 48000)
_SHAPE_CHANGED = "2026-08-14"
_JSON_ERRORS = "2026-03-01"
_PAGE = 10


class Cartesia(Vendor):
    """The fake. `voices` may be changed by a test."""

    name = "cartesia"
    garbage = Answer(200, b"upstream connect error", {"content-type": "text/plain"})

    def __init__(self, mode: Mode = Mode.WELL, key: str = "vendor-key") -> None:
        super().__init__(mode, key)
        self.voices: list[dict[str, Any]] = list(VOICES)
        self._version = _SHAPE_CHANGED

    def is_speech(self, asked: Asked) -> bool:
        return asked.method == "POST" and asked.path == "/tts/bytes"

    def has_key(self, asked: Asked) -> bool:
        return asked.path == "/" or asked.headers.get("authorization") == f"Bearer {self.key}"

    def answered(self, asked: Asked) -> Answer:
        self._version = asked.headers.get("cartesia-version", "")
        if not self._version and asked.path != "/":
            self._version = _JSON_ERRORS
            return self._refused(400, "Bad Request", "The Cartesia-Version header is required")
        return super().answered(asked)

    def refusal(self, mode: Mode) -> Answer:
        match mode:
            case Mode.BAD_KEY:
                return self._refused(401, "Unauthorized", "Invalid API key")
            case Mode.QUOTA:
                return self._refused(402, "Payment Required", "You have no credits left", "quota_exceeded")
            case Mode.BUSY:
                answer = self._refused(429, "Too Many Requests", "Too many at once", "concurrency_limited")
                return Answer(429, answer.body, {**answer.headers, "retry-after": str(RETRY_AFTER_S)})
            case Mode.UNAVAILABLE:
                return self._refused(503, "Service Unavailable", "Back soon")
        return self._refused(500, "Internal Server Error", "Something broke")

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/":
            return Answer.of({"ok": True, "version": "fake"})
        if asked.method == "GET" and asked.path == "/voices":
            return self._page(asked)
        if asked.method == "GET" and asked.path.startswith("/voices/"):
            found = next((v for v in self.voices if v["id"] == asked.path.removeprefix("/voices/")), None)
            return Answer.of(found) if found else self._refused(404, "Voice not found", "No such voice")
        if self.is_speech(asked):
            return self._spoken(asked.json)
        return self._refused(404, "Not Found", f"No {asked.path}")

    def _page(self, asked: Asked) -> Answer:
        size, after = int(asked.query.get("limit", _PAGE)), asked.query.get("starting_after")
        if not 1 <= size <= 100:
            return self._refused(400, "Bad Request", "limit must be 1 to 100")
        ids = [voice["id"] for voice in self.voices]
        start = ids.index(after) + 1 if after in ids else 0
        page, has_more = self.voices[start : start + size], start + size < len(ids)
        return Answer.of({"data": page, "has_more": has_more, "next_page": page[-1]["id"] if has_more else None})

    def _spoken(self, body: dict[str, Any]) -> Answer:
        wrong = self._wrong(body)
        if wrong is not None:
            return self._refused(400, "Bad Request", wrong)
        voice = body["voice"] if isinstance(body["voice"], str) else body["voice"]["id"]
        if voice not in [each["id"] for each in self.voices]:
            return self._refused(404, "Voice not found", f"Voice {voice} does not exist")
        if body["model_id"] not in MODELS:
            return self._refused(404, "Model not found", f"Model {body['model_id']} does not exist")
        speed = (body.get("generation_config") or {}).get("speed", 1.0)
        told = body["output_format"]
        pcm = tone(seconds_of(body["transcript"], speed), told["sample_rate"])
        audio = wav(pcm, told["sample_rate"]) if told["container"] == "wav" else pcm
        media = "audio/wav" if told["container"] == "wav" else "application/octet-stream"
        return Answer(200, audio, {"content-type": media}, is_chunked=True)

    def _wrong(self, body: dict[str, Any]) -> str | None:
        """What is wrong with the body, if anything."""
        told, config, voice = body.get("output_format"), body.get("generation_config") or {}, body.get("voice")
        if not str(body.get("transcript", "")).strip():
            return "transcript is empty"
        if not isinstance(told, dict) or told.get("sample_rate") not in RATES:
            return "output_format is missing or has a sample_rate that is not known"
        if told.get("container") in {"raw", "wav"} and told.get("encoding") != "pcm_s16le":
            return "this fake only writes pcm_s16le"
        is_old_shape = isinstance(voice, dict) and voice.get("mode") == "id"
        if (self._version < _SHAPE_CHANGED) is not is_old_shape:
            return "voice has not the shape of this version"
        if "language" in body and "locale" in body:
            return "language and locale exclude each other"
        for name, (least, most) in {"speed": (0.6, 1.5), "volume": (0.5, 2.0)}.items():
            if not least <= config.get(name, 1.0) <= most:
                return f"{name} must be {least} to {most}"
        return None

    def _refused(self, status: int, title: str, message: str, code: str | None = None) -> Answer:
        if self._version < _JSON_ERRORS:
            return Answer(status, f"{title}: {message}".encode(), {"content-type": "text/plain"})
        told = {"error_code": code, "title": title, "message": message, "request_id": str(uuid.UUID(int=7))}
        return Answer.of(told, status)
