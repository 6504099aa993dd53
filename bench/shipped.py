"""This working copy's router, as it ships but for what a benchmark sets: its configuration, its start, its log."""

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bench.servers import Server, server
from router.api.admission import key_hash
from router.drill.ports import free_port

CONFIG: Final = "providers.yaml"
LOG: Final = "log"
_COMPLAINTS: Final = 20


def command(folder: Path, python: str = sys.executable) -> tuple[str, ...]:
    """It runs by the configuration in `folder`, with the interpreter `python`."""
    return (python, "-m", "router", "serve", "--config", str(folder / CONFIG))


def configuration(port: int, settings: Mapping[str, Any]) -> str:
    """As JSON, which is YAML as well."""
    return json.dumps({"server": {"port": port}, **settings}, indent=1)


def client(key: str, **more: str) -> dict[str, str]:
    """An entry of the setting `clients`."""
    return {"key_sha256": key_hash(key), **more}


@contextlib.contextmanager
def router(
    folder: Path, core: int, settings: Mapping[str, Any], *asked: str, key: str = "", within_s: float = 30.0
) -> Iterator[Server]:
    """It, running; all that it writes is in `folder`. `asked`, `key`, `within_s`: see `server`.

    Raises CannotMeasure.
    """
    port = free_port()
    folder.mkdir(exist_ok=True)
    own = {
        "speech": {"voices_dir": str(folder / "voices"), **settings.get("speech", {})},
        "cache": {"dir": str(folder / "cache"), **settings.get("cache", {})},
    }
    (folder / CONFIG).write_text(configuration(port, {**settings, **own}))
    with server(command(folder), port, core, folder / LOG, *asked, key=key, within_s=within_s) as it:
        yield it


def complaints(log: Path) -> str:
    """What the log says of requests that did not end well, the last of them; nothing without a log."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    bad = [line for line in lines if '"outcome":"' in line and '"outcome":"ok"' not in line]
    return "\n".join(bad[-_COMPLAINTS:])
