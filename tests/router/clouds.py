"""The vendors' providers at fakes of the vendors, on the loopback."""

from typing import Any

from fakes import ManualClock, speech_card
from vendors.server import Running

from router.config.provider_settings import CartesiaProvider, ElevenLabsProvider
from router.domain import ProviderCard, Segment
from router.ports import Monotonic
from router.providers import cartesia, elevenlabs
from router.providers.cartesia import Cartesia
from router.providers.elevenlabs import ElevenLabs
from router.providers.origin import Address, Origin

KEY = "vendor-key"
TEXT = "The kettle is on, and the cat is out."


def card(name: str, **more: Any) -> ProviderCard:
    given: dict[str, Any] = {"first_byte_s": 20, "stall_s": 20, "is_billed": True, **more}
    return speech_card(name, **given)


def elevenlabs_at(
    running: Running, clock: Monotonic | None = None, *, key: str = KEY, limits: Any = None, **entry: Any
) -> ElevenLabs:
    settings = ElevenLabsProvider(kind="elevenlabs", api_key=key, **entry)
    origin = _origin(running, key, clock, key_header=elevenlabs.KEY_HEADER)
    return ElevenLabs(card("eleven", **(limits or {})), origin, clock or ManualClock(), settings)


def cartesia_at(
    running: Running, clock: Monotonic | None = None, *, key: str = KEY, limits: Any = None, **entry: Any
) -> Cartesia:
    settings = CartesiaProvider(kind="cartesia", api_key=key, **entry)
    origin = _origin(running, key, clock, headers=[cartesia.version_header(settings.version)])
    mine = card("cart", known_models=tuple(settings.models), **(limits or {}))
    return Cartesia(mine, origin, clock or ManualClock(), settings)


def _origin(running: Running, key: str, clock: Monotonic | None, **more: Any) -> Origin:
    address = Address("http", "127.0.0.1", running.port, "")
    return Origin(address, api_key=key, connect_s=10, clock=clock or ManualClock(), **more)


def segment(voice: str | None = None, *, text: str = TEXT, speed: float = 1.0, **more: Any) -> Segment:
    return Segment(text, voice, speed, more.pop("language", None), more.pop("seed", 7), **more)
