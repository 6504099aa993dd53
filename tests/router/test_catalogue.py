"""What a model name means."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from fakes import chat_card, speech_card

from router.catalogue import SUBSTITUTE_MODEL_TIER, Catalogue, Listed
from router.config import Settings
from router.domain import Modality, Model, ProviderCard, Route
from router.errors import InvalidRequest, NotFound

CHAT, SPEECH = Modality.CHAT, Modality.SPEECH


class _Reports:
    revision = 0

    def __init__(self, **models: list[str]) -> None:
        self._models = models

    def models_of(self, provider: str) -> Mapping[str, Model]:
        return {name: Model(name) for name in self._models.get(provider, [])}


BOTH = ProviderCard("both", "openai", "h", frozenset({CHAT, SPEECH}), 2)


def _catalogue(*cards: ProviderCard, models: Any = None, speech: Any = None, **reports: list[str]) -> Catalogue:
    settings = Settings.model_validate_json(json.dumps({"models": models or {}, "speech": speech or {}}))
    return Catalogue({card.id: card for card in cards}, settings.models, settings.speech, _Reports(**reports))


A, B = chat_card("a", tier=1), chat_card("b", tier=2)
S, T = speech_card("s", tier=1), speech_card("t", tier=3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("llama", [Route("a", "llama", 1), Route("b", "llama", 2)]),
        ("only-b", [Route("b", "only-b", 2)]),
        ("a/llama", [Route("a", "llama", 1)]),
        ("a/not-reported", [Route("a", "not-reported", 1)]),
        ("a/x/y", [Route("a", "x/y", 1)]),
        ("hf.co/x/y", [Route("b", "hf.co/x/y", 2)]),
        ("qwen", [Route("b", "qwen:latest", 2)]),
        ("qwen:latest", [Route("b", "qwen:latest", 2)]),
        ("house", [Route("a", "big", 5), Route("b", "house", 2)]),
        ("off", []),
    ],
)
def test_chat_names(name: str, expected: list[Route]) -> None:
    """A configured name, then `provider/model`, then what is reported."""
    models = {
        "house": {"routes": [{"provider": "a", "model": "big", "tier": 5}, {"provider": "b"}]},
        "off": {"routes": [{"provider": "not-switched-on"}]},
        "aloud": {"serves": "speech", "routes": [{"provider": "s"}]},
    }
    catalogue = _catalogue(
        A, B, S, models=models, a=["llama"], b=["llama", "only-b", "hf.co/x/y", "qwen:latest"], s=["espeak"]
    )
    assert expected == catalogue.resolve(CHAT, name)


@pytest.mark.parametrize(
    "name", ["lama", "c/llama", "a/", "/llama", "espeak", "s/espeak", "aloud", "LLAMA", "llama "]
)
def test_an_unknown_chat_model_is_a_404(name: str) -> None:
    """Another model is never substituted; a speech model is no chat model."""
    catalogue = _catalogue(
        A, S, models={"aloud": {"serves": "speech", "routes": [{"provider": "s"}]}}, a=["llama"], s=["espeak"]
    )
    with pytest.raises(NotFound) as caught:
        catalogue.resolve(CHAT, name)
    assert ("model", "model_not_found") == (caught.value.param, caught.value.code)


def test_close_names_are_suggested_else_the_known_ones_listed() -> None:
    """Most such errors are typing errors."""
    catalogue = _catalogue(A, a=["llama3", "mistral"])
    messages = []
    for name in ("lama3", "zzz"):
        with pytest.raises(NotFound) as caught:
            catalogue.resolve(CHAT, name)
        messages.append(caught.value.message)
    assert [
        "No model is called 'lama3'. Did you mean llama3?",
        "No model is called 'zzz'. Known: llama3, mistral.",
    ] == messages


@pytest.mark.parametrize("name", [None, ""])
def test_a_chat_needs_a_model(name: str | None) -> None:
    """There is no default chat model to guess."""
    with pytest.raises(InvalidRequest) as caught:
        _catalogue(A, a=["llama"]).resolve(CHAT, name)
    assert ("model", "model_required") == (caught.value.param, caught.value.code)


SPEAKING = {"speech": {"serves": "speech", "routes": [{"provider": "s", "model": "turbo"}]}}
SUB = SUBSTITUTE_MODEL_TIER


BY_DEFAULT = [Route("s", "turbo", 1), Route("t", "espeak", SUB + 3, ("model",))]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, BY_DEFAULT),
        ("", BY_DEFAULT),
        ("tts-1", BY_DEFAULT),
        ("tts-1-hd", BY_DEFAULT),
        ("gpt-4o-mini-tts", BY_DEFAULT),
        ("speech", BY_DEFAULT),
        ("espeak", [Route("t", "espeak", 3), Route("s", "turbo", SUB + 1, ("model",))]),
        ("t/other", [Route("t", "other", 3), Route("s", "turbo", SUB + 1, ("model",))]),
    ],
)
def test_speech_names(name: str | None, expected: list[Route]) -> None:
    """The default's aliases; another engine last of all and marked. Who of them may speak is decided elsewhere."""
    catalogue = _catalogue(S, T, A, models=SPEAKING, s=["turbo", "original"], t=["espeak"], a=["llama"])
    assert expected == catalogue.resolve(SPEECH, name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, "house"),
        ("", "house"),
        ("tts-1", "house"),
        ("tts-1-hd", "house"),
        ("espeak", "espeak"),
        ("TTS-1", "TTS-1"),
    ],
)
def test_what_a_speech_models_name_means(name: str | None, expected: str) -> None:
    """None, and OpenAI's, mean the default."""
    assert expected == _catalogue(S, speech={"default_model": "house"}).speech_name(name)


@pytest.mark.parametrize(
    ("modality", "name", "expected_s"),
    [
        (CHAT, "quick", 0.5),
        (CHAT, "plain", 2.0),
        (CHAT, "nobody", 2.0),
        (CHAT, None, 2.0),
        (SPEECH, "tts-1", 7.0),
        (SPEECH, None, 7.0),
        (SPEECH, "espeak", 4.0),
    ],
)
def test_how_long_a_tier_may_take(modality: Modality, name: str | None, expected_s: float) -> None:
    """The model's own setting, else speech's, else two seconds."""
    routes = [{"provider": "a"}]
    models = {
        "quick": {"routes": routes, "max_wait_s": 0.5},
        "plain": {"routes": routes},
        "speech": {"serves": "speech", "routes": [{"provider": "s"}], "max_wait_s": 7},
    }
    assert expected_s == _catalogue(A, S, models=models, speech={"max_wait_s": 4}).max_wait_s(modality, name)


def test_without_a_configured_default_everybody_who_speaks_will_do() -> None:
    """Nothing was asked for, so nothing is substituted."""
    catalogue = _catalogue(S, T, s=["turbo"], t=["espeak"])
    assert [Route("s", "turbo", 1), Route("t", "espeak", 3)] == catalogue.resolve(SPEECH, None)


CLOUD = speech_card("cloud", tier=2, is_billed=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, ["s", "t"]),
        ("turbo", ["s", "t"]),
        ("espeak", ["t", "s"]),
        ("fine", ["cloud", "s", "t"]),
        ("cloud/turbo", ["cloud", "s", "t"]),
        ("cloud/anything", ["cloud", "s", "t"]),
        ("dear", ["cloud", "s", "t"]),
    ],
    ids=str,
)
def test_who_bills_speaks_only_where_that_was_asked_for_or_configured(
    name: str | None, expected: list[str]
) -> None:
    """It stands in for nobody, also where it has the same engine."""
    models = {
        **SPEAKING,
        "fine": {"serves": "speech", "routes": [{"provider": "cloud", "model": "dear"}]},
    }
    catalogue = _catalogue(S, CLOUD, T, models=models, s=["turbo"], cloud=["dear", "turbo"], t=["espeak"])
    assert expected == [route.provider for route in catalogue.resolve(SPEECH, name)]


def test_without_a_configured_default_who_bills_is_not_everybody() -> None:
    """Nobody asked it."""
    catalogue = _catalogue(CLOUD, T, cloud=["dear"], t=["espeak"])
    assert [Route("t", "espeak", 3)] == catalogue.resolve(SPEECH, None)


def test_a_chat_model_that_several_report_is_one_model_whoever_bills() -> None:
    """There nothing is ever substituted."""
    dear = chat_card("dear", tier=2, is_billed=True)
    routes = _catalogue(A, dear, a=["llama"], dear=["llama"]).resolve(CHAT, "llama")
    assert ["a", "dear"] == [route.provider for route in routes]


@pytest.mark.parametrize("name", ["turbos", "llama", "a/llama", "nobody/turbo"])
def test_an_unknown_speech_model_is_a_404(name: str) -> None:
    """Also under `substitution: any`: a typing error is not a wish for any engine."""
    with pytest.raises(NotFound):
        _catalogue(S, A, models=SPEAKING, s=["turbo"], a=["llama"]).resolve(SPEECH, name)


def test_a_configured_speech_model_whose_providers_are_off_is_substituted() -> None:
    """The name is known, so somebody else speaks and says so."""
    models = {**SPEAKING, "fine": {"serves": "speech", "routes": [{"provider": "not-switched-on"}]}}
    assert [Route("s", "turbo", SUB + 1, ("model",))] == _catalogue(S, models=models, s=["turbo"]).resolve(
        SPEECH, "fine"
    )


def test_the_list_has_every_name_once() -> None:
    """Configured names first; a model of several providers is one model."""
    catalogue = _catalogue(
        A,
        B,
        S,
        models={**SPEAKING, "off": {"routes": [{"provider": "x"}]}},
        a=["m", "n"],
        b=["m"],
        s=["turbo", "speech"],
    )
    assert [
        Listed("speech", SPEECH, ("s",)),
        Listed("m", CHAT, ("a", "b")),
        Listed("n", CHAT, ("a",)),
        Listed("turbo", SPEECH, ("s",)),
    ] == catalogue.listed()


def test_the_list_is_made_anew_when_something_new_is_reported() -> None:
    """And only then: a router may know thousands. What is suggested changes with it."""
    reports = _Reports(a=["llama3"])
    catalogue = Catalogue({"a": A}, {}, Settings().speech, reports)
    first = catalogue.listed()
    with pytest.raises(NotFound, match="Did you mean llama3"):
        catalogue.resolve(CHAT, "lama3")
    assert first is catalogue.listed()
    reports._models["a"] = ["llama4"]
    reports.revision += 1
    assert [Listed("llama4", CHAT, ("a",))] == catalogue.listed()
    with pytest.raises(NotFound, match="Did you mean llama4"):
        catalogue.resolve(CHAT, "lama3")


def test_a_provider_of_both_serves_both() -> None:
    """One server may chat and speak."""
    catalogue = _catalogue(BOTH, both=["omni"])
    assert [Route("both", "omni", 2)] == catalogue.resolve(CHAT, "omni") == catalogue.resolve(SPEECH, "omni")


def test_the_demo_is_found_by_its_name_only() -> None:
    """It is never a fallback for another model."""
    demo = ProviderCard("demo", "demo", "demo", frozenset({CHAT}), is_demo=True)
    catalogue = _catalogue(A, demo, a=["llama"], demo=["demo"])
    assert (["a"], ["demo"]) == tuple(
        [route.provider for route in catalogue.resolve(CHAT, name)] for name in ("llama", "demo")
    )
