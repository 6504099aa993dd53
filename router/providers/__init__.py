"""The upstream dialects, one module each; vendor JSON does not leave them."""

from collections.abc import Iterator
from typing import Final

from router.config.settings import (
    DemoProvider,
    HttpProviderBase,
    LocalLlmProvider,
    OpenAIProvider,
    Settings,
    TtsNodeProvider,
)
from router.domain import Modality, Prewarm, ProviderCard
from router.ports import Monotonic, Provider
from router.providers.demo import Demo
from router.providers.openai import OpenAIServer
from router.providers.origin import Address, Origin
from router.providers.tts_node import TtsNode
from router.transport import TransportMaker, transport_to

__all__ = ["address_of", "build"]

PROBE_INTERVAL_S: Final = 1.0
REMOTE_PROBE_INTERVAL_S: Final = 15.0


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
            case OpenAIProvider() | TtsNodeProvider():
                if _is_switched_on(entry, settings):
                    providers[name] = _server(name, entry, settings, clock, transports)
    return providers


def address_of(name: str, settings: Settings) -> Address | None:
    """Where a provider is, one found on a usual port too; None for one without an address."""
    entry = settings.providers.get(name)
    if isinstance(entry, OpenAIProvider | TtsNodeProvider):
        return _address(entry, settings) if _is_switched_on(entry, settings) else None
    for found in settings.providers.values():
        if isinstance(found, LocalLlmProvider) and name in found.ports:
            return Address("http", found.address, found.ports[name], "/v1")
    return None


def _is_switched_on(entry: HttpProviderBase, settings: Settings) -> bool:
    """Whether there is an address: an empty `url` or host address leaves a provider out."""
    if entry.url is not None:
        return entry.url != ""
    return entry.host is not None and settings.hosts[entry.host].address != ""


def _server(
    name: str,
    entry: OpenAIProvider | TtsNodeProvider,
    settings: Settings,
    clock: Monotonic,
    transports: TransportMaker,
) -> Provider:
    address = _address(entry, settings)
    modalities = frozenset(entry.serves) if isinstance(entry, OpenAIProvider) else frozenset({Modality.SPEECH})
    card = ProviderCard(
        name,
        entry.kind,
        entry.host or address.host,
        modalities,
        entry.tier,
        entry.probe_interval_s or (REMOTE_PROBE_INTERVAL_S if address.scheme == "https" else PROBE_INTERVAL_S),
        first_byte_s=entry.first_byte_s,
        stall_s=entry.stall_s,
        concurrency=entry.concurrency,
        queue_limit=entry.queue_limit,
        queue_wait_s=entry.queue_wait_s,
        is_billed=entry.billed,
        known_models=tuple(entry.models) if isinstance(entry, OpenAIProvider) else (),
        hears=tuple(entry.hears) if isinstance(entry, OpenAIProvider) else (),
        speaks=tuple(entry.speaks) if isinstance(entry, OpenAIProvider) else (),
        prewarm=entry.prewarm if isinstance(entry, TtsNodeProvider) else Prewarm.NEVER,
    )
    if isinstance(entry, TtsNodeProvider):
        bare = address.with_path(address.path.removesuffix("/v1"))
        return TtsNode(card, _origin(bare, entry, clock, transports), clock)
    speaks_in_events = entry.speech_stream_format == "sse"
    return OpenAIServer(card, _origin(address, entry, clock, transports), speaks_in_events=speaks_in_events)


def _origin(address: Address, entry: HttpProviderBase, clock: Monotonic, transports: TransportMaker) -> Origin:
    return Origin(address, api_key=entry.api_key, connect_s=entry.connect_s, clock=clock, transports=transports)


def _address(entry: HttpProviderBase, settings: Settings) -> Address:
    if entry.url:
        address = Address.of(entry.url)
    else:
        assert entry.host is not None, "the configuration is checked"
        assert entry.port is not None, "the configuration is checked"
        address = Address("http", settings.hosts[entry.host].address, entry.port, "")
    return address if address.path else address.with_path("/v1")


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
