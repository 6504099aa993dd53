"""A pytest plugin: a marked test must run, and what it came to is written down where CLAIMS says."""

import json
import os
from collections.abc import Generator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import pytest

from claims.claim import MARKS, ROOT, Claim, claim_of

VARIABLE: Final = "CLAIMS"  # a file that lines are added to, by every run of a full one


def pytest_configure(config: pytest.Config) -> None:
    """The marks, for --strict-markers."""
    for mark, names in MARKS.items():
        config.addinivalue_line("markers", f"{mark}({', '.join(names)}): a line of docs/compatibility.md")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Raises UsageError for a mark that does not say what it must."""
    for item in items:
        try:
            claims_of(item)
        except ValueError as exc:
            raise pytest.UsageError(f"{item.nodeid}: {exc}") from None


def claims_of(item: pytest.Item) -> list[Claim]:
    """What a test claims. Raises ValueError."""
    return [claim_of(name, mark.kwargs) for name in MARKS for mark in item.iter_markers(name)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Nobody may claim by a test that did not run."""
    report = yield
    claims = claims_of(item)
    if claims and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} is part of docs/compatibility.md and must not be skipped"
    if claims and (report.when == "call" or report.failed):
        _written(item, claims, is_passed=report.passed)
    return report


def _written(item: pytest.Item, claims: list[Claim], *, is_passed: bool) -> None:
    record = os.environ.get(VARIABLE)
    if not record:
        return
    told = {name: str(value) for name, value in item.user_properties}
    with Path(record).open("a") as file:
        for claim in claims:
            row = {
                "mark": claim.mark,
                "words": claim.words,
                "release": claim.release,
                "version": told.get("version") or claim.release or _version(claim.client),
                "file": str(item.path.relative_to(ROOT)),
                "passed": is_passed,
            }
            file.write(json.dumps(row) + "\n")


def _version(client: str) -> str:
    """Empty for what is no distribution, or not here."""
    try:
        return version(client)
    except (PackageNotFoundError, ValueError):
        return ""
