"""The words this project thinks in. Values only: nothing here reads a clock, a file or a socket."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

import msgspec

SAMPLE_RATE = 24_000  # inside the node audio is always 24 kHz s16le mono, whatever the engine speaks
BYTES_PER_SAMPLE = 2
NOTHING_S = 0.1  # of silence, where nothing can be spoken ("…"): no audio at all is no valid file
TOKENS_PER_AUDIO_SECOND = 25  # the rate of Chatterbox's speech tokens; `usage` counts every engine's audio in it


def audio_duration_s(pcm_bytes: int) -> float:
    """Seconds that so many bytes of the node's PCM last."""
    return pcm_bytes / (SAMPLE_RATE * BYTES_PER_SAMPLE)


class AudioFormat(StrEnum):
    """What a client may ask for; the names are OpenAI's."""

    MP3 = "mp3"
    OPUS = "opus"
    AAC = "aac"
    FLAC = "flac"
    WAV = "wav"
    PCM = "pcm"

    @property
    def media_type(self) -> str:
        """The reply's Content-Type (opus travels in an Ogg container)."""
        return {"mp3": "audio/mpeg", "opus": "audio/ogg"}.get(self.value, f"audio/{self.value}")


class Codec(StrEnum):
    """How samples are written in `wav` and `pcm`; the names are ffmpeg's. 8 bits are unsigned, as WAV has it."""

    PCM_U8 = "pcm_u8"
    PCM_S16LE = "pcm_s16le"
    PCM_S24LE = "pcm_s24le"
    PCM_S32LE = "pcm_s32le"
    PCM_MULAW = "pcm_mulaw"
    PCM_ALAW = "pcm_alaw"

    @property
    def bits(self) -> int:
        """Per sample, as written."""
        return {"pcm_s16le": 16, "pcm_s24le": 24, "pcm_s32le": 32}.get(self.value, 8)


@dataclass(frozen=True, slots=True)
class Layout:
    """The shape of the samples a client gets. What its format cannot carry is refused in `layout.py`."""

    sample_rate: int = SAMPLE_RATE
    channels: int = 1
    codec: Codec = Codec.PCM_S16LE  # of wav and pcm; of flac only its bits count; mp3, opus and aac have none


PLAIN = Layout()  # what the node speaks inside


class Priority(IntEnum):
    """Who goes first. A batch job makes way for an interactive one between two of its pieces."""

    INTERACTIVE = 0
    BATCH = 1


class ModelState(StrEnum):
    """What a model, or the node as a whole, is doing."""

    COLD = "cold"  # reachable, no child process
    LOADING = "loading"
    UP = "up"
    YIELDED = "yielded"  # somebody else has the GPU until /resume
    DRAINING = "draining"  # shutting down


class Outcome(StrEnum):
    """How a speech request ended: the closed vocabulary of the metrics and the log."""

    OK = "ok"
    CALLER_BAD_REQUEST = "caller_bad_request"
    CALLER_DENIED = "caller_denied"
    CALLER_NOT_FOUND = "caller_not_found"
    CALLER_GONE = "caller_gone"
    NODE_BUSY = "node_busy"
    NODE_UNAVAILABLE = "node_unavailable"
    NODE_ERROR = "node_error"
    ENGINE_CRASHED = "engine_crashed"
    ENGINE_HUNG = "engine_hung"
    ENGINE_FAILED = "engine_failed"
    ENGINE_OUT_OF_MEMORY = "engine_out_of_memory"


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice as clients see it. `language` is the one it speaks when none is asked for."""

    id: str
    name: str
    language: str
    gender: str
    engine: str
    builtin: bool = True


@dataclass(frozen=True, slots=True)
class Simulation:
    """A slower machine: audio that lasts d seconds is complete no sooner than `first_s + rtf * d`."""

    rtf: float = 0.0
    first_s: float = 0.0
    load_s: float = 0.0

    @property
    def is_on(self) -> bool:
        """Whether anything is slowed down at all."""
        return self != AS_FAST_AS_IT_IS


AS_FAST_AS_IT_IS = Simulation()


class Clip(msgspec.Struct, frozen=True):
    """A recording whose voice is to be copied. The file is normalised, and immutable under its hash."""

    hash: str  # SHA-256 of the recording as it was uploaded: the same on every node
    path: str


class Memory(msgspec.Struct, frozen=True):
    """Of the device a child computes on, as it sees it."""

    used_bytes: int  # by the child itself
    free_bytes: int
    total_bytes: int


class EngineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is told once, before it loads."""

    model: str
    device: str = "cpu"  # auto, cpu, cuda, cuda:N, mps
    weights: str | None = None  # a folder; None: the engine needs none
    cache: str | None = None  # a folder for what is costly to compute anew (voices' conditionals)
    threads: int = 0  # 0: as many as the machine has cores
    quantise: bool = True  # int8 where the device is a CPU and the model has been measured to gain
    watermark: bool = True


OptionValue = bool | int | float | str


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of text, resolved: what the engine in the child process is told."""

    id: int
    text: str
    voice: str
    language: str | None = None
    speed: float = 1.0
    seed: int | None = None
    instructions: str | None = None
    clip: Clip | None = None  # None: the voice is one of the engine's own
    options: dict[str, OptionValue] = {}


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """A client's wish after parsing, with nothing resolved yet."""

    text: str
    model: str | None = None
    voice: str | None = None
    format: AudioFormat = AudioFormat.MP3
    speed: float = 1.0
    language: str | None = None
    seed: int | None = None
    instructions: str | None = None
    is_segment: bool = False
    stream: bool | None = None  # None: the length of the text decides
    is_sse: bool = False
    priority: Priority = Priority.INTERACTIVE
    options: Mapping[str, object] = field(
        default_factory=dict
    )  # every other field, as it came: `options.py` judges
    pitch: float = 1.0  # factor, at the same speed
    volume: float = 1.0  # factor
    layout: Layout = PLAIN

    def is_complete_reply(self, complete_under_chars: int) -> bool:
        """Whether the whole audio is made before the reply's first byte (and so can carry its figures)."""
        if self.is_sse:
            return False
        if self.stream is not None:
            return not self.stream
        return self.is_segment or len(self.text) <= complete_under_chars


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text that an engine speaks at once, and the silence after it."""

    text: str
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Speech:
    """What one finished utterance measured: from samples and from the clock, never guessed."""

    audio_duration_s: float
    generation_time_s: float

    @property
    def realtime_factor(self) -> float | None:
        """Seconds of work per second of audio; None for no audio."""
        return self.generation_time_s / self.audio_duration_s if self.audio_duration_s > 0 else None
