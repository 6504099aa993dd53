"""The file that is shipped works as it stands and is the reference of every key."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from router.config import Settings, load, parse
from router.config import settings as types
from router.domain import Modality
from router.providers import build

DOCUMENTS = {  # what the documents' own variables switch on
    "chattts": "CHATTTS_API_URL",
    "chatterbox-agent": "CHATTERBOX_API_URL",
    "chatterbox-phone": "CHATTERBOX_URL",
}
SHIPPED = Path(__file__).parents[3] / "config" / "providers.yaml"


def test_it_loads_without_any_variable_and_switches_on_what_needs_none() -> None:
    """The gaming PC and the manager wait for an address."""
    settings = load(SHIPPED, {})
    built = build(settings, lambda: 0.0)
    assert "local-tts" in built
    assert "demo" in built
    assert {"gaming-pc-tts", "gaming-pc-llm", "tts-manager", "stt", *DOCUMENTS}.isdisjoint(built)


def test_variables_switch_providers_on() -> None:
    """As the comments say."""
    addresses = {"TTS_ENDPOINT": "http://192.168.86.63:8000", "STT_ENDPOINT": "http://192.168.1.20:8000"}
    settings = load(SHIPPED, {"GAMING_PC": "192.168.1.20", **addresses})
    assert {"gaming-pc-tts", "gaming-pc-llm", "tts-manager", "stt"} <= set(build(settings, lambda: 0.0))


@pytest.mark.parametrize(("provider", "variable"), DOCUMENTS.items())
def test_the_documents_variables_switch_their_servers_on(provider: str, variable: str) -> None:
    """One each; the route of the default model is there already."""
    settings = load(SHIPPED, {variable: "http://192.168.1.20:5000"})
    assert {provider} == set(DOCUMENTS) & set(build(settings, lambda: 0.0))
    assert provider in [route.provider for route in settings.models[settings.speech.default_model].routes]


def test_the_agents_ids_are_honoured() -> None:
    """Document 002's voice and model."""
    ids = {"CHATTERBOX_VOICE_ID": "voice_2", "CHATTERBOX_MODEL_ID": "model_2"}
    settings = load(SHIPPED, {"CHATTERBOX_API_URL": "http://h:1", **ids})
    entry = settings.providers["chatterbox-agent"]
    assert ("voice_2", ["model_2"]) == (getattr(entry, "voice", None), getattr(entry, "models", None))
    assert "model_2" in [route.model for route in settings.models["speech"].routes]


@pytest.mark.parametrize("provider", ["chatterbox", "elevenlabs"])
def test_the_agents_provider_is_the_default(provider: str) -> None:
    """Document 002's TTS_PROVIDER; what it names can be asked for."""
    settings = load(SHIPPED, {"TTS_PROVIDER": provider, "CHATTERBOX_URL": "http://h:1"})
    assert provider == settings.speech.default_model
    built = build(settings, lambda: 0.0).values()
    assert provider in {*settings.models, *(model for each in built for model in each.card.known_models)}


@pytest.mark.parametrize(
    ("environment", "host", "port", "node"),
    [
        ({}, "127.0.0.1", 8700, "http://127.0.0.1:8006"),
        (
            {"ROUTER_HOST": "::1", "ROUTER_PORT": "9000", "TTS_NODE_PORT": "9001"},
            "::1",
            9000,
            "http://127.0.0.1:9001",
        ),
    ],
)
def test_addresses_follow_the_environment(environment: dict[str, str], host: str, port: int, node: str) -> None:
    """The documented variables."""
    settings = load(SHIPPED, environment)
    assert (host, port, node) == (
        settings.server.host,
        settings.server.port,
        getattr(settings.providers["local-tts"], "url", None),
    )


def test_values_that_are_written_out_are_the_defaults() -> None:
    """A reference that contradicts the code would mislead."""
    settings = load(SHIPPED, {})
    expected = (Settings().server, Settings().speech, Settings().transcription, Settings().cache)
    assert expected == (settings.server, settings.speech, settings.transcription, settings.cache)


def test_every_key_is_mentioned() -> None:
    """A key that is not in the reference is not documented."""
    text = SHIPPED.read_text(encoding="utf-8")
    classes = [
        c for c in vars(types).values() if isinstance(c, type) and issubclass(c, BaseModel) and c is not BaseModel
    ]
    keys = {name for c in classes for name in c.model_fields}
    assert set() == {key for key in keys if not re.search(rf"\b{key}\b", text)}


def test_what_is_commented_out_loads_too() -> None:
    """Examples that do not work are worse than none."""
    text = SHIPPED.read_text(encoding="utf-8")
    text = text.replace("voices: {}", "voices:").replace("clients: {}", "clients:")
    text = text.replace("phrases: []", "phrases:")
    shown = re.sub(r"^  # (\s*(?:[\w-]+:|- ).*)$", r"  \1", text, flags=re.MULTILINE)
    settings = parse(shown, "f.yaml", {})
    assert ({"narrator"}, {"open-webui"}, 1, True) == (
        set(settings.voices),
        set(settings.clients),
        len(settings.cache.phrases),
        "assistant" in settings.models,
    )


def test_the_default_speech_model_is_routed() -> None:
    """What tts-1 means exists."""
    settings = load(SHIPPED, {})
    assert Modality.SPEECH is settings.models[settings.speech.default_model].serves
