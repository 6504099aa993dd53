"""Providers of the documents' own servers, at fakes of those on the loopback."""

import json
from typing import Any

from fakes import ManualClock, speech_card
from vendors.server import Running

from router.config.provider_settings import ChatterboxSpeakProvider, ChatterboxV1Provider, ChatTTSProvider
from router.domain import ProviderCard
from router.providers.chatterbox_speak import ChatterboxSpeak
from router.providers.chatterbox_v1 import ChatterboxV1
from router.providers.chattts import ChatTTS
from router.providers.origin import Address, Origin

KEY = "vendor-key"


def chattts_at(running: Running, *, limits: Any = None, **entry: Any) -> ChatTTS:
    settings = ChatTTSProvider(kind="chattts", **entry)
    return ChatTTS(_card("chat", settings.models, limits), origin_at(running), settings)


def chatterbox_speak_at(
    running: Running, *, limits: Any = None, base: str = "", path: str = "/speak"
) -> ChatterboxSpeak:
    settings = ChatterboxSpeakProvider(kind="chatterbox-speak", path=path)
    return ChatterboxSpeak(_card("phone", settings.models, limits), origin_at(running, base=base), settings.path)


def chatterbox_v1_at(running: Running, *, limits: Any = None, key: str = KEY, **entry: Any) -> ChatterboxV1:
    told = json.dumps({"kind": "chatterbox-v1", "api_key": key, **entry})
    settings = ChatterboxV1Provider.model_validate_json(told)
    return ChatterboxV1(_card("agent", settings.models, limits), origin_at(running, key=key), settings)


def origin_at(running: Running, *, key: str = "", base: str = "") -> Origin:
    address = Address("http", "127.0.0.1", running.port, base)
    return Origin(address, api_key=key, connect_s=10, clock=ManualClock())


def _card(name: str, models: list[str], limits: Any) -> ProviderCard:
    given: dict[str, Any] = {"first_byte_s": 20, "stall_s": 20, **(limits or {})}
    return speech_card(name, known_models=tuple(models), **given)
