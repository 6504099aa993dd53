"""Logging: readable on a terminal, JSON in production, written by a thread of its own.

A record's `fields` (given with `extra={"fields": …}`) become keys of the JSON line. The event loop only puts
records aside; when a slow disk lets them pile up, lines are dropped and counted rather than requests delayed.
"""

import contextlib
import functools
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Final, TextIO

import msgspec

_QUEUE_LINES: Final = 10_000
_BATCH_S: Final = 0.1
_JSON_HEAD: Final = '{"time":"%s.%03dZ","level":"%s","logger":"%s","event":%s'
_encoder: Final = msgspec.json.Encoder(enc_hook=str)
_LEVELS: Final = {number: logging.getLevelName(number).lower() for number in (10, 20, 30, 40, 50)}
_COLOURS: Final = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31m", "DEBUG": "\x1b[2m"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, event, then the record's fields."""

    def format(self, record: logging.LogRecord) -> str:
        line = _JSON_HEAD % (
            _utc(int(record.created)),
            int(record.msecs),
            _LEVELS.get(record.levelno) or record.levelname.lower(),
            record.name,
            _quoted(record.getMessage()),
        )
        if told := getattr(record, "told", None) or getattr(record, "fields", None):
            line += "," + _encoder.encode(told).decode()[1:-1]
        if record.exc_info:
            line += ',"exception":' + msgspec.json.encode(self.formatException(record.exc_info)).decode()
        return line + "}"


class TextFormatter(logging.Formatter):
    """A line for a person; coloured when `in_colour`."""

    def __init__(self, *, in_colour: bool) -> None:
        super().__init__()
        self._in_colour = in_colour

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%H:%M:%S", time.localtime(record.created))
        fields = getattr(record, "fields", {})
        shown = " ".join(f"{key}={_visible(value)}" for key, value in fields.items() if value not in ("", None))
        line = f"{stamp} {record.levelname.lower():7} {record.getMessage()} {shown}".rstrip()
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        colour = _COLOURS.get(record.levelname) if self._in_colour else None
        return f"{colour}{line}\x1b[0m" if colour else line


@functools.lru_cache(maxsize=1)
def _utc(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


@functools.lru_cache(maxsize=64)
def _quoted(message: str) -> str:
    return _encoder.encode(message).decode()


def _visible(value: object) -> str:
    """A value on one line: a model's name must not forge lines or drive the terminal."""
    text = str(value)
    return text if text.isprintable() else ascii(text)


class _BatchWriter(logging.Handler):
    """Takes records without waiting; a thread of its own formats and writes what has gathered, ten times a second.

    One wake-up and one write for many lines: a queue would cost two switches of threads for each.
    """

    def __init__(self, stream: TextIO, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._stream = stream
        self._records: deque[logging.LogRecord] = deque()
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self.dropped = 0

    def handle(self, record: logging.LogRecord) -> bool:
        """Without `Handler`'s lock and filters: putting aside needs neither."""
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        if len(self._records) >= _QUEUE_LINES:
            self.dropped += 1
        else:
            self._records.append(record)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what is left and end."""
        self._is_ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_ending.wait(_BATCH_S):
            self._write()
        self._write()

    def _write(self) -> None:
        lines = []
        while self._records:
            record = self._records.popleft()
            try:
                lines.append(self.format(record))
            except Exception as exc:  # a mistake in one line of a library must not silence all others
                lines.append(f"a log line of {record.name} could not be formatted: {exc}")
        if lines:
            with contextlib.suppress(OSError, ValueError):  # a closed pipe must not end the log for good
                self._stream.write("\n".join(lines) + "\n")
                self._stream.flush()


class _QuietCuts(logging.Filter):
    """uvicorn reports an answer that was cut on purpose as an error; the access log has it already."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "ASGI callable returned without completing response" not in record.getMessage()


@contextlib.contextmanager
def logging_to_stderr(log_format: str, level: str) -> Iterator[None]:
    """Log to stderr for as long as the block lasts, and flush at its end. `log_format`: auto, text or json."""
    is_terminal = sys.stderr.isatty()
    is_text = log_format == "text" or (log_format == "auto" and is_terminal)
    formatter = TextFormatter(in_colour=is_terminal) if is_text else JsonFormatter()
    writer = _BatchWriter(sys.stderr, formatter)
    # Nobody reads these, and finding the caller's line costs more than the rest of a record ("Optimization" in
    # the logging HOWTO).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001  what the HOWTO says
    root = logging.getLogger()
    before = root.handlers[:], root.level
    root.handlers[:] = [writer]
    root.setLevel(level.upper())
    # URLs, a probe a second; other people's headers at debug; every rule of markdown for every line of text.
    for chatty in ("httpx", "httpcore", "markdown_it"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    uvicorn = logging.getLogger("uvicorn.error")
    uvicorn.setLevel(logging.WARNING)
    quiet = _QuietCuts()
    uvicorn.addFilter(quiet)
    writer.start()
    try:
        yield
    finally:
        writer.stop()
        uvicorn.removeFilter(quiet)
        root.handlers[:], root.level = before
        if writer.dropped:
            print(f"{writer.dropped} log lines were dropped", file=sys.stderr)  # noqa: T201
