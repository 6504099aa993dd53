"""A spoken answer as clients learn of it: in headers at once, and by its request's id for an hour."""

from typing import Final

import msgspec

from router.api.call import printable
from router.ports import Header, Record
from router.speak import SpokenAnswer

ANSWER_TTL_S: Final = 3600.0  # how long GET /v1/audio/speech/{request id} knows an answer


def headers_of(answer: SpokenAnswer) -> list[Header]:
    """What its reply says of it."""
    headers = [
        (b"x-audio-duration", f"{answer.duration_s:.3f}".encode()),
        (b"x-generation-time", f"{answer.generation_s:.3f}".encode()),
        (b"x-router-cache", b"bypass"),
        (b"x-tts-engine", printable(answer.engine)),
        (b"x-tts-voice", printable(answer.voice)),
    ]
    if answer.voice_hash is not None:
        headers.append((b"x-tts-voice-hash", printable(answer.voice_hash)))
    if answer.substitution is not None:
        headers.append((b"x-router-substitution", printable(answer.substitution)))
    return headers


def answer_key(client: str, request_id: str) -> str:
    """Where the store keeps a spoken answer: clients may choose ids, and must not choose each other's."""
    return f"speech/{client}/{request_id}"


def summary_of(answer: SpokenAnswer, record: Record) -> bytes:
    """What the store keeps, as JSON."""
    return msgspec.json.encode(
        {
            "id": record.request_id,
            "object": "audio.speech",
            "status": "completed",
            "audio_duration": round(answer.duration_s, 3),
            "generation_time": round(answer.generation_s, 3),
            "engine": answer.engine,
            "voice": answer.voice,
            "provider": record.provider,
            "substitution": answer.substitution,
        }
    )
