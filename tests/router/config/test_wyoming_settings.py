"""What may be said of Wyoming, on either side of the house."""

from pathlib import Path

import pytest

from router.config import ConfigError, Settings, check_exposure, load, parse
from router.providers import address_of, build
from router.providers.origin import Address
from router.providers.wyoming import Wyoming

SHIPPED = Path(__file__).parents[3] / "config" / "providers.yaml"


def _parsed(text: str) -> Settings:
    return parse(text, "f.yaml", {})


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("url: tcp://192.168.1.20:10201", Address("tcp", "192.168.1.20", 10_201, "")),
        ("url: tcp://piper/", Address("tcp", "piper", 10_200, "")),
        ("url: 'tcp://[fe80::1]:10200'", Address("tcp", "fe80::1", 10_200, "")),
        ("host: pi, port: 10300", Address("tcp", "192.168.1.7", 10_300, "")),
    ],
)
def test_where_a_piper_is(entry: str, address: Address) -> None:
    """By a URL of its own kind, or as a host's port; the drill finds it there, too."""
    settings = _parsed(f"hosts: {{pi: {{address: 192.168.1.7}}}}\nproviders: {{p: {{kind: wyoming, {entry}}}}}")
    built = build(settings, lambda: 0.0)["p"]
    assert isinstance(built, Wyoming)
    assert 1 == built.card.concurrency
    assert address == address_of("p", settings)


@pytest.mark.parametrize(
    ("kind", "entry", "why"),
    [
        ("wyoming", "url: http://192.168.1.20:10200", "must look like tcp://192.168.1.20:10200"),
        ("wyoming", "url: tcp://192.168.1.20/v1", "must look like tcp://192.168.1.20:10200"),
        ("wyoming", "url: tcp://192.168.1.20:99999", "must look like tcp://192.168.1.20:10200"),
        ("wyoming", "url: tcp://pi, api_key: secret", "the Wyoming protocol has no keys"),
        ("openai", "url: tcp://192.168.1.20:8000", "must look like http://192.168.1.20:8000/v1"),
    ],
)
def test_where_it_cannot_be(kind: str, entry: str, why: str) -> None:
    """Only what speaks Wyoming is behind tcp://."""
    with pytest.raises(ConfigError) as caught:
        _parsed(f"providers: {{p: {{kind: {kind}, {entry}}}}}")
    assert why in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [
        ("wyoming: {host: 0.0.0.0}", False),
        ("wyoming: {enabled: true}", False),
        ("wyoming: {enabled: true, host: 0.0.0.0}", True),
        ("wyoming: {enabled: true, host: 192.168.1.2}", True),
        ("wyoming: {enabled: true, host: 0.0.0.0, allow_anonymous: true}", False),
        ("wyoming: {enabled: true, host: 0.0.0.0, allowed_addresses: [192.168.1.0/24]}", False),
    ],
)
def test_others_are_let_in_only_on_purpose(text: str, is_refused: bool) -> None:
    """There are no keys to ask for. Client keys, or the server's own switch, are about something else."""
    settings = _parsed(text + "\nserver: {allow_anonymous: true}")
    if is_refused:
        with pytest.raises(ConfigError, match=r"wyoming\.host: .*allowed_addresses"):
            check_exposure(settings, "f.yaml")
    else:
        assert None is check_exposure(settings, "f.yaml")  # type: ignore[func-returns-value]


@pytest.mark.parametrize("address", ["everybody", "192.168.1.1/24", "192.168.1.0/33", ""])
def test_addresses_that_are_none(address: str) -> None:
    """Told with their place, before anybody is let in or kept out by mistake."""
    with pytest.raises(ConfigError, match=r"wyoming\.allowed_addresses\[0\]: an IP address or network"):
        _parsed(f"wyoming: {{allowed_addresses: ['{address}']}}")


def test_variables_switch_both_sides_on() -> None:
    """Of the file that is shipped."""
    off = load(SHIPPED, {})
    assert ("piper" in build(off, lambda: 0.0), off.wyoming.enabled) == (False, False)
    assert Settings().wyoming == off.wyoming
    on = load(SHIPPED, {"PIPER_URL": "tcp://192.168.1.20", "WYOMING_ENABLED": "true", "WYOMING_PORT": "10201"})
    assert ("piper" in build(on, lambda: 0.0), on.wyoming.enabled, on.wyoming.port) == (True, True, 10_201)
