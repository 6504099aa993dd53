"""How every command gets its settings: file, environment, flags, in rising precedence."""

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import Final

from router.commands.first_key import with_kept_clients
from router.config import ConfigError, Fault, Settings, check_exposure, load

EXIT_BAD_CONFIG: Final = 2
_SHIPPED: Final = Path(__file__).parents[2] / "config" / "providers.yaml"


def config_file(arguments: Namespace) -> Path:
    """`--config`, else ROUTER_CONFIG, else config/providers.yaml here, else the one shipped."""
    named = arguments.config or os.environ.get("ROUTER_CONFIG")
    if named:
        return Path(named)
    here = Path("config/providers.yaml")
    return here if here.exists() else _SHIPPED


def load_settings(arguments: Namespace, *, is_serving: bool = False) -> Settings:
    """The settings, with ROUTER_HOST, ROUTER_PORT and flags applied. Raises ConfigError."""
    file = config_file(arguments)
    settings = load(file, os.environ)
    host = getattr(arguments, "host", None) or os.environ.get("ROUTER_HOST") or settings.server.host
    port = getattr(arguments, "port", None) or _port(os.environ.get("ROUTER_PORT")) or settings.server.port
    server = settings.server.model_copy(update={"host": host, "port": port})
    settings = with_kept_clients(settings.model_copy(update={"server": server}), file)
    if is_serving:
        check_exposure(settings, str(file))
    return settings


def report(error: ConfigError) -> int:
    """Print every fault; the exit status for it."""
    for fault in error.faults:
        print(fault, file=sys.stderr)
    count = len(error.faults)
    print(f"{count} fault{'s' if count > 1 else ''} in the configuration.", file=sys.stderr)
    return EXIT_BAD_CONFIG


def _port(text: str | None) -> int | None:
    """ROUTER_PORT as a number. Raises ConfigError."""
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:6]) < 65_536:
        raise ConfigError([Fault(0, "", f"must be a port, 1 to 65535, is {text[:40]!r}", "ROUTER_PORT")])
    return int(text)
