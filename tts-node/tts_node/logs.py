"""Logs: lines for a person on a terminal, JSON for everything else. What is spoken is never logged."""

import json
import logging
import sys
import time
from typing import TextIO


class JsonFormatter(logging.Formatter):
    """One object a line, its keys those of the router's lines: whoever reads both logs asks once."""

    def format(self, record: logging.LogRecord) -> str:
        """time (RFC 3339, UTC), level, logger, event, and the exception if there is one."""
        fields = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


def set_up_logs(log_format: str, level: str, stream: TextIO = sys.stderr) -> None:
    """`auto` looks whether the stream is a terminal."""
    handler = logging.StreamHandler(stream)
    if log_format == "json" or (log_format == "auto" and not stream.isatty()):
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
