"""Ten thousand cases from the OpenAPI document: the router answers nothing that is not in it, and no 5xx."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from figures import note
from openapi_cases import DRAINS, cases, open_house

pytest_plugins = ["process_logs"]

AT_LEAST: Final = 10_000
EACH: Final = 250
SEED: Final = 2026
DEADLINE_S: Final = 1800.0


@pytest.mark.shows(
    client="schemathesis", route="GET /schema/openapi.json", what="10,000 cases: nothing undocumented, no 5xx"
)
def test_ten_thousand_cases_find_nothing_undocumented(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Every operation; those that stop providers last."""
    with open_house(tmp_path) as router:
        most, drains = (
            cases(router, tmp_path, how, DRAINS, each=EACH, seed=SEED, deadline_s=DEADLINE_S)
            for how in ("--exclude-path-regex", "--include-path-regex")
        )
        record_property("version", most.version)
        generated = most.generated + drains.generated
        note(f"{generated} cases from the OpenAPI document")
        assert 0 == most.exit_status, most.said[-8000:]
        assert 0 == drains.exit_status, drains.said[-8000:]
        assert generated >= AT_LEAST
        assert "traceback" not in router.output.lower()
