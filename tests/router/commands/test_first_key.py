"""The first client's key."""

import stat
from pathlib import Path

import pytest
import yaml

from router.api.admission import key_hash
from router.commands.first_key import FIRST_CLIENT, clients_file, make_first_key, with_kept_clients
from router.config import ConfigError, Settings
from router.config.settings import ClientSettings, ServerSettings

EVERYWHERE = "0.0.0.0"
SHA = "0" * 64


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Where a configuration lies, as in a checkout."""
    folder = tmp_path / "config"
    folder.mkdir()
    return folder / "providers.yaml"


def _settings(host: str = EVERYWHERE, clients: dict[str, ClientSettings] | None = None) -> Settings:
    return Settings(server=ServerSettings(host=host), clients=clients or {})


def test_its_hash_is_kept_beside_the_configuration_and_the_key_nowhere(config: Path) -> None:
    """Readable by its owner only."""
    key = make_first_key(config)
    file = config.parent.parent / "data" / "clients.yaml"
    assert file == clients_file(config)
    kept = file.read_text(encoding="utf-8")
    assert {"clients": {FIRST_CLIENT: {"key_sha256": key_hash(key), "role": "admin"}}} == yaml.safe_load(kept)
    assert (False, 0o600) == (key in kept, stat.S_IMODE(file.stat().st_mode))


@pytest.mark.parametrize(
    ("file", "kept_in"),
    [
        ("config/providers.yaml", "."),
        ("router.yaml", "."),
        ("etc/router.yaml", "etc"),
        ("config/a/b.yaml", "config/a"),
    ],
)
def test_a_key_is_kept_in_the_configurations_own_folder(
    file: str, kept_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above it lie other people's things; only a folder `config` is a part of something larger."""
    monkeypatch.chdir(tmp_path)
    assert tmp_path / kept_in / "data" / "clients.yaml" == clients_file(Path(file))


def test_every_key_is_another(config: Path) -> None:
    """The file is made anew after it was deleted."""
    assert make_first_key(config) != make_first_key(config)


def test_where_others_can_reach_the_router_it_counts(config: Path) -> None:
    """From then on, whatever command serves."""
    key = make_first_key(config)
    client = with_kept_clients(_settings(), config).clients[FIRST_CLIENT]
    assert (key_hash(key), "admin") == (client.key_sha256, client.role)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_on_this_machine_alone_nobody_needs_it(host: str, config: Path) -> None:
    """`make run` after `up --lan` is open to its owner again."""
    make_first_key(config)
    assert {} == with_kept_clients(_settings(host), config).clients


def test_without_a_file_nothing_changes(config: Path) -> None:
    """The usual case."""
    settings = _settings()
    assert settings is with_kept_clients(settings, config)


def test_configured_clients_stay_and_win_over_a_kept_one_of_their_name(config: Path) -> None:
    """The file that a person wrote counts for more."""
    make_first_key(config)
    desk, own = ClientSettings(key_sha256="1" * 64), ClientSettings(key_sha256=SHA)
    clients = with_kept_clients(_settings(clients={"desk": desk, FIRST_CLIENT: own}), config).clients
    assert {"desk": desk, FIRST_CLIENT: own} == clients


@pytest.mark.parametrize("text", ["clients: [", "clients: {a: {key_sha256: short}}", "x: 1"])
def test_a_broken_file_is_told_by_its_name(text: str, config: Path) -> None:
    """Serving without its keys would lock everybody out, or in."""
    make_first_key(config)
    clients_file(config).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        with_kept_clients(_settings(), config)
    assert {str(clients_file(config))} == {fault.file for fault in caught.value.faults}
