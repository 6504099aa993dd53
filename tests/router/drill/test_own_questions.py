"""What is asked of a person's own providers."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from router.app import House
from router.catalogue import Listed
from router.domain import Modality, ProviderCard
from router.drill.answer import Kind
from router.drill.load import chat, speech
from router.drill.own_questions import aloud_of
from router.explain import Explained

SPEAKS = frozenset({Modality.SPEECH})
CHATS = frozenset({Modality.CHAT})
PC = ProviderCard("pc", "tts-node", "pc-host", SPEAKS)
DEMO = ProviderCard("demo", "demo", "demo", CHATS, is_demo=True)
SHORT = speech(Kind.SHORT, "Yes.", "", "speech")


def _house(*others: ProviderCard, models: Mapping[str, Sequence[str]], down: Sequence[str] = ()) -> House:
    """With chat models, each of some providers in order."""
    listed = [Listed(name, Modality.CHAT, tuple(providers)) for name, providers in models.items()]

    def explain(model: str, voice: None) -> list[Explained]:
        del voice
        return [Explained(name, model, 1, name not in down, "", ()) for name in models[model]]

    roster = SimpleNamespace(cards={card.id: card for card in (PC, *others)})
    catalogue = SimpleNamespace(listed=lambda: [Listed("speech", Modality.SPEECH, ("pc",)), *listed])
    return cast("House", SimpleNamespace(roster=roster, catalogue=catalogue, explain=explain))


def _card(name: str, host: str, **more: object) -> ProviderCard:
    return ProviderCard(name, "openai", host, CHATS, **more)  # type: ignore[arg-type]


ELSEWHERE = _card("llm", "this")


def _writers(house: House) -> list[str]:
    return [question.document["model"] for question in aloud_of(house, PC, [SHORT])]


def test_chats_aloud_are_streamed_and_whole_by_the_same_voice() -> None:
    """With the model that speaks named beside the seed."""
    streamed, whole = aloud_of(_house(ELSEWHERE, models={"llama": ["llm"]}), PC, [SHORT])
    assert (Kind.ALOUD_SSE, Kind.ALOUD_JSON) == (streamed.kind, whole.kind)
    assert (True, False) == (streamed.document["stream"], whole.document["stream"])
    assert (
        {"format": "pcm16", "seed": 7, "model": "speech"} == streamed.document["audio"] == whole.document["audio"]
    )


@pytest.mark.parametrize(
    ("others", "models", "down", "expected"),
    [
        ([DEMO, ELSEWHERE], {"demo": ["demo"], "llama": ["llm"]}, [], "llama"),
        ([DEMO, ELSEWHERE], {"demo": ["demo"], "llama": ["llm"]}, ["llm"], "demo"),
        ([DEMO, ELSEWHERE], {"demo": ["demo"], "nomic-embed-text": ["llm"]}, [], "demo"),
        ([DEMO, _card("llm", "pc-host")], {"llama": ["llm"], "demo": ["demo"]}, [], "demo"),
        ([DEMO, ELSEWHERE, _card("big", "pc-host")], {"llama": ["llm", "big"], "demo": ["demo"]}, [], "demo"),
        ([DEMO, _card("llm", "cloud", is_billed=True)], {"llama": ["llm"], "demo": ["demo"]}, [], "demo"),
        ([DEMO, _card("llm", "this", speaks=("*",))], {"omni": ["llm"], "demo": ["demo"]}, [], "demo"),
    ],
    ids=["a real one", "down", "no chat", "there", "there, too", "billed", "speaks itself"],
)
def test_a_model_that_stays_writes_them(
    others: list[ProviderCard], models: dict[str, list[str]], down: list[str], expected: str
) -> None:
    """It costs nothing and is on no machine of the provider's; the demo, where there is no other."""
    assert [expected] * 2 == _writers(_house(*others, models=models, down=down))


def test_there_may_be_none() -> None:
    """Where nothing writes elsewhere, or the provider does not speak."""
    assert [] == _writers(_house(models={}))
    assert () == aloud_of(_house(DEMO, models={"demo": ["demo"]}), PC, [chat(Kind.CHAT_SSE)])
