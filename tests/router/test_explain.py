"""The dry run of routing."""

import pytest
from fakes import FakeForward, FakeSpeech, chat_card, head, pcm, speech_card
from houses import FakeHouse

from router.domain import Modality, ProviderCard, Substitution, Utterance
from router.errors import NotFound
from router.explain import Explained, explain
from router.health import ProviderSign


def _house() -> FakeHouse:
    house = FakeHouse(
        FakeForward(chat_card("llm"), [head()]),
        FakeSpeech(speech_card("gpu"), lambda _: Utterance(pcm(1))),
        FakeSpeech(speech_card("cpu", tier=3), lambda _: Utterance(pcm(1))),
        settings={
            "voices": {
                "narrator": {"use": {"gpu": "fable", "cpu": "en"}},
                "lector": {"use": {"gpu": "fable"}},
            }
        },
    )
    house.report("llm", "m")
    house.report("gpu", "turbo", voices=["fable"])
    house.report("cpu", "espeak", voices=["fable", "en"])
    return house


def _explained(
    house: FakeHouse, model: str | None, voice: str | None, policy: Substitution = Substitution.ANY
) -> list[Explained]:
    return explain(house.catalogue, house.roster, house.voices, policy, model, voice)


def test_a_chat_model() -> None:
    """Its providers and why."""
    house = _house()
    assert [Explained("llm", "m", 1, True, "tier 1, up", ())] == _explained(house, "m", None)
    assert {
        "provider": "llm",
        "model": "m",
        "tier": 1,
        "eligible": True,
        "reason": "tier 1, up",
        "substitutes": (),
        "substitution": None,
    } == _explained(house, "m", None)[0].as_json()


def test_no_model_is_the_default_for_speech() -> None:
    """As for a request."""
    assert ["gpu", "cpu"] == [entry.provider for entry in _explained(_house(), None, None)]


def test_a_speech_model_by_its_name() -> None:
    """Without saying that it is one."""
    entries = _explained(_house(), "espeak", None)
    assert [("cpu", ()), ("gpu", ("model",))] == [(entry.provider, entry.substitutes) for entry in entries]


def test_a_voice_comes_before_the_tier() -> None:
    """Who has it first; whoever speaks with another says so."""
    entries = _explained(_house(), None, "en")
    assert [("cpu", True, "tier 3, up", ()), ("gpu", True, "tier 1, up", ("voice",))] == [
        (entry.provider, entry.is_eligible, entry.reason, entry.substitutes) for entry in entries
    ]


@pytest.mark.parametrize(
    ("model", "voice", "expected"),
    [
        (None, None, [("gpu", 1, None), ("cpu", 3, None)]),
        ("turbo", None, [("gpu", 1, None), ("cpu", 3, "another engine")]),
        ("turbo", "fable", [("gpu", 1, None), ("cpu", 3, "another engine with the same voice")]),
        ("turbo", "narrator", [("gpu", 1, None), ("cpu", 3, "another engine with the voice mapped for it")]),
        ("turbo", "lector", [("gpu", 1, None), ("cpu", 3, "another engine with its own default voice")]),
        (
            "espeak",
            "lector",
            [("gpu", 1, "another engine with the voice mapped for it"), ("cpu", 3, "its own default voice")],
        ),
        (None, "lector", [("gpu", 1, None), ("cpu", 3, "its own default voice")]),
    ],
)
def test_a_substitute_is_told_in_words_and_by_its_own_tier(
    model: str | None, voice: str | None, expected: list[tuple[str, int, str | None]]
) -> None:
    """What puts it behind the others inside means nothing to a person."""
    entries = _explained(_house(), model, voice)
    assert expected == [(entry.provider, entry.tier, entry.substitution) for entry in entries]
    assert [f"tier {tier}, up" for _, tier, _ in expected] == [entry.reason for entry in entries]


def test_who_may_not_speak_has_its_own_tier_too() -> None:
    """And what it would have substituted."""
    entry = _explained(_house(), "turbo", "lector", Substitution.NONE)[-1]
    assert ("cpu", 3, False, "another engine") == (
        entry.provider,
        entry.tier,
        entry.is_eligible,
        (entry.substitution or "").split(" with ")[0],
    )


@pytest.mark.parametrize("policy", [Substitution.NONE, Substitution.SAME_VOICE, Substitution.MAPPED])
def test_who_may_not_speak_is_shown_with_the_policy(policy: Substitution) -> None:
    """Last, not eligible, and how it knows the voice."""
    entries = _explained(_house(), None, "en", policy)
    assert [
        ("cpu", True, "tier 3, up"),
        ("gpu", False, "the substitution policy does not let it speak (voice missing)"),
    ] == [(entry.provider, entry.is_eligible, entry.reason) for entry in entries]


def test_what_cannot_serve_is_shown_all_the_same() -> None:
    """Last, and why."""
    house = _house()
    house.sign("gpu", ProviderSign.YIELDED, "a game has the GPU")
    assert ("gpu", False, "yielded (a game has the GPU)") == (
        (entry := _explained(house, None, None)[-1]).provider,
        entry.is_eligible,
        entry.reason,
    )


@pytest.mark.parametrize(
    ("model", "voice"), [("nobody", None), ("nobody", "fable"), (None, "nobody"), ("m", "fable")]
)
def test_unknown_names_are_not_found(model: str | None, voice: str | None) -> None:
    """A voice makes it speech, and a chat model does not speak."""
    with pytest.raises(NotFound):
        _explained(_house(), model, voice)


def test_who_bills_is_no_substitute_here_either() -> None:
    """As for a request; by its name it is the first."""
    house = FakeHouse(
        FakeSpeech(speech_card("cloud", is_billed=True), lambda _: Utterance(pcm(1))),
        FakeSpeech(speech_card("cpu", tier=3), lambda _: Utterance(pcm(1))),
    )
    house.report("cloud", "dear", voices=["fable"])
    house.report("cpu", "espeak", voices=["fable"])
    by_engine, by_name = (
        [entry.provider for entry in _explained(house, model, "fable")] for model in ("espeak", "cloud/dear")
    )
    assert (["cpu"], ["cloud", "cpu"]) == (by_engine, by_name)


@pytest.mark.parametrize("model", ["large", "whisper-1", "stt/other"])
def test_a_model_that_transcribes(model: str) -> None:
    """By its name, or by OpenAI's."""
    card = ProviderCard("stt", "openai", "stt-host", frozenset({Modality.TRANSCRIPTION}))
    house = FakeHouse(FakeForward(card, []))
    house.report("stt", "large")
    assert ["stt"] == [entry.provider for entry in _explained(house, model, None)]
