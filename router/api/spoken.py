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
    return _who(record, spoken.engine, spoken.voice_told(record.voice), said.voice_hash, spoken.substitution)


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


class SegmentTold(msgspec.Struct):
    """A part of an answer, spoken whole by one provider. Times in seconds; `characters` counts its text."""

    index: int
    provider: str
    engine: str
    audio_duration: float
    generation_time: float
    characters: int
    cached: bool


class AnswerTold(msgspec.Struct):
    """What became of a speech request. Times in seconds; `status` is in_progress, completed or failed; `gap` the
    silence that somebody who listens to the stream in real time has heard within it; `failovers` has one reason
    for each attempt that was lost. An answer that was in the cache as a whole has no segments."""

    id: str
    object: str
    status: str
    audio_duration: float
    generation_time: float
    engine: str | None
    voice: str
    provider: str | None
    substitution: str | None
    cache: str
    failovers: list[str]
    segments: list[SegmentTold]
    gap: float | msgspec.UnsetType = msgspec.UNSET


def summary_of(answer: SpokenAnswer, record: Record) -> bytes:
    """An AnswerTold of a complete answer, as JSON for the store."""
    return msgspec.json.encode(
        AnswerTold(
            id=record.request_id,
            object="audio.speech",
            status="completed",
            audio_duration=round(answer.duration_s, 3),
            generation_time=round(answer.generation_s, 3),
            engine=answer.engine,
            voice=answer.voice,
            provider=record.provider or None,
            substitution=answer.substitution,
            cache=record.cache,
            failovers=list(record.reasons),
            segments=segments_of(answer.parts),
        )
    )


def summary_so_far(tally: Tally, record: Record, status: str) -> bytes:
    """The same of one that is sent while it is spoken: `in_progress`, `completed` or `failed`."""
    first = tally.first
    return msgspec.json.encode(
        AnswerTold(
            id=record.request_id,
            object="audio.speech",
            status=status,
            audio_duration=round(tally.duration_s, 3),
            generation_time=round(tally.generation_s, 3),
            engine=first.engine if first else None,
            voice=first.voice_told(record.voice) if first else record.voice,
            provider=record.provider or None,
            substitution=tally.substitution,
            cache=record.cache,
            failovers=list(record.reasons),
            segments=segments_of(tally.parts),
            gap=round(record.gap_s, 3),
        )
    )


def segments_of(parts: Sequence[Part]) -> list[SegmentTold]:
    """Who spoke which part of the answer."""
    return [
        SegmentTold(
            index,
            part.provider,
            part.engine,
            round(part.duration_s, 3),
            round(part.generation_s, 3),
            part.chars,
            part.is_cached,
        )
        for index, part in enumerate(parts)
    ]
