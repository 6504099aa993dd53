"""Lines for people, JSON for machines."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from tts_node.logs import JsonFormatter, set_up_logs


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back afterwards."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:], logger.level = handlers, level


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        """Yes."""
        return True


@pytest.mark.parametrize(
    ("log_format", "stream", "is_json"),
    [
        ("auto", io.StringIO(), True),
        ("auto", Terminal(), False),
        ("json", Terminal(), True),
        ("text", io.StringIO(), False),
    ],
)
def test_the_stream_decides(root: logging.Logger, log_format: str, stream: io.StringIO, is_json: bool) -> None:
    """`auto` asks whether somebody looks; the other two do as they are told."""
    set_up_logs(log_format, "info", stream)
    root.info("up in %.1f s", 0.5)
    root.debug("not shown")
    (line,) = stream.getvalue().splitlines()
    assert is_json is line.startswith("{")
    assert "up in 0.5 s" in line


def test_json_lines_are_whole() -> None:
    """Line breaks and traces stay inside one line."""
    try:
        raise ValueError("two\nlines")
    except ValueError as exc:
        record = logging.LogRecord(
            "n", logging.ERROR, __file__, 1, "a\nb", (), (type(exc), exc, exc.__traceback__)
        )
    line = JsonFormatter().format(record)
    fields = json.loads(line)
    assert "\n" not in line
    assert ("error", "a\nb") == (fields["level"], fields["event"])
    assert "ValueError" in fields["exception"]


def test_json_lines_have_the_routers_keys() -> None:
    """`router/logs.py` writes the same ones, and time to the millisecond, cut: rounded, .9996 would be 1000."""
    record = logging.LogRecord("n", logging.WARNING, __file__, 1, "slow", (), None)
    record.created, record.msecs = 0.9996, 999.6
    expected = {"time": "1970-01-01T00:00:00.999Z", "level": "warning", "logger": "n", "event": "slow"}
    assert expected == json.loads(JsonFormatter().format(record))
