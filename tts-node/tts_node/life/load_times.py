"""How long each model took to load on this machine, kept over restarts: the first ETA is then no guess.

A file of a few lines in the cache: losing it costs one unknown ETA, so no fault of it is worth more than a line
in the log.
"""

import logging
import os
from pathlib import Path

import msgspec

from tts_node.files import put_in_place

log = logging.getLogger(__name__)


class LoadTimes:
    """Seconds by model and device."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "load_times.json"
        self._seconds = self._read()

    def of(self, model: str, device: str) -> float | None:
        """The last load's; None: never seen."""
        return self._seconds.get(f"{model} on {device}")

    def put(self, model: str, device: str, load_s: float) -> None:
        """Replaces the file, so that a crash leaves the old one or the new one."""
        self._seconds[f"{model} on {device}"] = round(load_s, 3)
        part = self._path.with_suffix(f".{os.getpid()}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(msgspec.json.encode(self._seconds))
            put_in_place(part, self._path)
        except OSError as exc:
            log.warning("load times are not kept: %s", exc)

    def _read(self) -> dict[str, float]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, float])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as exc:
            log.warning("%s is ignored: %s", self._path, exc)
            return {}
