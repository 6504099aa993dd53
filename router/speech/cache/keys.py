"""Keys: what makes two pieces of speech the same. Pure.

A key is the SHA-256 of a tagged list as JSON, which keeps fields apart whatever is in them: no text can pose as
another field. The text counts as it is spoken, in Unicode's composed form: "é" is one sound however it is encoded.
The seed counts only when the client chose one: without it, any take of a sentence is as good as another.
"""

import hashlib
import json
from typing import Final
from unicodedata import normalize

from router.domain import Rendition, Segment, SpeechRequest

LAYOUT: Final = 1  # another number makes everything that was kept before unknown


def segment_key(segment: Segment, *, namespace: str, model: str, voice: str | None) -> str:
    """The key of one segment's PCM (24 kHz s16le mono).

    `namespace` says whose names `model` and `voice` are: what two providers call alike is another sound unless
    they share a namespace. `voice` is the content hash of a copied voice, else the name the provider knows.
    """
    return _key(
        "segment",
        namespace,
        model,
        voice,
        segment.text,
        segment.speed,
        segment.language,
        segment.instructions,
        segment.options,
        segment.seed if segment.is_seed_given else None,
        "pcm",
    )


def answer_key(request: SpeechRequest, text: str, *, namespace: str, model: str, voice: str | None) -> str:
    """The key of a whole answer in the client's format; `text` is all of it as spoken."""
    return _key(
        "answer",
        namespace,
        model,
        voice,
        text,
        request.speed,
        request.language,
        request.instructions,
        request.options,
        request.seed,
        _written(request.rendition),
    )


def _written(rendition: Rendition) -> object:
    """The format's name alone where nothing else was chosen."""
    if rendition.is_usual:
        return rendition.format.value
    return [getattr(rendition, name) for name in Rendition.__slots__]


def _key(
    what: str,
    namespace: str,
    model: str,
    voice: str | None,
    text: str,
    speed: float,
    language: str | None,
    instructions: str | None,
    options: object,
    seed: int | None,
    rendition: object,
) -> str:
    fields = [
        LAYOUT,
        what,
        namespace,
        model,
        voice,
        normalize("NFC", text),
        float(speed),
        language,
        instructions,
        options,
        seed,
        rendition,
    ]
    # The standard library's encoder: options may hold what its decoder lets in (1e999, integers of any size).
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
