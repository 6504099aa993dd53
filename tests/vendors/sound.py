"""What fake voices say: a tone, as long as the text would take."""

import io
import math
import struct
import wave

CHARS_PER_S = 15.0


def seconds_of(text: str, speed: float = 1.0) -> float:
    """How long the text takes."""
    return max(0.1, len(text) / CHARS_PER_S / speed)


def tone(seconds: float, rate_hz: int = 24_000, hz: float = 220.0) -> bytes:
    """s16le mono."""
    count = round(seconds * rate_hz)
    period = [round(8000 * math.sin(2 * math.pi * hz * n / rate_hz)) for n in range(max(1, round(rate_hz / hz)))]
    whole, rest = divmod(count, len(period))
    return struct.pack(f"<{count}h", *(period * whole + period[:rest]))


def wav(pcm: bytes, rate_hz: int = 24_000) -> bytes:
    """s16le mono as a WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm)
    return out.getvalue()
