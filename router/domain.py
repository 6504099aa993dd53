"""The words of the house: what is asked for, where it may go, what comes back. Values only, no behaviour
that needs the outside world."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import msgspec

SAMPLE_RATE_HZ: Final = 24_000  # PCM inside the house: 24 kHz, signed 16-bit little-endian, mono (OpenAI's `pcm`)
BYTES_PER_SAMPLE: Final = 2
BYTES_PER_S: Final = SAMPLE_RATE_HZ * BYTES_PER_SAMPLE


class Modality(StrEnum):
    """What kind of thing a provider or a model does."""

    CHAT = "chat"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"


class Endpoint(StrEnum):
    """One routed operation; the value is its label in logs and metrics."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"
    RESPONSES = "responses"
    MESSAGES = "messages"
    SPEECH = "speech"
    SPEECH_SOCKET = "speech_socket"  # a connection; what is spoken on it is speech
    SPEECH_HLS = "speech_hls"  # the order; likewise
    TELEPHONE = "telephone"  # a dialect of clients only: what it asks goes upstream as others
    TRANSCRIPTIONS = "transcriptions"
    TRANSLATIONS = "translations"

    @property
    def modality(self) -> Modality:
        return _OTHER_MODALITIES.get(self, Modality.CHAT)


_OTHER_MODALITIES: Final = {
    Endpoint.SPEECH: Modality.SPEECH,
    Endpoint.SPEECH_SOCKET: Modality.SPEECH,
    Endpoint.SPEECH_HLS: Modality.SPEECH,
    Endpoint.TRANSCRIPTIONS: Modality.TRANSCRIPTION,
    Endpoint.TRANSLATIONS: Modality.TRANSCRIPTION,  # into English, by the same servers
}


# Paths below a provider's base URL; the client's path is `/v1` + the same.
ENDPOINT_PATHS: Final[Mapping[Endpoint, str]] = {
    Endpoint.CHAT: "/chat/completions",
    Endpoint.COMPLETIONS: "/completions",
    Endpoint.EMBEDDINGS: "/embeddings",
    Endpoint.RESPONSES: "/responses",
    Endpoint.MESSAGES: "/messages",
    Endpoint.SPEECH: "/audio/speech",
    Endpoint.TRANSCRIPTIONS: "/audio/transcriptions",
    Endpoint.TRANSLATIONS: "/audio/translations",
}


class AudioFormat(StrEnum):
    """OpenAI's `response_format` values."""

    MP3 = "mp3"
    OPUS = "opus"
    AAC = "aac"
    FLAC = "flac"
    WAV = "wav"
    PCM = "pcm"

    @property
    def media_type(self) -> str:
        return _MEDIA_TYPES[self]


_MEDIA_TYPES: Final = {
    AudioFormat.MP3: "audio/mpeg",
    AudioFormat.OPUS: "audio/ogg",
    AudioFormat.AAC: "audio/aac",
    AudioFormat.FLAC: "audio/flac",
    AudioFormat.WAV: "audio/wav",
    AudioFormat.PCM: "audio/pcm",
}


class Codec(StrEnum):
    """How samples are written in `wav` and `pcm`; the names are FFmpeg's. 8 bits are unsigned, as WAV has it."""

    U8 = "pcm_u8"
    S16LE = "pcm_s16le"
    S24LE = "pcm_s24le"
    S32LE = "pcm_s32le"
    MULAW = "pcm_mulaw"
    ALAW = "pcm_alaw"

    @property
    def bits(self) -> int:
        """Per sample, as written."""
        return _BITS.get(self, 8)


_BITS: Final = {Codec.S16LE: 16, Codec.S24LE: 24, Codec.S32LE: 32}


@dataclass(frozen=True, slots=True)
class Rendition:
    """How a client wants speech written down. By default as OpenAI does: 24 kHz, mono, 16 bits, the format's usual
    bit rate. `bit_rate` (bit/s) is of mp3, opus and aac, `codec` of wav and pcm. What a format has no place for is
    refused by `speech.renditions.rendition_of`."""

    format: AudioFormat = AudioFormat.MP3
    rate_hz: int = SAMPLE_RATE_HZ
    channels: int = 1
    bit_rate: int | None = None
    codec: Codec = Codec.S16LE

    @property
    def is_usual(self) -> bool:
        """Nothing but the format was chosen."""
        return self == Rendition(self.format)

    @property
    def media_type(self) -> str:
        """Raw samples tell what they are unless they are the usual. Companded ones are RFC 4856's audio/PCMU and
        audio/PCMA; at 8 kHz mono they have names that players know (µ-law: RFC 2046's audio/basic)."""
        if self.format is not AudioFormat.PCM or self.is_usual:
            return self.format.media_type
        shape = f"rate={self.rate_hz};channels={self.channels}"
        if self.codec in _COMPANDED:
            basic, named = _COMPANDED[self.codec]
            return basic if (self.rate_hz, self.channels) == (8_000, 1) else f"{named};{shape}"
        return f"audio/pcm;{shape}" + ("" if self.codec is Codec.S16LE else f";bits={self.codec.bits}")


_COMPANDED: Final = {
    Codec.MULAW: ("audio/basic", "audio/PCMU"),
    Codec.ALAW: ("audio/x-alaw-basic", "audio/PCMA"),
}


class Prewarm(StrEnum):
    """When a speech provider's model is loaded though nobody has asked it for anything yet."""

    NEVER = "never"
    ON_SUSPECT = "on_suspect"  # as soon as a more preferred provider is in trouble
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Price:
    """What a provider charges, in whatever currency the house counts in."""

    per_million_characters: float = 0.0
    per_million_tokens_in: float = 0.0
    per_million_tokens_out: float = 0.0

    def of_speech(self, characters: int) -> float:
        return characters * self.per_million_characters / 1e6

    def of_chat(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self.per_million_tokens_in + tokens_out * self.per_million_tokens_out) / 1e6


FREE: Final = Price()


@dataclass(frozen=True, slots=True)
class ProviderCard:
    """What is fixed about a provider. `is_discovered`: found on a usual port rather than configured, so its
    absence is nothing to report. `is_demo`: serves only when named. `known_models`: those configured, for servers
    that do not list theirs."""

    id: str
    kind: str
    host: str
    modalities: frozenset[Modality]
    tier: int = 1
    probe_interval_s: float = 1.0
    is_discovered: bool = False
    is_demo: bool = False
    first_byte_s: float = 120.0
    stall_s: float = 30.0
    concurrency: int | None = None
    queue_limit: int = 32
    queue_wait_s: float = 30.0
    is_billed: bool = False
    known_models: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()  # patterns: models that take audio in
    speaks: tuple[str, ...] = ()  # and those that answer with audio
    prewarm: Prewarm = Prewarm.NEVER
    price: Price = FREE
    shapes: frozenset[str] = frozenset()  # of `pitch` and `volume` what it does itself; the router does the rest


@dataclass(frozen=True, slots=True)
class Traits:
    """What a provider tells of a model beyond its name; what it does not tell is empty. `capabilities`: in words
    of Ollama's, completion, embedding, tools, vision, thinking … `modified_at` is RFC 3339."""

    capabilities: tuple[str, ...] = ()
    size_bytes: int = 0
    digest: str = ""
    modified_at: str = ""
    family: str = ""
    parameter_size: str = ""
    quantization: str = ""
    context_tokens: int | None = None

    @property
    def can_chat(self) -> bool:
        """Unless it is known to do other things only, such as to embed."""
        return not self.capabilities or "completion" in self.capabilities


UNTOLD: Final = Traits()
OLLAMA: Final = "ollama"  # the dialect that some clients and some servers have in common


@dataclass(frozen=True, slots=True)
class Model:
    """A model as a live provider reports it."""

    id: str
    state: str | None = None  # the provider's own word: up, cold, loading
    clones: bool = False  # whether it can speak with a voice copied from a recording
    eta_s: float | None = None  # seconds until it is loaded; None when it is, or nobody knows
    rtf: float | None = None  # its real-time factor as the provider measured it: generation time ÷ audio duration
    wait_s: float | None = None  # how long a request that comes now would wait for its turn, as the provider says
    traits: Traits = UNTOLD
    loaded_until: str | None = None  # RFC 3339: when it will be unloaded, if nobody asks it anything; as it says


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice as a live provider reports it."""

    id: str
    name: str
    language: str | None = None
    gender: str | None = None


class LibraryVoice(msgspec.Struct, frozen=True, kw_only=True):
    """A voice that is copied from a recording. Its id is made of the recording's SHA-256, so it is the same voice
    wherever the recording is."""

    id: str
    hash: str
    name: str
    created_at: int  # Unix time
    language: str | None = None
    gender: str | None = None
    warnings: tuple[str, ...] = ()


class Route(msgspec.Struct, frozen=True):
    """One way to serve a model name: a provider and the name that provider knows the model by.

    `substitutes` tells what differs from what was asked for: "model", "voice" or both; nothing by default.
    """

    provider: str
    model: str
    tier: int
    substitutes: tuple[str, ...] = ()


class Priority(StrEnum):
    """Who goes first at a node."""

    INTERACTIVE = "interactive"  # somebody listens
    BATCH = "batch"  # nobody waits for it yet


class CacheUse(StrEnum):
    """What a request wants of the cache, by its `Cache-Control` (RFC 9111 §5.2.1)."""

    USE = "use"
    REFRESH = "refresh"  # no-cache: not answered from it, but kept
    BYPASS = "bypass"  # no-store: neither


class Substitution(StrEnum):
    """What may speak in place of what was asked for."""

    NONE = "none"  # nothing
    SAME_VOICE = "same_voice"  # another engine with the same voice
    MAPPED = "mapped"  # another engine with the voice that `voices` maps for it
    ANY = "any"  # whatever can: speech does not go silent


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """`POST /v1/audio/speech`, checked. `speed` is a factor, 0.25 to 4; `voice` and `model` are the names the
    client used, None where it named none; `fallback` overrides the configured substitution."""

    text: str
    model: str | None = None
    voice: str | None = None
    rendition: Rendition = Rendition()
    speed: float = 1.0
    language: str | None = None
    seed: int | None = None
    instructions: str | None = None
    sse: bool = False
    stream: bool | None = None  # None: as `speech.stream` says
    cache: CacheUse = CacheUse.USE
    fallback: Substitution | None = None
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of speakable text, and the silence after it in seconds."""

    text: str
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Segment:
    """The unit of commitment of speech: a piece of text that one provider speaks whole or not at all. `seed` is
    one for the whole answer; `is_seed_given`: the client chose it."""

    text: str
    voice: str | None
    speed: float
    language: str | None
    seed: int
    instructions: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    is_seed_given: bool = False
    priority: Priority = Priority.INTERACTIVE


@dataclass(frozen=True, slots=True)
class Utterance:
    """A spoken segment: `pcm` is 24 kHz s16le mono; `generation_s` what the provider measured, else None."""

    pcm: bytes
    generation_s: float | None = None
    engine: str | None = None
    voice: str | None = None
    voice_hash: str | None = None  # of the recording that the voice was copied from
    billed_characters: int | None = None  # as the provider says; None: those of the text

    @property
    def duration_s(self) -> float:
        return len(self.pcm) / BYTES_PER_S
