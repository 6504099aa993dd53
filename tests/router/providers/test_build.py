"""Settings become providers."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from router.config import Settings
from router.domain import FREE, Modality, Prewarm, Price, ProviderCard
from router.providers import build

CHAT, SPEECH = frozenset({Modality.CHAT}), frozenset({Modality.SPEECH})
SHAPES = frozenset({"pitch", "volume"})


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
            ProviderCard("p", "openai", "pc", CHAT | SPEECH, 4, 5, shapes=SHAPES),
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
        (
            {"kind": "elevenlabs", "api_key": "k", "price": {"per_million_characters": 100}},
            ProviderCard(
                "p",
                "elevenlabs",
                "api.elevenlabs.io",
                SPEECH,
                probe_interval_s=15,
                first_byte_s=60,
                stall_s=10,
                concurrency=2,
                is_billed=True,
                price=Price(100),
            ),
        ),
        (
            {"kind": "cartesia", "api_key": "k", "billed": False, "concurrency": None},
            ProviderCard(
                "p",
                "cartesia",
                "api.cartesia.ai",
                SPEECH,
                probe_interval_s=15,
                first_byte_s=60,
                stall_s=10,
                known_models=("sonic-3.5",),
                shapes=frozenset({"volume"}),
            ),
        ),
        (
            {"kind": "chattts", "url": "http://h:1"},
            ProviderCard(
                "p", "chattts", "h", SPEECH, first_byte_s=60, stall_s=10, concurrency=1, known_models=("chattts",)
            ),
        ),
        (
            {"kind": "chatterbox-speak", "url": "http://h:1/speak", "concurrency": 2},
            ProviderCard(
                "p",
                "chatterbox-speak",
                "h",
                SPEECH,
                first_byte_s=60,
                stall_s=10,
                concurrency=2,
                known_models=("chatterbox",),
            ),
        ),
        (
            {"kind": "chatterbox-v1", "url": "http://h:1", "models": ["a", "b"]},
            ProviderCard(
                "p",
                "chatterbox-v1",
                "h",
                SPEECH,
                first_byte_s=60,
                stall_s=10,
                known_models=("a", "b"),
                shapes=SHAPES,
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
        ({"kind": "ollama", "url": "http://h:1"}, ("h", 1, "")),
        ({"kind": "ollama", "url": "http://h:1/v1"}, ("h", 1, "")),
        ({"kind": "ollama", "host": "pc", "port": 2}, ("192.168.1.2", 2, "")),
        ({"kind": "openai", "url": "http://h:1/api/openai"}, ("h", 1, "/api/openai")),
        ({"kind": "openai", "host": "pc", "port": 2}, ("192.168.1.2", 2, "/v1")),
        ({"kind": "tts-node", "url": "http://h:1"}, ("h", 1, "")),
        ({"kind": "chattts", "url": "http://h:1/v1"}, ("h", 1, "")),
        ({"kind": "chatterbox-v1", "url": "http://h:1/"}, ("h", 1, "")),
        ({"kind": "chatterbox-speak", "url": "http://h:1/speak"}, ("h", 1, "/speak")),
        ({"kind": "tts-node", "url": "http://h:1/v1"}, ("h", 1, "")),
        ({"kind": "tts-node", "url": "http://h:1/tts/v1"}, ("h", 1, "/tts")),
        ({"kind": "elevenlabs", "api_key": "k"}, ("api.elevenlabs.io", 443, "")),
        ({"kind": "elevenlabs", "api_key": "k", "url": "http://h:1/v1"}, ("h", 1, "")),
        ({"kind": "cartesia", "api_key": "k"}, ("api.cartesia.ai", 443, "")),
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
        {"kind": "chattts", "url": ""},
        {"kind": "chatterbox-v1", "url": ""},
        {"kind": "chatterbox-speak", "url": ""},
        {"kind": "openai", "host": "off", "port": 2},
        {"kind": "tts-node", "host": "off", "port": 2},
        {"kind": "elevenlabs"},
        {"kind": "elevenlabs", "api_key": "k", "url": ""},
        {"kind": "cartesia", "api_key": ""},
    ],
)
def test_without_an_address_a_provider_is_left_out(entry: dict[str, Any]) -> None:
    """So that a variable can switch it on."""
    assert {} == _built({"p": entry}, hosts={"off": {"address": ""}})


@pytest.mark.parametrize(("price", "is_free"), [({}, True), ({"per_million_tokens_in": 0.1}, False)])
def test_who_charges_nothing_is_free(price: dict[str, float], is_free: bool) -> None:
    """The very object, so that a chat tells it at a glance."""
    built = _built({"p": {"kind": "openai", "url": "http://h:1", "price": price}})
    assert is_free is (built["p"].card.price is FREE)


def test_found_servers_are_providers_each() -> None:
    """But for the one on the router's own port."""
    built = _built(
        {"here": {"kind": "local-llm", "ports": {"a": 1, "b": 2, "me": 8701}, "tier": 2}}, server={"port": 8701}
    )
    assert ["a", "b"] == list(built)
    assert ProviderCard("a", "openai", "127.0.0.1", CHAT, 2, is_discovered=True) == built["a"].card


def test_the_port_called_ollama_is_ollamas() -> None:
    """So that it is known what it has loaded; its own routes lie beside /v1."""
    found = _built({"here": {"kind": "local-llm", "ports": {"ollama": 1, "b": 2}}})
    assert [("ollama", ""), ("openai", "/v1")] == [(p.card.kind, p._origin.address.path) for p in found.values()]


@pytest.mark.parametrize(
    ("keep_alive", "is_good"),
    [
        *((good, True) for good in ("", "30m", "-1", "0", "300", "1h30m", "1.5h", "-1m", 300, -1)),
        *((bad, False) for bad in ("ever", "5 m", "m", "1.5", "5d", "--1")),
    ],
)
def test_how_long_ollama_keeps_a_model(keep_alive: str | int, *, is_good: bool) -> None:
    """A duration of Go's, or seconds."""
    entry = {"p": {"kind": "ollama", "url": "http://h:1", "keep_alive": keep_alive}}
    if is_good:
        assert "p" in _built(entry)
    else:
        with pytest.raises(ValidationError):
            _built(entry)


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
