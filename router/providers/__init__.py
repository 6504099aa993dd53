"""The upstream dialects, one module each; vendor JSON does not leave them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from router.config.provider_settings import (
    CloudSpeechBase,
    DemoProvider,
    HttpProviderBase,
    LocalLlmProvider,
    OpenAIProvider,
    TtsNodeProvider,
)
from router.config.settings import Settings
from router.domain import Modality, Price, ProviderCard
from router.ports import Monotonic, Provider
from router.providers.demo import Demo
from router.providers.openai import OpenAIServer
from router.providers.origin import Address, Origin
from router.providers.tts_node import TtsNode
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


_MAKERS: Final[Mapping[type[HttpProviderBase], _Maker]] = {
    OpenAIProvider: _openai,
    TtsNodeProvider: _tts_node,
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
    origin = Origin(address, api_key=entry.api_key, connect_s=entry.connect_s, clock=clock, transports=transports)
    return _MAKERS[type(entry)](_card(name, entry, address), origin, entry, clock)


def _card(name: str, entry: HttpProviderBase, address: Address) -> ProviderCard:
    told: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry if key in _OF_THE_CARD
    }
    return ProviderCard(
        name,
        kind=told.pop("kind"),
        host=entry.host or address.host,
        modalities=frozenset(getattr(entry, "serves", (Modality.SPEECH,))),
        probe_interval_s=entry.probe_interval_s
        or (REMOTE_PROBE_INTERVAL_S if address.scheme == "https" else PROBE_INTERVAL_S),
        is_billed=entry.billed,
        known_models=told.pop("models", ()),
        price=Price(**dict(entry.price)),
        **told,
    )


def _address(entry: HttpProviderBase, settings: Settings) -> Address:
    if entry.url:
        address = Address.of(entry.url)
    else:
        assert entry.host is not None, "the configuration is checked"
        assert entry.port is not None, "the configuration is checked"
        address = Address("http", settings.hosts[entry.host].address, entry.port, "")
    if isinstance(entry, _BELOW_V1):
        return address if address.path else address.with_path("/v1")
    return address.with_path(address.path.removesuffix("/v1"))


def _local_llms(
    entry: LocalLlmProvider, settings: Settings, clock: Monotonic, transports: TransportMaker
) -> Iterator[Provider]:
    """A provider for every usual port but the router's own; those nobody listens on are merely down."""
    for name, port in entry.ports.items():
        if port == settings.server.port:
            continue
        card = ProviderCard(
            name,
            "openai",
            entry.address,
            frozenset({Modality.CHAT}),
            entry.tier,
            entry.probe_interval_s or PROBE_INTERVAL_S,
            is_discovered=True,
            first_byte_s=entry.first_byte_s,
            stall_s=entry.stall_s,
        )
        address = Address("http", entry.address, port, "/v1")
        origin = Origin(address, api_key="", connect_s=0.5, clock=clock, transports=transports)
        yield OpenAIServer(card, origin)
