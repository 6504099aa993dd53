"""Flags over environment over defaults; every fault at once."""

from pathlib import Path

import pytest

import tts_node
from tts_node.domain import Simulation
from tts_node.settings import OPTIONS, Settings, SettingsError, is_loopback, parse_simulation, read_settings


def faults_of(**env: str) -> tuple[str, ...]:
    """What is wrong with this environment."""
    with pytest.raises(SettingsError) as caught:
        read_settings({}, {f"TTS_NODE_{name}": value for name, value in env.items()})
    return caught.value.faults


def test_defaults_are_the_contract() -> None:
    """A fresh machine listens on 127.0.0.1:8006 and unloads after ten minutes."""
    settings = read_settings({}, {})
    assert Settings() == settings
    assert ("127.0.0.1", 8006, 600.0, 8) == (
        settings.host,
        settings.port,
        settings.idle_timeout_s,
        settings.queue_limit,
    )


def test_flags_win_over_the_environment() -> None:
    """And an empty variable is no value."""
    env = {"TTS_NODE_PORT": "9000", "TTS_NODE_DEVICE": "cuda:1", "TTS_NODE_API_KEY": ""}
    settings = read_settings({"port": "9001", "device": None}, env)
    assert (9001, "cuda:1", None) == (settings.port, settings.device, settings.api_key)


def test_every_setting_has_a_way_in() -> None:
    """No field without its flag and variable, and none twice."""
    assert sorted(Settings.__dataclass_fields__) == sorted(option.name for option in OPTIONS)


def test_every_flag_is_documented() -> None:
    """The README's table names each."""
    readme = (Path(tts_node.__file__).parent.parent / "README.md").read_text()
    assert [] == [option.flag for option in OPTIONS if f"`{option.flag}`" not in readme]


def test_all_faults_are_told_at_once() -> None:
    """Each names its source; a key is not repeated."""
    faults = faults_of(PORT="70000", DEVICE="gpu", SIMULATE="speed=2", IDLE_TIMEOUT_S="soon", API_KEY="se cret")
    assert ["PORT", "API_KEY", "DEVICE", "SIMULATE", "IDLE_TIMEOUT_S"] == [
        fault.partition(":")[0].removeprefix("TTS_NODE_") for fault in faults
    ]
    assert not any("se cret" in fault for fault in faults)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "-1"),
        ("PORT", "8e3"),
        ("QUEUE_LIMIT", "many"),
        ("WATCHDOG_S", "0"),
        ("WATCHDOG_S", "inf"),
        ("ALLOW_ANONYMOUS", "perhaps"),
        ("LOG_FORMAT", "xml"),
        ("ENGINE", "hal9000"),
    ],
)
def test_bad_values_are_refused(name: str, value: str) -> None:
    """One line each, with the value."""
    assert [True] == [value in fault for fault in faults_of(**{name: value})]


def test_other_addresses_need_a_key_or_a_word() -> None:
    """The fault says both ways out."""
    (fault,) = faults_of(HOST="0.0.0.0")
    assert "TTS_NODE_API_KEY" in fault
    assert "--allow-anonymous" in fault
    assert "0.0.0.0" == read_settings({"host": "0.0.0.0", "api_key": "k"}, {}).host
    assert read_settings({"host": "0.0.0.0", "allow_anonymous": "true"}, {}).allow_anonymous


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("localhost.evil.example", False),
    ],
)
def test_what_is_loopback(host: str, expected: bool) -> None:
    """Only what keeps everybody else out."""
    assert expected == is_loopback(host)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rtf=0.3,first=0.4", Simulation(0.3, 0.4)),
        (" first=1 ", Simulation(first_s=1.0)),
        ("rtf=2,load=.5", Simulation(rtf=2, load_s=0.5)),
    ],
)
def test_simulations(text: str, expected: Simulation) -> None:
    """Every part is optional."""
    assert expected == parse_simulation(text)


def test_a_bad_dictionary_stops_the_start(tmp_path: Path) -> None:
    """The fault names file and line, beside every other fault."""
    words = tmp_path / "words.toml"
    words.write_text("[any]\nhello = 3\n", encoding="utf-8")
    faults = faults_of(DICTIONARY=str(words), PORT="-1")
    assert any(f"{words}: line 2: " in fault for fault in faults)
    assert 2 == len(faults)
