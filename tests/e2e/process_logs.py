"""Shows, beside a failed test, the end of what each process that ran then wrote. A pytest plugin."""

from collections.abc import Generator
from typing import Any

import pytest
from processes import running

TAIL_LINES = 60


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds a section per process to a report that is a failure."""
    report = yield
    if report.failed:
        for process in running:
            state = "runs" if process.is_alive else f"ended with {process.popen.returncode}"
            tail = "\n".join(process.output.splitlines()[-TAIL_LINES:])
            report.sections.append((f"log of {process.name}, pid {process.pid}, {state}", tail))
    return report
