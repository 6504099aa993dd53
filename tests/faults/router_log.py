"""What a router's log says of health: its JSON lines, read."""

import json
from dataclasses import dataclass
from typing import Final

BUSY: Final = "accepts connections, answers nothing"  # what a node's machine looks like that is merely busy


@dataclass(frozen=True, slots=True)
class Change:
    """A provider or a host that moved to another state."""

    who: str
    state: str
    detail: str = ""

    def is_about(self, *names: str) -> bool:
        return self.who in names

    @property
    def blames(self) -> bool:
        """Whether a fault was found; not the silence of a busy machine, nor that it is over."""
        return self.state != "up" and self.detail != BUSY


def changes_of(log: str) -> list[Change]:
    """Every change of health, in order. Hosts are told at log_level debug only."""
    changes = []
    for line in log.splitlines():
        if '"router.health"' not in line:
            continue
        entry = json.loads(line)
        if entry["event"] in {"provider", "host"}:
            changes.append(Change(entry[entry["event"]], entry["state"], entry.get("detail", "")))
    return changes
