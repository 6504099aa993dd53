"""ElevenLabs' API v1 as of its SDK 2.78.0 (2026-10): text to speech, its lists, its errors.

Errors are those of elevenlabs.io/docs/eleven-api/resources/errors (2026-09): `detail` is an object with `type`,
`code`, `message`, `status` (the older name of the code) and `request_id`; of a body that is not understood (422)
it is pydantic's array. `eleven_v3` takes neither `previous_text` nor `next_text`. Bodies are checked before the
key.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from vendors.server import RETRY_AFTER_S, Answer, Asked, Mode, Vendor
from vendors.sound import seconds_of, tone, wav

VOICES: list[dict[str, Any]] = [
    {"voice_id": "21m00Tcm4TlvDq8ikWAM", "name": "Rachel", "labels": {"gender": "female", "accent": "american"}},
    {"voice_id": "pNInz6obpgDQGcFmaJgB", "name": "Adam", "labels": {"gender": "male", "language": "en"}},
    {"voice_id": "odd/id?", "name": "Odd", "labels": None},
]
MODELS = [
    {"model_id": "eleven_multilingual_v2", "name": "Multilingual v2", "can_do_text_to_speech": True},
    {"model_id": "eleven_flash_v2_5", "name": "Flash v2.5", "can_do_text_to_speech": True},
    {"model_id": "eleven_v3", "name": "v3", "can_do_text_to_speech": True},
    {"model_id": "eleven_english_sts_v2", "name": "Speech to speech", "can_do_text_to_speech": False},
]
MULTIPLIERS = {"eleven_flash_v2_5": 0.5}  # credits per character; 1 for the others
_SPEECH = re.compile(r"^/v1/text-to-speech/(?P<voice>.+?)(?P<stream>/stream)?$")
_FORMAT = re.compile(r"^(pcm|wav|mp3|opus)_(\d+)(?:_\d+)?$")
_LIMITS = {"stability": (0, 1), "similarity_boost": (0, 1), "style": (0, 1), "speed": (0.7, 1.2)}
_PAGE = 10


class ElevenLabs(Vendor):
    """The fake. `voices` may be changed by a test."""

    name = "elevenlabs"
    garbage = Answer(200, b'{"detail":"maintenance"}', {"content-type": "application/json"})

    def __init__(self, mode: Mode = Mode.WELL, key: str = "vendor-key") -> None:
        super().__init__(mode, key)
        self.voices: list[dict[str, Any]] = list(VOICES)

    def is_speech(self, asked: Asked) -> bool:
        return asked.method == "POST" and asked.path.startswith("/v1/text-to-speech/")

    def has_key(self, asked: Asked) -> bool:
        return asked.headers.get("xi-api-key") == self.key

    def refusal(self, mode: Mode) -> Answer:
        match mode:
            case Mode.BAD_KEY:
                return _refused(401, "authentication_error", "unauthorized", "Invalid API key", "invalid_api_key")
            case Mode.QUOTA:  # as seen in 2026-01; the documents have 402 insufficient_credits
                said = "This request exceeds your quota of 10000. You have 0 credits remaining."
                return Answer.of({"detail": {"status": "quota_exceeded", "message": said}}, 401)
            case Mode.BUSY:
                answer = _refused(429, "rate_limit_error", "concurrent_limit_exceeded", "Too many at once")
                return Answer(429, answer.body, {**answer.headers, "retry-after": str(RETRY_AFTER_S)})
            case Mode.UNAVAILABLE:
                return _refused(503, "service_unavailable", "service_unavailable", "Back soon")
        return Answer.of({"detail": "Internal Server Error"}, 500)

    def answered(self, asked: Asked) -> Answer:
        wrong = self._wrong(asked) if self.is_speech(asked) else None  # before the key, as the live service does
        return wrong or super().answered(asked)

    def answer(self, asked: Asked) -> Answer:
        if asked.method == "GET":
            return self._listed(asked)
        match = _SPEECH.match(asked.path)
        if match is None or asked.method != "POST":
            return Answer.of({"detail": "Not Found"}, 404)
        return self._spoken(asked, match["voice"], is_streamed=match["stream"] is not None)

    def _listed(self, asked: Asked) -> Answer:
        match asked.path:
            case "/v1/models":
                return Answer.of(MODELS)
            case "/v1/voices":
                return Answer.of({"voices": self.voices})
            case "/v2/voices":
                return self._page(asked.query)
        for voice in self.voices:
            if asked.path == f"/v1/voices/{voice['voice_id']}":
                return Answer.of(voice)
        return _no_voice(asked.path.rpartition("/")[2])

    def _page(self, query: Mapping[str, str]) -> Answer:
        size, start = min(100, int(query.get("page_size", _PAGE))), int(query.get("next_page_token", 0))
        found = [voice for voice in self.voices if query.get("search", "").lower() in voice["name"].lower()]
        has_more = start + size < len(found)
        return Answer.of(
            {
                "voices": found[start : start + size],
                "has_more": has_more,
                "total_count": len(found),
                "next_page_token": str(start + size) if has_more else None,
            }
        )

    def _wrong(self, asked: Asked) -> Answer | None:
        """What pydantic says of the body."""
        try:
            body = json.loads(asked.body)
        except ValueError:
            return _unprocessable(["body", 0], "json_invalid", "JSON decode error", None)
        if not isinstance(body.get("text"), str):
            return _unprocessable(["body", "text"], "missing", "Field required", None)
        for name, value in (body.get("voice_settings") or {}).items():
            least, most = _LIMITS.get(name, (None, None))
            if least is not None and most is not None and not least <= value <= most:
                where = ["body", "voice_settings", name]
                return _unprocessable(where, "less_than_equal", f"Input should be at most {most}", value)
        seed = body.get("seed")
        if seed is not None and not 0 <= seed <= 4_294_967_295:
            return _unprocessable(["body", "seed"], "less_than_equal", "Input should be at most 2**32 - 1", seed)
        return None

    def _spoken(self, asked: Asked, voice: str, *, is_streamed: bool) -> Answer:
        body = asked.json
        model = body.get("model_id", "eleven_multilingual_v2")
        told = _FORMAT.match(asked.query.get("output_format", "mp3_44100_128"))
        if told is None:
            return _refused(400, "validation_error", "invalid_output_format", "No such output format")
        if voice not in [each["voice_id"] for each in self.voices]:
            return _no_voice(voice)
        if model not in [each["model_id"] for each in MODELS if each["can_do_text_to_speech"]]:
            return _refused(404, "not_found", "model_not_found", f"A model with ID {model} was not found")
        if not body["text"].strip():
            return _refused(400, "validation_error", "empty_text", "The text is empty")
        if model == "eleven_v3" and ("previous_text" in body or "next_text" in body):
            said = "Providing previous_text or next_text is not yet supported with the 'eleven_v3' model."
            return _refused(400, "validation_error", "unsupported_model", said)
        speed = (body.get("voice_settings") or {}).get("speed", 1.0) if model != "eleven_v3" else 1.0
        container, rate = told[1], int(told[2])
        pcm = tone(seconds_of(body["text"], speed), rate)
        audio = wav(pcm, rate) if container == "wav" else pcm  # mp3 and opus are not made here
        media = {"pcm": "audio/pcm", "wav": "audio/wav", "mp3": "audio/mpeg", "opus": "audio/opus"}[container]
        headers = {
            "content-type": media,
            "character-cost": str(round(len(body["text"]) * MULTIPLIERS.get(model, 1))),
            "request-id": "req-1",
            "current-concurrent-requests": "1",
            "maximum-concurrent-requests": "2",
        }
        return Answer(200, audio, headers, is_chunked=is_streamed)


def _refused(status: int, kind: str, code: str, message: str, legacy: str | None = None) -> Answer:
    detail = {"type": kind, "code": code, "message": message, "status": legacy or code, "request_id": "cafc0de"}
    return Answer.of({"detail": detail}, status)


def _no_voice(voice: str) -> Answer:
    return _refused(404, "not_found", "voice_not_found", f"A voice with the voice_id {voice} was not found.")


def _unprocessable(where: list[Any], kind: str, message: str, given: object) -> Answer:
    return Answer.of({"detail": [{"type": kind, "loc": where, "msg": message, "input": given}]}, 422)
