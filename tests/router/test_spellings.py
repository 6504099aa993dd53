"""What was meant by a name that nobody has."""

from collections.abc import Sequence

import pytest

from router import spellings
from router.spellings import ALL_COMPARED, Spellings

WHOSE = ("openai", "qwen", "meta-llama", "hf.co/somebody", "mistralai")
MANY = [f"{WHOSE[number % 5]}/model-{number * 7919 % 25_000:05d}-instruct" for number in range(24_994)]
MEANT = [
    "llama3.2:latest",
    "openai/gpt-4o-mini",
    "qwen/qwen2.5-coder:7b",
    "mistralai/mistral-small",
    "google/gemma-2-9b-it",
    "phi4",
]
HOUSE = Spellings([*MANY[:12_000], *MEANT, *MANY[12_000:]])


def _all(_: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("llama3.2:lates", "llama3.2:latest"),
        ("lama3.2:latest", "llama3.2:latest"),
        ("llama3.2:latst", "llama3.2:latest"),
        ("llama3.2", "llama3.2:latest"),
        ("openai/gpt-4o-mni", "openai/gpt-4o-mini"),
        ("opneai/gpt-4o-mini", "openai/gpt-4o-mini"),
        ("gpt-4o-mini", "openai/gpt-4o-mini"),
        ("gpt-40-mini", "openai/gpt-4o-mini"),
        ("qwen2.5-coder", "qwen/qwen2.5-coder:7b"),
        ("mistral/mistral-small", "mistralai/mistral-small"),
        ("mistralai/mistral_small", "mistralai/mistral-small"),
        ("google/gema-2-9b-it", "google/gemma-2-9b-it"),
        ("ph4", "phi4"),
        ("phi-4", "phi4"),
    ],
)
def test_a_slip_is_understood_among_25_000_names(typed: str, meant: str) -> None:
    """A letter too few, too many, another, two in each other's place, whose it is left out."""
    assert meant == HOUSE.close_to(typed, _all)[0]


@pytest.mark.parametrize("typed", ["openai/model-0012-instruct", "", "/", "x" * 100_000, "zzz"])
def test_few_are_compared_however_many_there_are(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing 25 000 would hold up every stream for 0.4 s."""
    compared: list[tuple[int, int]] = []

    def no_matches(word: str, names: Sequence[str], n: int) -> list[str]:
        compared.append((len(word), len(names)))
        return []

    monkeypatch.setattr(spellings, "get_close_matches", no_matches)
    assert [] == HOUSE.close_to(typed, _all)
    ((letters, names),) = compared
    assert letters <= 200
    assert names <= 48


@pytest.mark.parametrize("count", [ALL_COMPARED, ALL_COMPARED + 1])
def test_what_may_not_be_seen_is_not_suggested(count: int) -> None:
    """Be they few or many."""
    house = Spellings(["llama3", "llama4", *(f"model-{number}" for number in range(count - 2))])
    assert {"llama3", "llama4"} == set(house.close_to("llama", _all))
    assert ["llama4"] == house.close_to("llama", lambda name: name != "llama3")
