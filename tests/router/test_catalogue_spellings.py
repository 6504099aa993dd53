"""A model's name with and without the tag that goes without saying, as Ollama and its clients have it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from fakes import chat_card

from router.catalogue import Catalogue
from router.config import Settings
from router.domain import Modality, Model, Route

A, B = chat_card("a", tier=1), chat_card("b", tier=2)


class _Reports:
    revision = 0

    def __init__(self, **models: list[str]) -> None:
        self._models = models

    def models_of(self, provider: str) -> Mapping[str, Model]:
        return {name: Model(name) for name in self._models.get(provider, [])}


def _catalogue(models: Any = None, **reports: list[str]) -> Catalogue:
    settings = Settings.model_validate_json(json.dumps({"models": models or {}}))
    return Catalogue({"a": A, "b": B}, settings.models, settings.speech, _Reports(**reports))


@pytest.mark.parametrize(
    ("asked", "routes"),
    [
        ("m", [("a", "m:latest"), ("b", "m")]),
        ("m:latest", [("a", "m:latest"), ("b", "m")]),
        ("a/m", [("a", "m:latest")]),
        ("b/m:latest", [("b", "m")]),
        ("a/other", [("a", "other")]),
        ("m:3b", [("a", "m:3b")]),
        ("house", [("a", "m:latest"), ("b", "m")]),
    ],
)
def test_who_serves_a_name(asked: str, routes: list[tuple[str, str]]) -> None:
    """Whoever has it under either, and is asked by its own: only so is it known what is loaded there."""
    house = {"house": {"routes": [{"provider": "a", "model": "m"}, {"provider": "b", "model": "m:latest"}]}}
    found = _catalogue(house, a=["m:latest", "m:3b"], b=["m"]).resolve(Modality.CHAT, asked)
    assert [Route(provider, model, {"a": 1, "b": 2}[provider]) for provider, model in routes] == found


@pytest.mark.parametrize(
    ("reports", "listed"),
    [
        ({"a": ["m:latest"], "b": ["m"]}, [("m", ("b", "a"))]),
        ({"a": ["m"], "b": ["m:latest"]}, [("m", ("a", "b"))]),
        ({"a": ["m:latest"], "b": ["m:latest"]}, [("m:latest", ("a", "b"))]),
        ({"a": ["m:latest", "m"]}, [("m", ("a",))]),
        ({"a": ["m:latest", "m:3b"]}, [("m:latest", ("a",)), ("m:3b", ("a",))]),
    ],
)
def test_each_is_listed_once(reports: dict[str, list[str]], listed: list[tuple[str, tuple[str, ...]]]) -> None:
    """By the shorter name, where anybody calls it so."""
    assert listed == [(each.id, each.providers) for each in _catalogue(**reports).listed()]
