"""The typed settings: what each key of `config/providers.yaml` means, its unit, range and default.

These types are also the source of `config/providers.schema.json`. They hold values that are right by
themselves; what must fit together across sections is checked in `load.py`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from router.domain import AudioFormat, Modality, Prewarm, Substitution

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Tier = Annotated[int, Field(ge=0, le=1_000)]


class Section(BaseModel):
    """Every section: unknown keys and wrong types are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ServerSettings(Section):
    """`server`: where the router listens, who is let in, how much it accepts."""

    host: str = Field("127.0.0.1", description="Address to bind. Anything but loopback needs client keys.")
    port: Port = Field(8700, description="TCP port.")
    allow_anonymous: bool = Field(False, description="Serve without keys on an address that others can reach.")
    trusted_hosts: list[str] = Field(
        [], description="Names (Host, Origin) by which browsers may call the router, beside localhost and IPs."
    )
    cors_origins: list[str] = Field(
        [],
        description="Origins whose pages may call the router, such as https://chat.example; or *.",
    )
    open_routes: list[Literal["health", "ready", "metrics"]] = Field(
        ["health", "ready", "metrics"], description="Routes that need no key even when client keys are set."
    )
    max_body_mb: float = Field(32, gt=0, le=4096, description="Largest request body in MiB; beyond it, 413.")
    shutdown_grace_s: Seconds = Field(30, description="How long streams in flight may finish after SIGTERM.")
    log_format: Literal["auto", "text", "json"] = Field(
        "auto", description="auto: readable on a terminal, JSON otherwise."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe level logged."
    )
    log_text: bool = Field(False, description="Log the text of speech requests. Off: text never reaches a log.")


class HostSettings(Section):
    """`hosts.NAME`: a machine. Providers on it fail together when it goes."""

    address: str = Field(description="IP address or DNS name. Empty: the providers on it are left out.")


class ProviderBase(Section):
    """What every provider has."""

    tier: Tier = Field(1, description="Preference: lower tiers serve first, higher ones when those cannot.")
    probe_interval_s: Seconds | None = Field(
        None, description="Seconds between liveness probes. Empty: 1, and 15 for https, which is not this house."
    )


class HttpProviderBase(ProviderBase):
    """A provider behind a URL. Give `url`, or `host` (a name under `hosts`) and `port`.

    An empty `url` leaves the provider out, so that `${NAME:-}` switches one on.
    """

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


class OpenAIProvider(HttpProviderBase):
    """Any OpenAI-compatible server: Ollama, llama.cpp, vLLM, LM Studio, a manager, another router, a cloud."""

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


ProviderSettings = Annotated[
    OpenAIProvider | TtsNodeProvider | LocalLlmProvider | DemoProvider, Field(discriminator="kind")
]


class RouteSettings(Section):
    """One way to serve a model."""

    provider: str = Field(description="A name under `providers`.")
    model: str = Field("", description="The name that provider knows the model by. Empty: the same name.")
    tier: Tier | None = Field(None, description="Overrides the provider's tier.")


class ModelSettings(Section):
    """`models.NAME`: a name clients may ask for, and the providers behind it in order of preference."""

    serves: Modality = Field(Modality.CHAT, description="chat, speech or transcription.")
    routes: list[RouteSettings] = Field(min_length=1, description="Where it can be served.")
    max_wait_s: Seconds | None = Field(
        None, description="Overrides 2 s (speech: speech.max_wait_s) as the longest predicted wait for a tier."
    )


class VoiceSettings(Section):
    """`voices.NAME`: a voice of the house, and what each provider calls it."""

    use: dict[str, str] = Field(min_length=1, description="Provider name: that provider's voice.")
    language: str | None = Field(None, description="BCP 47 tag, shown in the voice list.")
    gender: str | None = Field(None, description="Shown in the voice list.")
    substitution: Substitution | None = Field(None, description="Overrides speech.substitution for this voice.")


class ClientSettings(Section):
    """`clients.NAME`: somebody with a key. `local-ai-router keys new NAME` prints this."""

    key_sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$", repr=False, description="SHA-256 of the key, in hex. The key is not kept."
    )
    role: Literal["user", "admin"] = Field("user", description="admin may use /admin.")
    models: list[str] = Field(["*"], description="Models it may use, as patterns: `llama*`, `speech`.")
    requests_per_minute: int | None = Field(
        None, ge=1, description="Chats and speeches a minute; beyond it, 429. Empty: no limit."
    )


class SpeechSettings(Section):
    """`speech`: defaults and limits of `/v1/audio/speech`."""

    default_model: str = Field("speech", description="What tts-1, tts-1-hd, gpt-4o-mini-tts and no model mean.")
    default_voice: str = Field("alloy", description="The voice when the client names none.")
    voices_dir: str = Field("", description="Where the voice library is kept. Empty: the user's data folder.")
    max_input_chars: int = Field(100_000, ge=1, le=1_000_000, description="Longest `input`.")
    stream: Literal["auto", "never", "always"] = Field(
        "auto",
        description="When an answer is sent while it is spoken. auto: when its text is longer than "
        "complete_under_chars. A client's own `stream` goes first.",
    )
    complete_under_chars: int = Field(
        200, ge=0, description="Shorter texts are answered whole, with X-Audio-Duration and X-Generation-Time."
    )
    ahead_s: Seconds = Field(
        60, description="How far ahead of the listener speech is made: what covers the loss of a machine."
    )
    quick_chars: int = Field(
        18,
        ge=12,
        le=300,
        description="About how long the first segment of a chat's answer is: it is spoken whole before it is "
        "heard, so its length is the wait. More sounds better where speech is made fast: 40 is a clause.",
    )
    hold_s: Seconds = Field(
        8,
        description="How far ahead speech is made while a language model on the same machine still writes the "
        "answer: both need its GPU.",
    )
    without_voice: Literal["text", "error"] = Field(
        "text",
        description="What a chat that was to be spoken becomes while nobody can speak: text (complete, without "
        "audio; X-Router-Audio tells) or error (503).",
    )
    reply_kept_s: Seconds = Field(
        3600, description="How long a spoken chat reply can be referred to by its audio id in a later turn."
    )
    patience_s: Seconds = Field(
        10, description="How long a text waits for somebody to speak it when those who could have just been lost."
    )
    substitution: Substitution = Field(
        Substitution.ANY,
        description="What may speak in place of what was asked for: none, same_voice (another engine, the same "
        "voice), mapped (the voice mapped for it), any (speech does not go silent).",
    )
    max_wait_s: Seconds = Field(
        2, description="A route whose first sound is predicted to take longer is served by the next tier."
    )


class TranscriptionSettings(Section):
    """`transcription`: defaults and limits of `/v1/audio/transcriptions` and `/v1/audio/translations`."""

    default_model: str = Field(
        "transcription",
        description="What whisper-1, gpt-4o-transcribe, gpt-4o-mini-transcribe and no model mean. When nothing is "
        "called so: the first model of each provider that transcribes.",
    )
    max_upload_mb: float = Field(100, gt=0, le=4096, description="Largest upload in MiB; beyond it, 413.")
    max_uploads: int = Field(
        16, ge=1, le=1000, description="Uploads held at once, each up to max_upload_mb on the disk; then 429."
    )
    upload_s: Seconds = Field(900, description="How long an upload may take; 60 s without a byte end it, too.")


class TelephoneSettings(Section):
    """`telephone`: who answers `/process-text` and `/process-audio`."""

    model: str = Field("", description="The language model. Empty: the first that can chat now.")
    voice: str = Field("", description="The voice. Empty: speech.default_voice.")
    prompt: str = Field("", description="What the model is told when the request has no `prompt`.")


class PhraseSettings(Section):
    """`cache.phrases`: something that is often said, spoken before anybody asks."""

    text: str = Field(min_length=1, max_length=4096, description="What is said.")
    model: str | None = Field(None, description="The model. Empty: speech.default_model.")
    voice: str | None = Field(None, description="The voice. Empty: speech.default_voice.")
    language: str | None = Field(None, description="BCP 47 tag, for engines that speak several.")
    format: AudioFormat = Field(AudioFormat.MP3, description="mp3, opus, aac, flac, wav or pcm.")
    speed: float = Field(1.0, ge=0.25, le=4, description="Factor.")


class CacheSettings(Section):
    """`cache`: speech that was spoken before."""

    enabled: bool = Field(True, description="Keep what was spoken, and answer from it.")
    memory_mb: int = Field(64, ge=0, le=65_536, description="MiB kept in memory. 0: none.")
    disk_mb: int = Field(1024, ge=0, le=16_777_216, description="MiB kept on the disk. 0: none.")
    dir: str = Field("", description="Where on the disk. Empty: the user's cache folder.")
    max_age_days: float = Field(90, gt=0, le=36_500, description="What is older is spoken anew.")
    phrases: list[PhraseSettings] = Field(
        [], max_length=1000, description="Spoken ahead at start and after a reload, when nobody else is waiting."
    )


class Settings(Section):
    """The whole file."""

    server: ServerSettings = ServerSettings()
    hosts: dict[str, HostSettings] = {}
    providers: dict[str, ProviderSettings] = {}
    models: dict[str, ModelSettings] = {}
    voices: dict[str, VoiceSettings] = {}
    clients: dict[str, ClientSettings] = {}
    speech: SpeechSettings = SpeechSettings()
    transcription: TranscriptionSettings = TranscriptionSettings()
    telephone: TelephoneSettings = TelephoneSettings()
    cache: CacheSettings = CacheSettings()
