"""The Chatterbox server of document 002 ("Chatterbox Integration"): `POST /api/v1/tts`, `GET /api/v1/voices`, a
Bearer key.

The document does not say what /api/v1/tts answers. `answers` chooses among what such servers do: a `wav` file (the
default), `json` with base64 in it, or bare `samples` in the format of the request's `audio_format`, else 16 kHz
s16le mono, which is the document's own.
"""

import base64
from typing import Any

from vendors.server import RETRY_AFTER_S, Answer, Asked, Mode, Vendor
from vendors.sound import seconds_of, tone, wav

VOICES = [
    {"id": "voice_1", "name": "Assistant", "language": "en-US", "gender": "neutral"},
    {"id": "voice_2", "name": "Operator", "language": "de-DE", "gender": "female"},
]
RATE_HZ = 16_000
_ALLOWED = {"text", "voice_id", "model_id", "settings", "audio_format"}
_SETTINGS = {"speed", "pitch", "volume", "emotion"}


class ChatterboxV1(Vendor):
    """The fake. `has_list`: whether it tells its voices."""

    name = "chatterbox-v1"

    def __init__(self, mode: Mode = Mode.WELL, key: str = "vendor-key", *, answers: str = "wav") -> None:
        super().__init__(mode, key)
        self.answers = answers
        self.has_list = True

    def is_speech(self, asked: Asked) -> bool:
        return asked.method == "POST" and asked.path == "/api/v1/tts"

    def has_key(self, asked: Asked) -> bool:
        return asked.path == "/health" or asked.headers.get("authorization") == f"Bearer {self.key}"

    def refusal(self, mode: Mode) -> Answer:
        match mode:
            case Mode.BAD_KEY:
                return Answer.of({"error": "Invalid API key"}, 401)
            case Mode.QUOTA:
                return Answer.of({"error": {"message": "Out of credit", "code": "quota"}}, 402)
            case Mode.BUSY:
                return Answer.of({"error": "Too many requests"}, 429, retry_after=str(RETRY_AFTER_S))
            case Mode.UNAVAILABLE:
                return Answer.of({"message": "Warming up"}, 503)
        return Answer.of({"error": "boom"}, 500)

    def answer(self, asked: Asked) -> Answer:
        match asked.method, asked.path:
            case "GET", "/health":
                return Answer.of({"status": "ok"})
            case "GET", "/api/v1/voices" if self.has_list:
                return Answer.of({"voices": VOICES})
            case "POST", "/api/v1/tts":
                return self._spoken(asked.json)
        return Answer.of({"error": "Not found"}, 404)

    def _spoken(self, body: dict[str, Any]) -> Answer:
        settings = body.get("settings", {})
        if not isinstance(body.get("text"), str) or set(body) - _ALLOWED or set(settings) - _SETTINGS:
            return Answer.of({"error": {"message": "bad request", "param": "text"}}, 400)
        if body.get("voice_id") not in {voice["id"] for voice in VOICES}:
            return Answer.of({"error": f"unknown voice {body.get('voice_id')}"}, 422)
        rate_hz = body.get("audio_format", {}).get("sample_rate", RATE_HZ)
        samples = tone(seconds_of(body["text"], settings.get("speed", 1.0)), rate_hz)
        match self.answers:
            case "json":
                encoded = base64.b64encode(samples).decode()
                return Answer.of({"audio_base64": encoded, "sample_rate": rate_hz, "processing_time": 0.25})
            case "samples":
                return Answer(200, samples, {"content-type": "application/octet-stream"})
        return Answer(200, wav(samples, rate_hz), {"content-type": "audio/wav"}, is_chunked=True)
