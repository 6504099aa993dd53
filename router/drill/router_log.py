"""What the router's log says of health and of failovers: its JSON lines, read as they come."""

import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Notice:
    """At `at_s` (monotonic) the router said that `who` is `what`: a state, or "failover"."""

    at_s: float
    who: str
    what: str
    detail: str = ""


class RouterLog:
    """A log that grows."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._wall_ahead_s = time.time() - time.monotonic()  # the log tells wall-clock time to the millisecond

    def notices(self) -> list[Notice]:
        """Every one so far, in order."""
        found = []
        for line in self._file.read_text(errors="replace").splitlines():
            if '"router.health"' in line or '"failover"' in line:
                notice = self._notice(line)
                if notice is not None:
                    found.append(notice)
        return found

    def has_traceback(self) -> bool:
        return '"exception"' in (text := self._file.read_text(errors="replace")) or "Traceback" in text

    def _notice(self, line: str) -> Notice | None:
        try:
            entry = json.loads(line)
            at_s = datetime.fromisoformat(entry["time"]).timestamp() - self._wall_ahead_s
        except (ValueError, KeyError):
            return None  # a line that is still being written
        match entry:
            case {"event": "provider" | "host" as what, "state": state}:
                return Notice(at_s, str(entry.get(what)), str(state), str(entry.get("detail", "")))
            case {"event": "failover" as what, "from": who}:
                return Notice(at_s, str(who), what, str(entry.get("reason", "")))
        return None
