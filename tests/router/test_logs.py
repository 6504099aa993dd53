"""Lines for people and for machines."""

import io
import json
import logging
import sys

import pytest

from router import logs
from router.logs import JsonFormatter, TextFormatter, _BatchWriter, _QuietCuts, logging_to_stderr


def _record(message: str = "request", fields: object = None, level: int = logging.INFO) -> logging.LogRecord:
    record = logging.LogRecord("router.access", level, "", 0, message, None, None)
    record.created, record.msecs = 0.25, 250.0
    if fields is not None:
        record.fields = fields
    return record


def test_a_json_line_has_time_level_logger_event_and_fields() -> None:
    """RFC 3339 in UTC."""
    line = json.loads(JsonFormatter().format(_record(fields={"id": "x", "n": 1, "odd": {1, 2} - {2}})))
    assert {
        "time": "1970-01-01T00:00:00.250Z",
        "level": "info",
        "logger": "router.access",
        "event": "request",
        "id": "x",
        "n": 1,
        "odd": [1],
    } == line


@pytest.mark.parametrize("value", ["line\nbreak", '"quoted"', "\x1b[31mred", "größe"])
def test_a_json_line_is_one_line(value: str) -> None:
    """Whatever a client sends."""
    line = JsonFormatter().format(_record(fields={"model": value}))
    assert (1, value) == (len(line.splitlines()), json.loads(line)["model"])


@pytest.mark.parametrize("value", ["line\nINFO forged", "\x1b[31mred", "a\rb"])
def test_a_line_for_a_person_is_one_line_and_has_no_control_characters(value: str) -> None:
    """A client's model name must not forge a line or paint the terminal."""
    line = TextFormatter(in_colour=False).format(_record(fields={"model": value}))
    assert (1, True) == (len(line.splitlines()), line.isprintable())


def test_a_line_for_a_person_leaves_out_what_is_empty() -> None:
    """And has colour only on a terminal."""
    record = _record(fields={"id": "x", "model": "", "provider": None, "n": 0}, level=logging.WARNING)
    plain = TextFormatter(in_colour=False).format(record)
    colour = TextFormatter(in_colour=True).format(record)
    assert ("warning request id=x n=0", f"\x1b[33m{plain}\x1b[0m") == (plain[9:], colour)


def test_an_exception_is_in_the_line() -> None:
    """For both."""
    try:
        raise ZeroDivisionError("why")
    except ZeroDivisionError:
        record = _record(level=logging.ERROR)
        record.exc_info = sys.exc_info()
    assert "ZeroDivisionError: why" in json.loads(JsonFormatter().format(record))["exception"]
    assert TextFormatter(in_colour=False).format(record).endswith("ZeroDivisionError: why")


def test_lines_reach_stderr_and_handlers_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flushed at the end of the block."""
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    with logging_to_stderr("auto", "info"):
        logging.getLogger("router.test").info("hello", extra={"fields": {"a": 1}})
        logging.getLogger("router.test").debug("not this")
    lines = [json.loads(line) for line in err.getvalue().splitlines()]
    assert [("hello", 1)] == [(line["event"], line["a"]) for line in lines]
    assert before == (root.handlers, root.level)


def test_what_piles_up_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow disk delays no request."""
    monkeypatch.setattr(logs, "_QUEUE_LINES", 2)
    err = io.StringIO()
    writer = _BatchWriter(err, TextFormatter(in_colour=False))
    for _ in range(5):
        writer.handle(_record())
    writer.start()
    writer.stop()
    assert (3, 2) == (writer.dropped, len(err.getvalue().splitlines()))


def test_lines_are_written_together_and_none_is_lost() -> None:
    """In order, also those of the last moment."""
    err = io.StringIO()
    writer = _BatchWriter(err, TextFormatter(in_colour=False))
    writer.start()
    for number in range(1000):
        writer.handle(_record(f"line {number}"))
    writer.stop()
    assert [f"line {number}" for number in range(1000)] == [
        line.partition(" info ")[2].strip() for line in err.getvalue().splitlines()
    ]


def test_a_record_that_cannot_be_formatted_does_not_end_the_log() -> None:
    """A mistake in one line of a library must not silence all others."""
    err = io.StringIO()
    writer = _BatchWriter(err, TextFormatter(in_colour=False))
    broken = _record("%d of %d")
    broken.args = ("one",)
    for record in (_record("before"), broken, _record("after")):
        writer.handle(record)
    writer._write()
    lines = err.getvalue()
    assert (True, True) == ("before" in lines, "after" in lines)


def test_the_handler_has_a_lock_as_logging_expects() -> None:
    """From Python 3.13 on, `Handler.handle` enters it."""
    assert None is not _BatchWriter(io.StringIO(), TextFormatter(in_colour=False)).lock


@pytest.mark.parametrize(
    ("message", "is_shown"),
    [("ASGI callable returned without completing response.", False), ("Exception in ASGI application", True)],
)
def test_cuts_on_purpose_are_no_errors(message: str, is_shown: bool) -> None:
    """The access log has them already."""
    assert is_shown is _QuietCuts().filter(_record(message))
