"""What a transcription model's name means."""

import json
from typing import Any

import pytest
from fakes import chat_card
from test_catalogue import _Reports

from router.catalogue import Catalogue, Listed
from router.config import Settings
from router.domain import Modality, ProviderCard, Route
from router.errors import InvalidRequest, NotFound

CHAT, TRANSCRIPTION = Modality.CHAT, Modality.TRANSCRIPTION


def _card(name: str, *others: Modality, tier: int = 1, **more: Any) -> ProviderCard:
    return ProviderCard(name, "openai", f"{name}-host", frozenset({TRANSCRIPTION, *others}), tier, **more)


def _catalogue(*cards: ProviderCard, models: Any = None, **reports: list[str]) -> Catalogue:
    settings = Settings.model_validate_json(json.dumps({"models": models or {}}))
    by_name = {card.id: card for card in cards}
    return Catalogue(by_name, settings.models, settings.speech, _Reports(**reports), settings.transcription)


STT, SECOND = _card("stt"), _card("second", tier=2)
ALL, CLOUD = _card("all", CHAT, Modality.SPEECH, tier=3), _card("cloud", CHAT, tier=4, is_billed=True)
CONFIGURED = {"transcription": {"serves": "transcription", "routes": [{"provider": "stt", "model": "large"}]}}
DEFAULTS = [None, "", "whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "transcription"]


@pytest.mark.parametrize("name", DEFAULTS)
def test_openais_names_and_none_mean_the_configured_default(name: str | None) -> None:
    """So that clients need not be told."""
    catalogue = _catalogue(STT, SECOND, models=CONFIGURED, stt=["small", "large"], second=["whisper-1"])
    assert [Route("stt", "large", 1)] == catalogue.resolve(TRANSCRIPTION, name)


@pytest.mark.parametrize("name", DEFAULTS)
def test_without_a_configured_default_everybody_who_transcribes_will_do(name: str | None) -> None:
    """Each with the model that it seems to have for that: servers of several things list all alike."""
    catalogue = _catalogue(
        STT,
        SECOND,
        ALL,
        CLOUD,
        stt=["own-model", "other"],
        second=[],
        all=["llama3", "kokoro", "Systran/faster-whisper-small"],
        cloud=["whisper-1", "gpt-4o"],
    )
    assert [
        Route("stt", "own-model", 1),
        Route("second", "whisper-1", 2),
        Route("all", "Systran/faster-whisper-small", 3),
    ] == catalogue.resolve(TRANSCRIPTION, name)


def test_a_server_that_has_the_asked_name_serves_it_by_that() -> None:
    """It is the best that can be guessed."""
    catalogue = _catalogue(STT, stt=["faster-whisper", "gpt-4o-transcribe"])
    assert [Route("stt", "gpt-4o-transcribe", 1)] == catalogue.resolve(TRANSCRIPTION, "gpt-4o-transcribe")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("small", [Route("stt", "small", 1)]),
        ("both", [Route("stt", "both", 1), Route("second", "both", 2)]),
        ("second/anything/else", [Route("second", "anything/else", 2)]),
        ("mine", [Route("second", "both", 2)]),
        ("off", []),
    ],
)
def test_other_names(name: str, expected: list[Route]) -> None:
    """A configured name, then `provider/model`, then what is reported."""
    models = {
        "mine": {"serves": "transcription", "routes": [{"provider": "second", "model": "both"}]},
        "off": {"serves": "transcription", "routes": [{"provider": "not-switched-on"}]},
    }
    catalogue = _catalogue(STT, SECOND, models=models, stt=["small", "both"], second=["both"])
    assert expected == catalogue.resolve(TRANSCRIPTION, name)


@pytest.mark.parametrize("name", ["larg", "llama3", "llm/llama3", "chatty"])
def test_an_unknown_name_is_a_404_with_close_ones(name: str) -> None:
    """A chat model does not transcribe."""
    models = {"chatty": {"routes": [{"provider": "llm"}]}}
    catalogue = _catalogue(STT, chat_card("llm"), models=models, stt=["large"], llm=["llama3"])
    with pytest.raises(NotFound) as caught:
        catalogue.resolve(TRANSCRIPTION, name)
    assert ("model", "model_not_found") == (caught.value.param, caught.value.code)
    assert "large" in caught.value.message


def test_who_bills_is_asked_only_by_name() -> None:
    """Its own name for a model is such a name, unless somebody else would do."""
    catalogue = _catalogue(CLOUD, cloud=["gpt-4o", "whisper-1"])
    assert [Route("cloud", "whisper-1", 4)] == catalogue.resolve(TRANSCRIPTION, "whisper-1")
    assert [Route("cloud", "x", 4)] == catalogue.resolve(TRANSCRIPTION, "cloud/x")
    for name, may_see in ((None, True), ("whisper-1", False)):
        with pytest.raises(NotFound):
            catalogue.resolve(TRANSCRIPTION, name, lambda _, may_see=may_see: may_see)  # type: ignore[misc]


@pytest.mark.parametrize("name", [None, "whisper-1", "large"])
def test_where_nobody_transcribes_the_error_says_what_to_add(name: str | None) -> None:
    """Not that a model is missing."""
    with pytest.raises(NotFound) as caught:
        _catalogue(chat_card("llm"), models=CONFIGURED, llm=["large"]).resolve(TRANSCRIPTION, name)
    assert "transcription_unavailable" == caught.value.code
    assert "serves: [transcription]" in caught.value.message


def test_a_chat_needs_another_model() -> None:
    """A provider that only transcribes is nobody's LLM."""
    with pytest.raises((NotFound, InvalidRequest)):
        _catalogue(STT, stt=["large"]).resolve(CHAT, "large")


def test_the_list_says_what_each_is_for() -> None:
    """As far as names tell, where a server serves several things."""
    catalogue = _catalogue(STT, ALL, models=CONFIGURED, stt=["large"], all=["llama3", "whisper-small"])
    assert [
        Listed("transcription", TRANSCRIPTION, ("stt",)),
        Listed("large", TRANSCRIPTION, ("stt",)),
        Listed("llama3", CHAT, ("all",)),
        Listed("whisper-small", TRANSCRIPTION, ("all",)),
    ] == catalogue.listed()


def test_how_long_a_tier_may_take() -> None:
    """The model's own setting, else two seconds."""
    models = {"transcription": {**CONFIGURED["transcription"], "max_wait_s": 9}}
    catalogue = _catalogue(STT, models=models)
    assert (9, 2) == tuple(catalogue.max_wait_s(TRANSCRIPTION, name) for name in ("whisper-1", "large"))
