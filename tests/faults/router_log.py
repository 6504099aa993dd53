"""What a router's log says of health: its JSON lines, read."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """A provider or a host that moved to another state."""

    who: str
    state: str

    def is_about(self, *names: str) -> bool:
        return self.who in names


def changes_of(log: str) -> list[Change]:
    """Every change of health, in order. Hosts are told at log_level debug only."""
    changes = []
    for line in log.splitlines():
        if '"router.health"' not in line:
            continue
        entry = json.loads(line)
        if entry["event"] in {"provider", "host"}:
            changes.append(Change(entry[entry["event"]], entry["state"]))
    return changes
