"""The upstream dialects, one module each; vendor JSON does not leave them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from router.config.provider_settings import (
    CartesiaProvider,
    ChatterboxSpeakProvider,
    ChatterboxV1Provider,
    ChatTTSProvider,
    CloudSpeechBase,
    DemoProvider,
    ElevenLabsProvider,
    HttpProviderBase,
    LocalLlmProvider,
    OllamaProvider,
    OpenAIProvider,
    TtsNodeProvider,
    WyomingProvider,
)
from router.config.settings import Settings
from router.domain import FREE, Modality, Price, ProviderCard
from router.ports import Header, Monotonic, Provider
from router.providers import cartesia, elevenlabs
from router.providers.cartesia import Cartesia
from router.providers.chatterbox_speak import ChatterboxSpeak
from router.providers.chatterbox_v1 import ChatterboxV1
from router.providers.chattts import ChatTTS
from router.providers.demo import Demo
from router.providers.elevenlabs import ElevenLabs
from router.providers.ollama import Ollama
from router.providers.openai import OpenAIServer
from router.providers.origin import Address, Origin
from router.providers.tts_node import TtsNode
from router.providers.wyoming import Wyoming
from router.transport import TransportMaker, transport_to

__all__ = ["address_of", "build"]

PROBE_INTERVAL_S: Final = 1.0
REMOTE_PROBE_INTERVAL_S: Final = 15.0
_Maker = Callable[[ProviderCard, Origin, Any, Monotonic], Provider]
"""Of a card, its origin, its entry in the configuration, and a clock."""


def _openai(card: ProviderCard, origin: Origin, entry: OpenAIProvider, clock: Monotonic) -> Provider:
    del clock
    return OpenAIServer(card, origin, speaks_in_events=entry.speech_stream_format == "sse")


def _tts_node(card: ProviderCard, origin: Origin, entry: TtsNodeProvider, clock: Monotonic) -> Provider:
    del entry
    return TtsNode(card, origin, clock)


def _chatterbox_speak(
    card: ProviderCard, origin: Origin, entry: ChatterboxSpeakProvider, clock: Monotonic
) -> Provider:
    del clock
    return ChatterboxSpeak(card, origin, entry.path)


def _chatterbox_v1(card: ProviderCard, origin: Origin, entry: ChatterboxV1Provider, clock: Monotonic) -> Provider:
    del clock
    return ChatterboxV1(card, origin, entry)


def _chattts(card: ProviderCard, origin: Origin, entry: ChatTTSProvider, clock: Monotonic) -> Provider:
    del clock
    return ChatTTS(card, origin, entry)


def _elevenlabs(card: ProviderCard, origin: Origin, entry: ElevenLabsProvider, clock: Monotonic) -> Provider:
    return ElevenLabs(card, origin, clock, entry)


def _cartesia(card: ProviderCard, origin: Origin, entry: CartesiaProvider, clock: Monotonic) -> Provider:
    return Cartesia(card, origin, clock, entry)


def _wyoming(card: ProviderCard, origin: Origin, entry: WyomingProvider, clock: Monotonic) -> Provider:
    return Wyoming(card, origin, clock, program=entry.program)


def _ollama(card: ProviderCard, origin: Origin, entry: OllamaProvider, clock: Monotonic) -> Provider:
    return Ollama(card, origin, keep_alive=str(entry.keep_alive), clock=clock)


_MAKERS: Final[Mapping[type[HttpProviderBase], _Maker]] = {
    OpenAIProvider: _openai,
    OllamaProvider: _ollama,
    TtsNodeProvider: _tts_node,
    WyomingProvider: _wyoming,
    ChatterboxSpeakProvider: _chatterbox_speak,
    ChatterboxV1Provider: _chatterbox_v1,
    ChatTTSProvider: _chattts,
    ElevenLabsProvider: _elevenlabs,
    CartesiaProvider: _cartesia,
}
# What an entry says in the card's own words; a kind may lack some.
_OF_THE_CARD: Final = frozenset(
    {
        "kind",
        "models",
        "tier",
        "first_byte_s",
        "stall_s",
        "concurrency",
        "queue_limit",
        "queue_wait_s",
        "prewarm",
        "hears",
        "speaks",
    }
)
_OLLAMA: Final = "ollama"
_BELOW_V1: Final = (OpenAIProvider,)  # their routes are below /v1, which a URL may leave out


def build(settings: Settings, clock: Monotonic, transports: TransportMaker = transport_to) -> dict[str, Provider]:
    """The configured providers by name, in the order of the file. Opens no connection."""
    providers: dict[str, Provider] = {}
    for name, entry in settings.providers.items():
        match entry:
            case DemoProvider():
                card = ProviderCard(name, entry.kind, name, frozenset({Modality.CHAT}), entry.tier, is_demo=True)
                providers[name] = Demo(card, entry.words_per_s)
            case LocalLlmProvider():
                providers |= {p.card.id: p for p in _local_llms(entry, settings, clock, transports)}
            case _ if _is_switched_on(entry, settings):
                providers[name] = _server(name, entry, settings, clock, transports)
    return providers


def address_of(name: str, settings: Settings) -> Address | None:
    """Where a provider is, one found on a usual port too; None for one without an address."""
    entry = settings.providers.get(name)
    if isinstance(entry, HttpProviderBase):
        return _address(entry, settings) if _is_switched_on(entry, settings) else None
    for found in settings.providers.values():
        if isinstance(found, LocalLlmProvider) and name in found.ports:
            return Address("http", found.address, found.ports[name], "/v1")
    return None


def _is_switched_on(entry: HttpProviderBase, settings: Settings) -> bool:
    """Whether there is an address: an empty `url` or host address leaves a provider out, so does a vendor's empty
    key."""
    if isinstance(entry, CloudSpeechBase) and not entry.api_key:
        return False
    if entry.url is not None:
        return entry.url != ""
    return entry.host is not None and settings.hosts[entry.host].address != ""


def _server(
    name: str, entry: HttpProviderBase, settings: Settings, clock: Monotonic, transports: TransportMaker
) -> Provider:
    address = _address(entry, settings)
    origin = Origin(
        address,
        api_key=entry.api_key,
        connect_s=entry.connect_s,
        clock=clock,
        transports=transports,
        key_header=elevenlabs.KEY_HEADER if isinstance(entry, ElevenLabsProvider) else None,
        headers=_headers_for(entry),
    )
    return _MAKERS[type(entry)](_card(name, entry, address), origin, entry, clock)


def _headers_for(entry: HttpProviderBase) -> list[Header]:
    """What a dialect wants on every request, beside the key."""
    return [cartesia.version_header(entry.version)] if isinstance(entry, CartesiaProvider) else []


def _card(name: str, entry: HttpProviderBase, address: Address) -> ProviderCard:
    told: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry if key in _OF_THE_CARD
    }
    modalities = frozenset(getattr(entry, "serves", (Modality.SPEECH,)))
    return ProviderCard(
        name,
        kind=told.pop("kind"),
        host=entry.host or address.host,
        modalities=modalities,
        probe_interval_s=entry.probe_interval_s
        or (REMOTE_PROBE_INTERVAL_S if address.scheme == "https" else PROBE_INTERVAL_S),
        is_billed=entry.billed,
        known_models=told.pop("models", ()),
        price=_price(entry),
        shapes=entry.shapes if Modality.SPEECH in modalities else frozenset(),
        **told,
    )


def _price(entry: HttpProviderBase) -> Price:
    price = Price(**dict(entry.price))
    return FREE if price == FREE else price  # which is told apart at a glance, once a chat


def _address(entry: HttpProviderBase, settings: Settings) -> Address:
    if entry.url:
        address = Address.of(entry.url)
    else:
        assert entry.host is not None, "the configuration is checked"
        assert entry.port is not None, "the configuration is checked"
        scheme = "tcp" if isinstance(entry, WyomingProvider) else "http"
        address = Address(scheme, settings.hosts[entry.host].address, entry.port, "")
    if isinstance(entry, _BELOW_V1):
        return address if address.path else address.with_path("/v1")
    return address.with_path(address.path.removesuffix("/v1"))


def _local_llms(
    entry: LocalLlmProvider, settings: Settings, clock: Monotonic, transports: TransportMaker
) -> Iterator[Provider]:
    """A provider for every usual port but the router's own; those nobody listens on are merely down. The one that
    is called `ollama` is taken for Ollama."""
    for name, port in entry.ports.items():
        if port == settings.server.port:
            continue
        is_ollama = name == _OLLAMA
        card = ProviderCard(
            name,
            _OLLAMA if is_ollama else "openai",
            entry.address,
            frozenset({Modality.CHAT}),
            entry.tier,
            entry.probe_interval_s or PROBE_INTERVAL_S,
            is_discovered=True,
            first_byte_s=entry.first_byte_s,
            stall_s=entry.stall_s,
        )
        address = Address("http", entry.address, port, "" if is_ollama else "/v1")
        origin = Origin(address, api_key="", connect_s=0.5, clock=clock, transports=transports)
        yield Ollama(card, origin, clock=clock) if is_ollama else OpenAIServer(card, origin)
