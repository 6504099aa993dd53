"""A pytest plugin: beside a failed test the end of what each process wrote, and at the end what was measured."""

from collections.abc import Generator
from typing import Any

import pytest
from figures import noted
from processes import running

TAIL_LINES = 15
TAIL_COLUMNS = 400


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds a section per process to a report that is a failure."""
    report = yield
    if report.failed:
        for process in running:
            state = "runs" if process.is_alive else f"ended with {process.popen.returncode}"
            tail = "\n".join(line[:TAIL_COLUMNS] for line in process.output.splitlines()[-TAIL_LINES:])
            report.sections.append((f"log of {process.name}, pid {process.pid}, {state}", tail))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures, whether the tests passed or not."""
    if noted:
        terminalreporter.section("measured")
    for figure in noted:
        terminalreporter.write_line(figure)
