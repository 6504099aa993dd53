"""`providers.NAME`: one type for each `kind`, and what it may be told."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from router.config.section import Port, Seconds, Section, Tier
from router.domain import Codec, Modality, Prewarm


class ProviderBase(Section):
    """What every provider has."""

    tier: Tier = Field(1, description="Preference: lower tiers serve first, higher ones when those cannot.")
    probe_interval_s: Seconds | None = Field(
        None, description="Seconds between liveness probes. Empty: 1, and 15 for https, which is not this house."
    )


class PriceSettings(Section):
    """`providers.NAME.price`: what it charges, in whatever currency the house counts in."""

    per_million_characters: float = Field(0, ge=0, description="Spoken characters.")
    per_million_tokens_in: float = Field(0, ge=0, description="Tokens read.")
    per_million_tokens_out: float = Field(0, ge=0, description="Tokens written.")


class HttpProviderBase(ProviderBase):
    """A provider behind a URL. Give `url`, or `host` (a name under `hosts`) and `port`.

    An empty `url` leaves the provider out, so that `${NAME:-}` switches one on.
    """

    shapes: ClassVar[frozenset[str]] = frozenset()  # see `ProviderCard`
    url: str | None = Field(None, description="Base URL, with or without /v1. Empty: the provider is left out.")
    host: str | None = Field(None, description="The machine, a name under `hosts`.")
    port: Port | None = Field(None, description="TCP port on `host`.")
    api_key: str = Field("", repr=False, description="Sent as a Bearer token. Never logged, never passed on.")
    connect_s: Seconds = Field(0.5, description="Dial timeout. An unplugged machine is silent, so keep it short.")
    concurrency: int | None = Field(None, ge=1, description="Requests at once; more wait. Empty: no limit.")
    queue_limit: int = Field(32, ge=0, description="Requests that may wait for a place; more go elsewhere.")
    queue_wait_s: Seconds = Field(30, description="How long a request may wait for a place.")
    billed: bool = Field(
        False,
        description="It charges for what it does: what may have been done there is not repeated elsewhere, and it "
        "stands in for nobody unless a route says so.",
    )
    price: PriceSettings = Field(PriceSettings(), description="What it charges; counted in router_cost_total.")


class OpenAIProvider(HttpProviderBase):
    """Any OpenAI-compatible server: Ollama, llama.cpp, vLLM, LM Studio, a manager, another router, a cloud."""

    shapes = frozenset({"pitch", "volume"})  # as with other fields of a request: they are passed on
    kind: Literal["openai"]
    serves: list[Modality] = Field(
        [Modality.CHAT], min_length=1, description="chat, speech, transcription, or several."
    )
    models: list[str] = Field([], description="Models it serves, for servers that do not list them.")
    hears: list[str] = Field(
        [],
        description="Chat models of it that take `input_audio` themselves, as patterns: `*audio*`. For others the "
        "router has it transcribed.",
    )
    speaks: list[str] = Field(
        [],
        description="Chat models of it that answer aloud themselves, as patterns. For others the router has the "
        "answer spoken.",
    )
    speech_stream_format: Literal["audio", "sse"] = Field(
        "audio", description="sse: ask for speech as server-sent events, for servers that have it no other way."
    )
    first_byte_s: Seconds = Field(120, description="Silence allowed before the first byte of an answer.")
    stall_s: Seconds = Field(30, description="Silence allowed between two bytes of an answer.")


class TtsNodeProvider(HttpProviderBase):
    """A tts-node of this project: the gaming PC's, or the one beside the router."""

    kind: Literal["tts-node"]
    # A node speaks one piece at a time and holds eight more; waiting here instead lets another node take over.
    concurrency: int | None = Field(4, ge=1, description="Requests at once; more wait. Empty: no limit.")
    queue_limit: int = Field(64, ge=0, description="Requests that may wait for a place; more go elsewhere.")
    prewarm: Prewarm = Field(
        Prewarm.ON_SUSPECT,
        description="When its model is loaded before anybody asks: never, on_suspect (as soon as a more preferred "
        "provider that it stands in for is in trouble or loads), always.",
    )
    first_byte_s: Seconds = Field(120, description="How long one segment may take to be spoken.")
    stall_s: Seconds = Field(
        30,
        description="Silence allowed between two bytes of a segment. Over http, which is the LAN, at most 0.6 s: "
        "a segment is whole before its first byte is sent.",
    )


class LocalLlmProvider(ProviderBase):
    """LLM servers on this machine, found on their usual ports and used as soon as they are up."""

    kind: Literal["local-llm"]
    address: str = Field("127.0.0.1", description="Where to look.")
    ports: dict[str, Port] = Field(
        {"ollama": 11434, "lm-studio": 1234, "llama-cpp": 8080, "vllm": 8000, "jan": 1337, "koboldcpp": 5001},
        description="Port by the name under which a server found there appears as a provider.",
    )
    first_byte_s: Seconds = Field(120, description="Silence allowed before the first byte of an answer.")
    stall_s: Seconds = Field(30, description="Silence allowed between two bytes of an answer.")


class DemoProvider(ProviderBase):
    """A built-in stand-in that answers chats by telling how to connect an LLM. Never a fallback."""

    kind: Literal["demo"]
    words_per_s: float = Field(20, gt=0, le=10_000, description="Pace of its streamed answer.")


class OllamaProvider(HttpProviderBase):
    """Ollama: its OpenAI routes for what is asked, its own to know which models are loaded."""

    kind: Literal["ollama"]
    serves: ClassVar = (Modality.CHAT,)
    keep_alive: Annotated[str, Field(pattern=r"^(-?\d+|-?(\d+(\.\d+)?(ms|s|m|h))+)?$")] | int = Field(
        "",
        description="How long a model stays loaded after an answer: 30m, 24h, seconds, -1 (for ever), 0. Empty: "
        "as Ollama itself is set.",
    )
    hears: list[str] = Field([], description="Chat models of it that take `input_audio` themselves, as patterns.")
    first_byte_s: Seconds = Field(120, description="Silence allowed before the first byte of an answer.")
    stall_s: Seconds = Field(30, description="Silence allowed between two bytes of an answer.")


class SpeechServerBase(HttpProviderBase):
    """A server that speaks, in a dialect of its own."""

    models: list[str] = Field([], description="Models it has, where it does not list them.")
    first_byte_s: Seconds = Field(60, description="How long one segment may take to be spoken.")
    stall_s: Seconds = Field(10, description="Silence allowed between two bytes of an answer.")


class LoneSpeechServer(SpeechServerBase):
    """One that computes in its event loop: while it speaks it answers nobody, and who comes next waits there."""

    concurrency: int | None = Field(1, ge=1, description="Requests at once; more wait. Empty: no limit.")


class ChatterboxSpeakProvider(LoneSpeechServer):
    """A Chatterbox server of an AI telephone: `POST /speak` with {text}, answered with WAV."""

    kind: Literal["chatterbox-speak"]
    models: list[str] = Field(["chatterbox"], description="What its model is called: it does not say.")
    path: str = Field("/speak", pattern=r"^/", description="The route, below the URL, which may end with it.")


class AudioFormatSettings(Section):
    """`providers.NAME.audio_format`: what to ask for, and what an answer without a header is."""

    sample_rate: int = Field(16_000, ge=8_000, le=192_000, description="Hz.")
    channels: Literal[1, 2] = Field(1, description="1 or 2.")
    codec: Codec = Field(
        Codec.S16LE, description="pcm_u8, pcm_s16le, pcm_s24le, pcm_s32le, pcm_mulaw or pcm_alaw."
    )

    def as_asked(self) -> dict[str, object]:
        """In the words of the request."""
        return {
            "sample_rate": self.sample_rate,
            "bit_depth": self.codec.bits,
            "channels": self.channels,
            "codec": str(self.codec),
        }


class ChatterboxV1Provider(SpeechServerBase):
    """A Chatterbox server of a voice agent: `POST /api/v1/tts`, `GET /api/v1/voices`, a Bearer key."""

    shapes = frozenset({"pitch", "volume"})
    kind: Literal["chatterbox-v1"]
    models: list[str] = Field(["model_1"], min_length=1, description="Its models, as `model_id` names them.")
    voice: str = Field("", description="The voice when a request names none that it has. Empty: its first.")
    pitch: float = Field(1.0, gt=0, le=4, description="Pitch, as a factor, when a request does not say.")
    volume: float = Field(1.0, ge=0, le=4, description="Loudness, as a factor, when a request does not say.")
    emotion: str = Field("neutral", description="Emotion, when a request does not say.")
    audio_format: AudioFormatSettings | None = Field(
        None, description="Sent with each request. Empty: not sent, and bare samples are 16 kHz, 16 bits, mono."
    )


class ChatTTSProvider(LoneSpeechServer):
    """A ChatTTS server: OpenAI's path, fields of its own, eight voices."""

    kind: Literal["chattts"]
    models: list[str] = Field(["chattts"], description="What its model is called: it does not say.")
    voice: str = Field("female_1", description="The voice when a request names none that it has.")
    connect_s: Seconds = Field(10, description="Dial timeout: it is usually rented, and far away.")
    temperature: float = Field(0.3, ge=0.1, le=1, description="Sampling temperature, when a request does not say.")
    top_p: float = Field(0.7, ge=0.5, le=1, description="Nucleus sampling, when a request does not say.")
    top_k: int = Field(20, ge=10, le=30, description="Top-k sampling, when a request does not say.")
    use_refine: bool = Field(False, description="Refine the text first, when a request does not say: slower.")


class CloudSpeechBase(SpeechServerBase):
    """A vendor on the internet. Without a key it is left out."""

    connect_s: Seconds = Field(3, description="Dial timeout, TLS included.")
    concurrency: int | None = Field(2, ge=1, description="Requests at once, as the plan allows; more wait.")
    voice: str = Field(
        "", description="Id of the voice when a request names none that it has. Empty: the first that it lists."
    )
    billed: bool = Field(
        True,
        description="It charges for what it does: what may have been done there is not repeated elsewhere, and it "
        "stands in for nobody unless a route says so.",
    )


class ElevenLabsProvider(CloudSpeechBase):
    """ElevenLabs. Its `models` are those it lists; the router's `voices` map names to its voice ids."""

    kind: Literal["elevenlabs"]
    url: str | None = Field("https://api.elevenlabs.io", description="Base URL; residencies have their own.")
    stability: float | None = Field(
        None, ge=0, le=1, description="When a request does not say. Empty: the voice's."
    )
    similarity_boost: float | None = Field(None, ge=0, le=1, description="Likewise.")
    style: float | None = Field(None, ge=0, le=1, description="Likewise.")


class CartesiaProvider(CloudSpeechBase):
    """Cartesia. The router's `voices` map names to its voice ids."""

    shapes = frozenset({"volume"})
    kind: Literal["cartesia"]
    url: str | None = Field("https://api.cartesia.ai", description="Base URL.")
    version: str = Field(
        "2026-08-14", pattern=r"^\d{4}-\d{2}-\d{2}$", description="Of its API, sent as Cartesia-Version."
    )
    models: list[str] = Field(["sonic-3.5"], description="Models it has: it does not list them.")


class WyomingProvider(LoneSpeechServer):
    """A Piper, or any other that speaks the Wyoming protocol. `url` is tcp://host:port."""

    kind: Literal["wyoming"]
    program: str = Field("", description="Which of its programs speaks. Empty: the first.")


ProviderSettings = Annotated[
    OpenAIProvider
    | TtsNodeProvider
    | LocalLlmProvider
    | DemoProvider
    | OllamaProvider
    | ChatterboxSpeakProvider
    | ChatterboxV1Provider
    | ChatTTSProvider
    | ElevenLabsProvider
    | CartesiaProvider
    | WyomingProvider,
    Field(discriminator="kind"),
]
