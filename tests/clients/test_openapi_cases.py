"""The router holds to the OpenAPI document that it publishes: hundreds of cases; ten thousand are tests/soak's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from openapi_cases import DRAINS, cases, open_house
from processes import Process

SEED: Final = 8
EACH: Final = 5
PHASES: Final = "examples,fuzzing"  # those of `coverage` are thousands
AT_LEAST: Final = 200
DEADLINE_S: Final = 120.0


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with open_house(tmp_path_factory.mktemp("house")) as running:
        yield running


@pytest.mark.shows(
    client="schemathesis", route="GET /schema/openapi.json", what="hundreds of cases: nothing undocumented, no 5xx"
)
def test_nothing_undocumented_is_answered(router: Process, tmp_path: Path) -> None:
    """Every operation but those that stop a provider: status, content type, headers and shape are as they say."""
    rest = ("--exclude-path-regex", DRAINS)
    found = cases(router, tmp_path, *rest, each=EACH, seed=SEED, deadline_s=DEADLINE_S, phases=PHASES)
    assert 0 == found.exit_status, found.said[-8000:]
    assert found.generated >= AT_LEAST, found.said[-2000:]


def test_what_is_not_documented_is_seen(router: Process, tmp_path: Path) -> None:
    """The cases can fail: with a document that lacks a status, they do."""
    document = router.get("/schema/openapi.json").json()
    path = "/v1/models/{model_id}"
    del document["paths"][path]["get"]["responses"]["404"]
    document["paths"] = {path: document["paths"][path]}
    shortened = tmp_path / "openapi.json"
    shortened.write_text(json.dumps(document))
    found = cases(router, tmp_path, each=EACH, seed=SEED, deadline_s=DEADLINE_S, phases=PHASES, document=shortened)
    assert 1 == found.exit_status, found.said[-2000:]
    assert "ST103" in found.said  # an undocumented status, in its words
