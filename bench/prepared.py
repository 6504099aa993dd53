"""The mock upstream's answers, prepared before anybody asks, so that giving one costs a write and no thought."""

import functools
import json
import random
from dataclasses import dataclass
from typing import Final

from bench import answers
from bench.cases import AUDIO_BYTES, EMBEDDING_INPUTS, EVENTS_PER_BURST, LARGE_AUDIO_BYTES, MODELS

WIDE_PATH: Final = b"/wide/"  # .../NN/v1: as many providers as are asked for, each with models of its own
MODELS_PER_WIDE: Final = 500
_SERVING_WIDE: Final = (
    2  # that many of them list the benchmark's models too: two candidates, as in the small house
)
_DIMENSIONS: Final = 1536
_AS_OF: Final = "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: mock\r\n"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A whole answer, head and all; `events`: how many are in it."""

    content: bytes
    events: int = 0


@functools.cache
def listing(path: bytes) -> bytes:
    """What `GET /v1/models` says."""
    names = list(MODELS)
    if path.startswith(WIDE_PATH):
        number = int(path.split(b"/", 3)[2])
        own = [f"house-{number:02}/model-{n:03}" for n in range(MODELS_PER_WIDE)]
        names = own + (names if number < _SERVING_WIDE else [])
    return _json(answers.models(*names))


def _embeddings() -> dict[str, object]:
    """About 1 MB: many inputs at once, a thousand and a half numbers for each."""
    numbers = random.Random(2)  # noqa: S311  any numbers do
    data = [
        {
            "object": "embedding",
            "index": n,
            "embedding": [round(numbers.uniform(-0.1, 0.1), 6) for _ in range(_DIMENSIONS)],
        }
        for n in range(EMBEDDING_INPUTS)
    ]
    usage = {"prompt_tokens": 1024, "total_tokens": 1024}
    return {"object": "list", "data": data, "model": "bench-embeddings", "usage": usage}


def _json(document: object, separators: tuple[str, str] | None = None) -> bytes:
    return answers.whole("application/json", json.dumps(document, separators=separators).encode(), _AS_OF)


def _audio(size: int) -> Prepared:
    sound = random.Random(1).randbytes(size)  # noqa: S311  as dense as audio is
    return Prepared(answers.whole("audio/mpeg", sound, _AS_OF))


STREAM_HEAD: Final = answers.stream_head(f"X-Accel-Buffering: no\r\n{_AS_OF}")
_BURST: Final = STREAM_HEAD + answers.chat_event(" @0") * (EVENTS_PER_BURST - 1) + answers.STREAM_END
WHOLE: Final = {
    b"bench-json": Prepared(_json(answers.completion())),
    b"bench-burst": Prepared(_BURST, EVENTS_PER_BURST),
    b"bench-audio": _audio(AUDIO_BYTES),
    b"bench-large": _audio(LARGE_AUDIO_BYTES),
    b"bench-embeddings": Prepared(_json(_embeddings(), (",", ":"))),
}
