"""The ChatTTS server that document 003 ("ChatTTS Integration Complete", 2025-10-31) is about: a FastAPI
application around 2noise's ChatTTS.

As its source has it: OpenAI's path with `text` for `input`; figures out of range are pydantic's 422; a voice that
it does not know is male_1, a format that it does not know a WAV, both without a word; no key. Inference runs in
the event loop, so while it speaks it answers nobody, /health neither.
"""

import asyncio
import base64
from typing import Any

from vendors.server import RETRY_AFTER_S, Answer, Asked, Mode, Vendor
from vendors.sound import seconds_of, tone, wav

PRESETS = {
    "female_1": 2,
    "female_2": 1111,
    "female_3": 3333,
    "male_1": 34,
    "male_2": 2222,
    "male_3": 4444,
    "neutral_1": 5555,
    "neutral_2": 6666,
}
RANGES = {"speed": (0.5, 2.0), "temperature": (0.1, 1.0), "top_p": (0.5, 1.0), "top_k": (10, 30)}
RTF = 0.55  # as the document measured


class ChatTTS(Vendor):
    """The fake. `rtf`: how long it really takes, for each second of speech; by default no time at all. `tells_in`:
    where its figures are, in `headers`, in `json` beside base64, or nowhere."""

    name = "chattts"

    def __init__(self, mode: Mode = Mode.WELL, *, rtf: float = 0.0, tells_in: str = "headers") -> None:
        super().__init__(mode, "")
        self.rtf = rtf
        self.tells_in = tells_in
        self.has_model = True
        self._turn = asyncio.Lock()

    @property
    def is_speaking(self) -> bool:
        return self._turn.locked()

    async def computed(self, asked: Asked) -> None:
        """One after the other, whatever is asked."""
        async with self._turn:
            if self.rtf and self.is_speech(asked):
                await asyncio.sleep(self.rtf * seconds_of(asked.json.get("text", "")))

    def is_speech(self, asked: Asked) -> bool:
        return asked.method == "POST" and asked.path == "/v1/audio/speech"

    def has_key(self, asked: Asked) -> bool:
        return True

    def refusal(self, mode: Mode) -> Answer:
        match mode:
            case Mode.BAD_KEY:  # by the proxy in front of it
                return Answer.of({"detail": "Not authenticated"}, 401)
            case Mode.QUOTA:
                return Answer.of({"detail": "Payment required"}, 402)
            case Mode.BUSY:
                return Answer.of({"detail": "Too many requests"}, 429, retry_after=str(RETRY_AFTER_S))
            case Mode.UNAVAILABLE:
                return Answer.of({"detail": "Model not loaded"}, 503)
        return Answer.of({"detail": "Error: 500: Failed to generate audio"}, 500)

    def answer(self, asked: Asked) -> Answer:
        match asked.method, asked.path:
            case "GET", "/health" if not self.has_model:
                return Answer.of({"detail": "Model not loaded"}, 503)
            case "GET", "/health":
                return Answer.of(
                    {
                        "status": "healthy",
                        "model": "ChatTTS",
                        "mode": "fast",
                        "compile": True,
                        "tf32_enabled": True,
                        "cuda_available": True,
                        "available_voices": list(PRESETS),
                        "voice_seeds": PRESETS,
                    }
                )
            case "GET", "/voices":
                return Answer.of({"voices": list(PRESETS), "voice_seeds": PRESETS})
            case "POST", "/v1/audio/speech":
                return self._spoken(asked.json)
        return Answer.of({"detail": "Not Found"}, 404)

    def _spoken(self, body: dict[str, Any]) -> Answer:
        wrong = _wrong(body)
        if wrong is not None:
            return Answer.of({"detail": [wrong]}, 422)
        duration_s = seconds_of(body["text"], body.get("speed", 1.0))
        voice = PRESETS.get(body.get("voice", "female_1"), PRESETS["male_1"])
        sound = wav(tone(duration_s, hz=100.0 + voice % 400))
        rtf = self.rtf or RTF
        took_s = rtf * duration_s + (0.0 if self.rtf else 0.05)
        figures = {"x-processing-time": f"{took_s:.3f}", "x-audio-duration": f"{duration_s:.2f}"}
        figures |= {"x-rtf": f"{rtf:.3f}", "x-inference-time": f"{rtf * duration_s:.3f}"}
        media = "audio/mpeg" if body.get("response_format") == "mp3" else "audio/wav"
        match self.tells_in:
            case "json":
                return Answer.of(enclosed(sound, processing_time=took_s, rtf=rtf))
            case "rtf":
                return Answer.of(enclosed(sound, metadata={"rtf": rtf}))
            case "nowhere":
                return Answer(200, sound, {"content-type": media})
        return Answer(200, sound, {"content-type": media, **figures})


def enclosed(sound: bytes, **told: object) -> dict[str, object]:
    """Sound as JSON has it."""
    return {"audio": base64.b64encode(sound).decode(), **told}


def _wrong(body: dict[str, Any]) -> dict[str, object] | None:
    """What pydantic says of it."""
    if not isinstance(body.get("text"), str):
        return {"type": "missing", "loc": ["body", "text"], "msg": "Field required", "input": body}
    for name, (least, most) in RANGES.items():
        value = body.get(name, least)
        if not isinstance(value, int | float) or (name == "top_k" and value != int(value)):
            return {"type": "int_type", "loc": ["body", name], "msg": "Input should be a valid number"}
        if not least <= value <= most:
            said = f"Input should be greater than or equal to {least} and less than or equal to {most}"
            return {"type": "less_than_equal", "loc": ["body", name], "msg": said, "input": value}
    return None
