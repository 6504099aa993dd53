"""Pages of voices."""

from typing import Any

import pytest

from router.api.elevenlabs_pages import Page, page_of, token_of
from router.errors import InvalidRequest, Unprocessable


def _voice(name: str, *, own: bool = False, made: int | None = None, **labels: str) -> dict[str, Any]:
    return {
        "voice_id": f"id-{name}",
        "name": name,
        "category": "cloned" if own else "premade",
        "labels": labels,
        "is_owner": own,
        "created_at_unix": made,
    }


VOICES = [
    _voice("carla", gender="female", language="de"),
    _voice("anna", own=True, made=20, gender="female"),
    _voice("bert", own=True, made=10, gender="male", language="de"),
    _voice("doris"),
]


def _names(query: str) -> list[str]:
    found, _, _ = page_of(query.encode()).cut(VOICES)
    return [voice["name"] for voice in found]


def _walk(size: int, more: str = "") -> list[list[str]]:
    """All pages, by their tokens."""
    pages, token = [], ""
    while True:
        query = f"page_size={size}{more}" + (f"&next_page_token={token}" if token else "")
        found, following, count = page_of(query.encode()).cut(VOICES)
        pages.append([voice["name"] for voice in found])
        assert 4 == count
        if following is None:
            return pages
        token = following


def test_what_is_meant_when_nothing_is_said() -> None:
    """Ten, as they come, counted."""
    assert Page(labels={}) == page_of(b"")
    assert ["carla", "anna", "bert", "doris"] == _names("")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, [["anna"], ["bert"], ["carla"], ["doris"]]),
        (3, [["anna", "bert", "carla"], ["doris"]]),
        (4, [["anna", "bert", "carla", "doris"]]),
        (100, [["anna", "bert", "carla", "doris"]]),
    ],
)
def test_pages_follow_each_other(size: int, expected: list[list[str]]) -> None:
    """Nothing twice, nothing left out."""
    assert expected == _walk(size, "&sort=name")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("search=ANN", ["anna"]),
        ("search=female", ["carla", "anna"]),
        ("search=nobody", []),
        ("category=cloned", ["anna", "bert"]),
        ("voice_type=personal", ["anna", "bert"]),
        ("voice_type=default", ["carla", "doris"]),
        ("voice_type=saved", ["carla", "anna", "bert", "doris"]),
        ("voice_ids=id-doris&voice_ids=id-anna", ["anna", "doris"]),
        ("gender=Female&language=de", ["carla"]),
        ("accent=british", []),
        ("sort=name&sort_direction=desc", ["doris", "carla", "bert", "anna"]),
        ("sort=created_at_unix&category=cloned", ["bert", "anna"]),
    ],
)
def test_what_is_found(query: str, expected: list[str]) -> None:
    """By words, by kind, by label."""
    assert expected == _names(query)


@pytest.mark.parametrize("size", ["0", "101", "-1", "x", "", "1.5", "9" * 50, "²"])
def test_sizes_that_are_none(size: str) -> None:
    """422, with the field's place."""
    with pytest.raises(Unprocessable) as caught:
        page_of(f"page_size={size}&x=1".encode()) if size else page_of(b"page_size=%20")
    assert ("query", "page_size") == caught.value.where


@pytest.mark.parametrize("query", ["sort=age", "sort_direction=up"])
def test_orders_that_are_none(query: str) -> None:
    """Likewise."""
    with pytest.raises(Unprocessable, match="Input should be one of"):
        page_of(query.encode())


@pytest.mark.parametrize("token", ["%", "a", "_w", token_of("id-gone")])
def test_tokens_that_lead_nowhere(token: str) -> None:
    """Of another server, or of a voice that was deleted meanwhile."""
    with pytest.raises(InvalidRequest) as caught:
        page_of(f"next_page_token={token}".encode()).cut(VOICES)
    assert "next_page_token" == caught.value.param
