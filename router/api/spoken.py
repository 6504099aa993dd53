"""A spoken answer as clients learn of it: in headers at once, and by its request's id for an hour."""

from collections.abc import Sequence
from typing import Final

import msgspec

from router.api.call import printable
from router.ports import Header, Record
from router.spoken import Part, Spoken, SpokenAnswer, Tally

ANSWER_TTL_S: Final = 3600.0  # how long GET /v1/audio/speech/{request id} knows an answer


def headers_of(answer: SpokenAnswer, record: Record) -> list[Header]:
    """What the reply says of an answer that is complete before its first byte."""
    return [
        (b"x-audio-duration", f"{answer.duration_s:.3f}".encode()),
        (b"x-generation-time", f"{answer.generation_s:.3f}".encode()),
        *_who(record, answer.engine, answer.voice, answer.voice_hash, answer.substitution),
    ]


def first_headers(spoken: Spoken, record: Record) -> list[Header]:
    """What the reply says of an answer whose first segment is spoken: how long it all is, nobody knows yet."""
    said = spoken.utterance
    return _who(record, spoken.engine, said.voice or record.voice, said.voice_hash, spoken.substitution)


def _who(
    record: Record, engine: str, voice: str, voice_hash: str | None, substitution: str | None
) -> list[Header]:
    headers = [
        (b"x-router-cache", record.cache.encode()),
        (b"x-tts-engine", printable(engine)),
        (b"x-tts-voice", printable(voice)),
    ]
    if voice_hash is not None:
        headers.append((b"x-tts-voice-hash", printable(voice_hash)))
    if substitution is not None:
        headers.append((b"x-router-substitution", printable(substitution)))
    return headers


def answer_key(client: str, request_id: str) -> str:
    """Where the store keeps a spoken answer: clients may choose ids, and must not choose each other's."""
    return f"speech/{client}/{request_id}"


def summary_of(answer: SpokenAnswer, record: Record) -> bytes:
    """What the store keeps of a complete answer, as JSON."""
    figures: dict[str, object] = {
        "audio_duration": round(answer.duration_s, 3),
        "generation_time": round(answer.generation_s, 3),
        "engine": answer.engine,
        "voice": answer.voice,
        "substitution": answer.substitution,
    }
    return _summary(record, "completed", figures, answer.parts)


def summary_so_far(tally: Tally, record: Record, status: str) -> bytes:
    """What it keeps of one that is sent while it is spoken: `in_progress`, `completed` or `failed`."""
    first = tally.first
    figures: dict[str, object] = {
        "audio_duration": round(tally.duration_s, 3),
        "generation_time": round(tally.generation_s, 3),
        "engine": first.engine if first else None,
        "voice": (first.utterance.voice if first else None) or record.voice,
        "substitution": tally.substitution,
        "gap": round(record.gap_s, 3),
    }
    return _summary(record, status, figures, tally.parts)


def segments_of(parts: Sequence[Part]) -> list[dict[str, object]]:
    """Who spoke which part of the answer."""
    return [
        {
            "index": index,
            "provider": part.provider,
            "engine": part.engine,
            "audio_duration": round(part.duration_s, 3),
            "generation_time": round(part.generation_s, 3),
            "characters": part.chars,
            "cached": part.is_cached,
        }
        for index, part in enumerate(parts)
    ]


def _summary(record: Record, status: str, figures: dict[str, object], parts: Sequence[Part]) -> bytes:
    document = {
        "id": record.request_id,
        "object": "audio.speech",
        "status": status,
        "provider": record.provider or None,
        "cache": record.cache,
        "failovers": list(record.reasons),
        "segments": segments_of(parts),
    }
    return msgspec.json.encode(document | figures)
