"""The OpenAPI document has every route, and of every operation what it may answer."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from houses import FakeHouse
from running import run

from router.api.documented.contents import AUDIO
from router.api.documented.errors import SHAPES
from router.api.documented.every import TAGS, dialects_of
from router.app import House
from router.config import Settings
from router.domain import AudioFormat

Document = dict[str, Any]
OF_EVERY: Final = {"400", "401", "403", "408", "431", "500", "508"}
OF_MODELS: Final = {"404", "413", "429", "503"}
VERBS: Final = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
# Not errors, though they are above 400: what /ready says of itself.
OWN_WORDS: Final = {("/ready", "503")}


@pytest.fixture(scope="module")
def document() -> Document:
    found: Document = run(FakeHouse(has_rest=True).ask("GET", "/schema/openapi.json")).json
    return found


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in document["paths"].items():
        for verb in VERBS & set(item):
            yield path, verb, item[verb]


def _hot_routes() -> tuple[set[str], set[str]]:
    """Of a real house: whole paths, and those that all below belongs to."""

    async def main() -> tuple[set[str], set[str]]:
        async with House(Settings(), None).open() as house:
            hot = house.entry.rooms.hot
            return set(hot.exact), {prefix for prefix, _ in hot.below}

    found: tuple[set[str], set[str]] = run(main())
    return found


def test_every_hot_route_is_documented(document: Document) -> None:
    """Litestar never sees them, so nobody else would notice; a WebSocket has no place in the document."""
    exact, below = _hot_routes()
    posts = {path for path, verb, _ in _operations(document) if verb == "post"}
    assert exact <= posts
    assert [] == [prefix for prefix in below if not any(path.startswith(prefix) for path in posts)]


def test_every_operation_says_what_the_door_may_answer(document: Document) -> None:
    """No key, a foreign page, a loop: they are before every route."""
    lacking = {(verb, path): OF_EVERY - set(it["responses"]) for path, verb, it in _operations(document)}
    assert {} == {where: statuses for where, statuses in lacking.items() if statuses}


def test_who_asks_a_model_may_find_none(document: Document) -> None:
    """Or nobody who can serve it."""
    exact, _ = _hot_routes()
    lacking = {path: OF_MODELS - set(it["responses"]) for path, verb, it in _operations(document) if path in exact}
    assert {} == {path: statuses for path, statuses in lacking.items() if statuses}


def test_errors_are_told_in_the_dialect_of_their_path(document: Document) -> None:
    """As `router/api/dialects.py` chooses it."""
    for path, verb, operation in _operations(document):
        expected = {SHAPES[dialect].__name__ for dialect in dialects_of(path)}
        for status, response in operation["responses"].items():
            if status >= "400" and (path, status) not in OWN_WORDS:
                schema = response["content"]["application/json"]["schema"]
                kinds = schema.get("oneOf", [schema])
                names = {kind["$ref"].rpartition("/")[2] for kind in kinds}
                assert (verb, path, status, expected) == (verb, path, status, names)


def test_every_operation_stands_under_a_heading_that_there_is(document: Document) -> None:
    """And says in words what it is for."""
    headings = {tag.name for tag in TAGS}
    for path, verb, operation in _operations(document):
        assert (verb, path, True) == (verb, path, set(operation["tags"]) <= headings)
        assert (verb, path, True) == (verb, path, bool(operation["description"]))
    assert headings == {tag["name"] for tag in document["tags"]}


def test_speech_comes_in_every_format(document: Document) -> None:
    """And as events."""
    content = document["paths"]["/v1/audio/speech"]["post"]["responses"]["200"]["content"]
    assert {*(each.media_type for each in AudioFormat), "text/event-stream"} == set(content)
    assert len(AUDIO) == len(set(AUDIO))


@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/v1/audio/transcriptions"],
)
def test_what_can_be_streamed_says_so(document: Document, path: str) -> None:
    """JSON or events."""
    content = document["paths"][path]["post"]["responses"]["200"]["content"]
    assert {"application/json", "text/event-stream"} <= set(content)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/audio/voices", "audio_sample"),
        ("/audio/voices", "audio_sample"),
        ("/v1/audio/transcriptions", "file"),
        ("/v1/audio/translations", "file"),
        ("/process-audio", "audio"),
    ],
)
def test_uploads_are_forms_with_a_file(document: Document, path: str, field: str) -> None:
    """Which is required, and bytes."""
    form = document["paths"][path]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    if "$ref" in form:
        form = document["components"]["schemas"][form["$ref"].rpartition("/")[2]]
    assert field in form["required"]
    assert "application/octet-stream" == form["properties"][field]["contentMediaType"]


def test_a_key_may_come_in_three_ways_or_not_at_all(document: Document) -> None:
    """As `admission.py` takes it."""
    schemes = document["components"]["securitySchemes"]
    headers = {scheme.get("name", "authorization") for scheme in schemes.values()}
    assert {"authorization", "x-api-key", "xi-api-key"} == headers
    assert [*({name: []} for name in schemes), {}] == document["security"]


def test_metrics_are_text_with_one_charset() -> None:
    """`charset=utf-8` twice is no media type (RFC 9110 section 5.6.6)."""
    answer = run(FakeHouse(has_rest=True).ask("GET", "/metrics"))
    assert 1 == str(answer.get("content-type")).count("charset=")
