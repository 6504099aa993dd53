"""The first client's key, made by `up --lan` where the configuration names no client.

Its hash is kept in `data/clients.yaml` in the configuration's folder (beside it, when that is called `config`, as
in a checkout) and counts whenever the router is bound to an address that others can reach; the key itself is
printed once and kept nowhere.
"""

from pathlib import Path
from typing import Final

import yaml

from router.api.admission import new_key
from router.config import Settings, is_loopback, parse
from router.config.settings import ClientSettings

FIRST_CLIENT: Final = "first-client"


def clients_file(config: Path) -> Path:
    """Where keys made by commands are kept."""
    folder = config.resolve().parent
    return (folder.parent if folder.name == "config" else folder) / "data" / "clients.yaml"


def make_first_key(config: Path) -> str:
    """A key whose hash is now in `clients_file`."""
    key, hashed = new_key()
    file = clients_file(config)
    file.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump({"clients": {FIRST_CLIENT: {"key_sha256": hashed, "role": "admin"}}})
    file.write_text(
        "# Made by `local-ai-router up --lan`; delete it to be given a new key.\n" + text, encoding="utf-8"
    )
    file.chmod(0o600)
    return key


def with_kept_clients(settings: Settings, config: Path) -> Settings:
    """The settings with the clients kept in `clients_file`, where others can reach the router.

    Raises ConfigError when that file is broken.
    """
    file = clients_file(config)
    if is_loopback(settings.server.host) or not file.exists():
        return settings
    kept = parse(file.read_text(encoding="utf-8"), str(file), {}).clients
    clients: dict[str, ClientSettings] = {**kept, **settings.clients}
    return settings.model_copy(update={"clients": clients})
