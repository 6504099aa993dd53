"""Settings become providers."""

import json
from typing import Any

import pytest

from router.config import Settings
from router.domain import Modality, Prewarm, ProviderCard
from router.providers import build

CHAT, SPEECH = frozenset({Modality.CHAT}), frozenset({Modality.SPEECH})


def _built(providers: dict[str, Any], **sections: Any) -> dict[str, Any]:
    return build(Settings.model_validate_json(json.dumps({"providers": providers, **sections})), lambda: 0.0)


@pytest.mark.parametrize(
    ("entry", "card"),
    [
        ({"kind": "openai", "url": "http://h:1"}, ProviderCard("p", "openai", "h", CHAT)),
        (
            {
                "kind": "openai",
                "url": "http://h:1",
                "host": "pc",
                "serves": ["chat", "speech"],
                "tier": 4,
                "probe_interval_s": 5,
            },
            ProviderCard("p", "openai", "pc", CHAT | SPEECH, 4, 5),
        ),
        (
            {"kind": "openai", "host": "pc", "port": 2, "first_byte_s": 7, "stall_s": 8},
            ProviderCard("p", "openai", "pc", CHAT, first_byte_s=7, stall_s=8),
        ),
        (
            {"kind": "tts-node", "host": "pc", "port": 2},
            ProviderCard("p", "tts-node", "pc", SPEECH, concurrency=4, queue_limit=64, prewarm=Prewarm.ON_SUSPECT),
        ),
        (
            {
                "kind": "tts-node",
                "host": "pc",
                "port": 2,
                "concurrency": None,
                "queue_limit": 0,
                "billed": True,
                "prewarm": "always",
            },
            ProviderCard("p", "tts-node", "pc", SPEECH, queue_limit=0, is_billed=True, prewarm=Prewarm.ALWAYS),
        ),
        (
            {
                "kind": "openai",
                "url": "http://h:1",
                "models": ["a", "b"],
                "concurrency": 2,
                "queue_limit": 3,
                "queue_wait_s": 4,
                "billed": True,
            },
            ProviderCard(
                "p",
                "openai",
                "h",
                CHAT,
                concurrency=2,
                queue_limit=3,
                queue_wait_s=4,
                is_billed=True,
                known_models=("a", "b"),
            ),
        ),
        ({"kind": "demo"}, ProviderCard("p", "demo", "p", CHAT, is_demo=True)),
        ({"kind": "openai", "url": "https://h/v1"}, ProviderCard("p", "openai", "h", CHAT, probe_interval_s=15)),
        (
            {"kind": "openai", "url": "https://h/v1", "probe_interval_s": 3},
            ProviderCard("p", "openai", "h", CHAT, probe_interval_s=3),
        ),
    ],
)
def test_cards(entry: dict[str, Any], card: ProviderCard) -> None:
    """What is fixed about a provider."""
    assert card == _built({"p": entry}, hosts={"pc": {"address": "192.168.1.2"}})["p"].card


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ({"kind": "openai", "url": "http://h:1"}, ("h", 1, "/v1")),
        ({"kind": "openai", "url": "http://h:1/"}, ("h", 1, "/v1")),
        ({"kind": "openai", "url": "http://h:1/v1/"}, ("h", 1, "/v1")),
        ({"kind": "openai", "url": "http://h:1/api/openai"}, ("h", 1, "/api/openai")),
        ({"kind": "openai", "host": "pc", "port": 2}, ("192.168.1.2", 2, "/v1")),
        ({"kind": "tts-node", "url": "http://h:1"}, ("h", 1, "")),
        ({"kind": "tts-node", "url": "http://h:1/v1"}, ("h", 1, "")),
        ({"kind": "tts-node", "url": "http://h:1/tts/v1"}, ("h", 1, "/tts")),
    ],
)
def test_addresses(entry: dict[str, Any], shown: tuple[str, int, str]) -> None:
    """With or without /v1; a node's health lies beside it."""
    address = _built({"p": entry}, hosts={"pc": {"address": "192.168.1.2"}})["p"]._origin.address
    assert shown == (address.host, address.port, address.path)


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "openai", "url": ""},
        {"kind": "openai", "host": "off", "port": 2},
        {"kind": "tts-node", "host": "off", "port": 2},
    ],
)
def test_without_an_address_a_provider_is_left_out(entry: dict[str, Any]) -> None:
    """So that a variable can switch it on."""
    assert {} == _built({"p": entry}, hosts={"off": {"address": ""}})


def test_found_servers_are_providers_each() -> None:
    """But for the one on the router's own port."""
    built = _built(
        {"here": {"kind": "local-llm", "ports": {"a": 1, "b": 2, "me": 8701}, "tier": 2}}, server={"port": 8701}
    )
    assert ["a", "b"] == list(built)
    assert ProviderCard("a", "openai", "127.0.0.1", CHAT, 2, is_discovered=True) == built["a"].card


def test_the_order_is_that_of_the_file() -> None:
    """Ties are broken by it."""
    assert ["z", "x", "a", "y"] == list(
        _built(
            {
                "z": {"kind": "demo"},
                "here": {"kind": "local-llm", "ports": {"x": 1, "a": 2}},
                "y": {"kind": "demo"},
            }
        )
    )
