"""The typed settings: what each key of `config/providers.yaml` means, its unit, range and default.

These types are also the source of `config/providers.schema.json`. They hold values that are right by
themselves; what must fit together across sections is checked in `load.py`.
"""

from typing import Literal

from pydantic import Field

from router.config.provider_settings import ProviderSettings
from router.config.section import Port, Seconds, Section, Tier
from router.domain import AudioFormat, Modality, Substitution


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


class WyomingSettings(Section):
    """`wyoming`: a voice service for Home Assistant, with every voice of the house."""

    enabled: bool = Field(False, description="Listen for clients that speak the Wyoming protocol.")
    host: str = Field(
        "127.0.0.1", description="Address to bind. The protocol has no keys, so others must be let in expressly."
    )
    port: Port = Field(10_200, description="TCP port.")
    allow_anonymous: bool = Field(False, description="Serve whoever can reach the address.")
    allowed_addresses: list[str] = Field(
        [], description="IP addresses or networks, such as 192.168.1.20 or 192.168.1.0/24, that may connect."
    )
    model: str = Field("", description="The speech model. Empty: speech.default_model.")
    languages: list[str] = Field(
        ["en"],
        description="What voices speak that do not say: BCP 47 tags. Home Assistant shows a voice only under its "
        "languages.",
    )
    max_connections: int = Field(32, ge=1, le=10_000, description="Connections at once; more are turned away.")
    idle_s: Seconds = Field(300, description="How long a connection may be silent while nothing is spoken.")


class Settings(Section):
    """The whole file."""

    server: ServerSettings = ServerSettings()
    hosts: dict[str, HostSettings] = Field({})
    providers: dict[str, ProviderSettings] = Field({})
    models: dict[str, ModelSettings] = Field({})
    voices: dict[str, VoiceSettings] = Field({})
    clients: dict[str, ClientSettings] = Field({})
    speech: SpeechSettings = SpeechSettings()
    transcription: TranscriptionSettings = TranscriptionSettings()
    telephone: TelephoneSettings = TelephoneSettings()
    cache: CacheSettings = CacheSettings()
    wyoming: WyomingSettings = WyomingSettings()
