"""What there can be much of in a house, and what may grow with it. Words only; `scenes.py` measures them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bench.growth.verdict import Verdict


class Cost(StrEnum):
    """What is measured, and its unit in the raw figures."""

    REQUEST = "CPU s per request"
    SECOND = "CPU s per second, with no request"
    CPU = "CPU s"
    TIME = "s"
    MEMORY = "bytes"


@dataclass(frozen=True, slots=True)
class Dimension:
    """`axis`: what there are many of, `one`: one of them; `title`: whose cost is meant; `must`: how fast it may
    grow at most. What is merely there may cost a request nothing more; what a request brings along, or asks about,
    has to be worked through. `spent_on`: where in the router what grows is spent."""

    name: str
    axis: str
    one: str
    title: str
    must: Verdict
    spent_on: str = ""
    cost: Cost = Cost.REQUEST


_FLAT, _N_LOG_N = Verdict.FLAT, Verdict.N_LOG_N
DIMENSIONS: Final = (
    Dimension("providers", "providers", "provider", "a chat that two of them serve", _FLAT),
    Dimension(
        "candidates",
        "providers",
        "provider",
        "a chat that all of them serve",
        _N_LOG_N,
        "how each of them stands is looked at, and they are put in order (`roster.py`, `selection.py`)",
    ),
    Dimension(
        "providers-rest",
        "providers",
        "provider",
        "watching them",
        _N_LOG_N,
        "each is asked for its models once a second, on a connection of its own (`probes.py`)",
        Cost.SECOND,
    ),
    Dimension("models", "models per provider", "model", "a chat", _FLAT),
    Dimension(
        "models-listed",
        "models per provider",
        "model",
        "GET /v1/models",
        _N_LOG_N,
        "every entry is made and encoded anew, on the event loop (`catalogue.py`, `api/rest.py`)",
    ),
    Dimension(
        "models-unknown",
        "models per provider",
        "model",
        "a chat with an unknown model",
        _N_LOG_N,
        "names that are spelt alike are sought among all, on the event loop (`catalogue.py`)",
    ),
    Dimension(
        "models-rest",
        "models per provider",
        "model",
        "watching two providers",
        _N_LOG_N,
        "the lists are read once a second (`providers/openai.py`)",
        Cost.SECOND,
    ),
    Dimension(
        "clients",
        "keys",
        "key",
        "a chat",
        _FLAT,
        "the key is compared with every one that there is (`api/admission.py`)",
    ),
    Dimension("cached", "MiB of speech in memory", "MiB", "a hit of 30 KB", _FLAT),
    Dimension("cached-disk", "MiB of speech on the disk", "MiB", "a hit of 30 KB", _FLAT),
    Dimension("streams", "open streams", "stream", "a chat beside them", _FLAT),
    Dimension(
        "streams-memory",
        "open streams",
        "stream",
        "keeping them open",
        _N_LOG_N,
        "two connections each, with their buffers, and a task",
        Cost.MEMORY,
    ),
    Dimension(
        "text",
        "characters to be spoken",
        "character",
        "a speech",
        _N_LOG_N,
        "cleaning, cutting, one request to the node for each sentence, its PCM, the cache (`speak.py`)",
    ),
    Dimension(
        "prompt",
        "KB of prompt",
        "KB",
        "a chat",
        _N_LOG_N,
        "the body is read, looked into and sent on (`api/peek.py`)",
    ),
    Dimension(
        "events", "events of an answer", "event", "a streamed chat", _N_LOG_N, "each is sent on when it comes"
    ),
    Dimension(
        "start-cpu",
        "providers of 500 models",
        "provider",
        "start-up",
        _N_LOG_N,
        "the interpreter, the imports, one look at each provider",
        Cost.CPU,
    ),
    Dimension("start-time", "providers of 500 models", "provider", "start-up", _N_LOG_N, "", Cost.TIME),
)
