"""From text to settings that fit together, or to every reason why not."""

from pathlib import Path

import pytest

from router.config import ConfigError, Settings, check_exposure, is_loopback, load, parse

SHA = "0" * 64
ONE_SERVER = "providers: {a: {kind: openai, url: 'http://h'}}"
DOES_IT = "say `serves: [transcription]` there if it does"
KEYS_NEW = "`local-ai-router keys new NAME`"


def _parsed(text: str, **environment: str) -> Settings:
    return parse(text, "f.yaml", environment)


def _faults(text: str, **environment: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _parsed(text, **environment)
    assert str(caught.value) == "\n".join(map(str, caught.value.faults))
    return [str(fault).removeprefix("f.yaml") for fault in caught.value.faults]


def test_an_empty_file_is_all_defaults() -> None:
    """Every section is optional."""
    assert Settings() == _parsed("")


def test_every_fault_is_told_at_once_in_file_order() -> None:
    """Types, unknown keys, missing variables and duplicates together."""
    text = """\
server:
  port: 99999
  max_body: 5
  log_level: loud
providers:
  a: {kind: openai, url: "http://h", tier: high}
  b: {kind: robot}
  c: {url: "http://h"}
models:
  m: {routes: []}
server: {}
clients:
  me: {key_sha256: "${NO}"}
"""
    assert [
        ":2: server.port: must be less than or equal to 65535, is 99999",
        ":3: server.max_body: unknown key; did you mean max_body_mb?",
        ":4: server.log_level: must be 'debug', 'info', 'warning' or 'error', is 'loud'",
    ] == _faults(text)[:3]
    rest = "\n".join(_faults(text)[3:])
    for expected in (
        ":6: providers.a.tier: ",
        ":7: providers.b: unknown kind 'robot'",
        ":8: providers.c: kind is missing: openai, tts-node, local-llm or demo",
        ":10: models.m.routes: ",
        ":11: server: duplicate key, first given on line 1",
        ":13: clients.me.key_sha256: the variable NO is not set",
    ):
        assert expected in rest


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("sever: {}", ":1: sever: unknown key; did you mean server?"),
        ("qqqqq: {}", ":1: qqqqq: unknown key"),
        ("server: 5", ":1: server: must be a mapping, is 5"),
        ("server: [a]", ":1: server: must be a mapping, is ['a']"),
        ("server:\n  port: '8700'", ":2: server.port: must be a valid integer, is '8700'"),
        ("server:\n  port: 8700.5", ":2: server.port: must be a valid integer, is 8700.5"),
        ("server:\n  allow_anonymous: 1", ":2: server.allow_anonymous: must be a valid boolean, is 1"),
        ("server:\n  host: null", ":2: server.host: must be a valid string, is None"),
        (
            "server:\n  open_routes: [health, admin]",
            ":2: server.open_routes[1]: must be 'health', 'ready' or 'metrics', is 'admin'",
        ),
        ("speech:\n  max_input_chars: 0", ":2: speech.max_input_chars: must be greater than or equal to 1, is 0"),
        ("hosts:\n  pc: {}", ":2: hosts.pc.address: missing, and has no default"),
        (
            "clients:\n  me: {key_sha256: secret}",
            f":2: clients.me.key_sha256: must be 64 hexadecimal digits, as {KEYS_NEW} prints them",
        ),
        ("providers:\n  a: {kind: openai}", ":2: providers.a: needs url, or host and port"),
        (
            "hosts: {h: {address: x}}\nproviders:\n  a: {kind: openai, host: h}",
            ":3: providers.a: needs url, or host and port",
        ),
        (
            "hosts: {gaming-pc: {address: x}}\nproviders:\n  a: {kind: openai, host: gamin-pc, port: 1}",
            ":3: providers.a.host: no host is called 'gamin-pc'; did you mean gaming-pc?",
        ),
        (
            "providers:\n  a:\n    kind: openai\n    url: http://h\n    port: 1",
            ":5: providers.a.port: url has the port already; give one of the two",
        ),
        (
            "providers:\n  a b: {kind: demo}",
            ":2: providers.a b: a name has letters, digits, '.', '_' and '-' only",
        ),
        (
            "providers:\n  a/b: {kind: demo}",
            ":2: providers.a/b: a name has letters, digits, '.', '_' and '-' only",
        ),
        (
            "providers:\n  demo: {kind: demo}\nmodels:\n  m:\n    routes:\n      - provider: dmo",
            ":6: models.m.routes[0].provider: no provider is called 'dmo'; did you mean demo?",
        ),
        (
            f"{ONE_SERVER}\nmodels:\n  m: {{serves: transcription, routes: [{{provider: a}}]}}",
            f":3: models.m.routes[0].provider: a does not transcribe; {DOES_IT}",
        ),
        (
            "voices:\n  v: {use: {nobody: x}}",
            ":2: voices.v.use.nobody: no provider is called 'nobody'; known: none",
        ),
        (
            f"clients:\n  a: {{key_sha256: '{SHA}'}}\n  b: {{key_sha256: '{SHA}'}}",
            ":3: clients.b.key_sha256: the same key as clients.a",
        ),
        (
            "providers:\n  ollama: {kind: demo}\n  found: {kind: local-llm, ports: {ollama: 11434}}",
            ":3: providers.found.ports.ollama: another provider has this name already",
        ),
        (
            "providers:\n  a: {kind: openai, url: 'http://h', api_key: \"a\\nb\"}",
            ":2: providers.a.api_key: may hold visible ASCII characters only",
        ),
    ],
)
def test_a_fault_names_line_key_and_remedy(text: str, fault: str) -> None:
    """One fault each."""
    assert [fault] == _faults(text)


@pytest.mark.parametrize(
    "url",
    [
        "h:8000",
        "ftp://h",
        "http://",
        "http://:80",
        "http://h:0",
        "http://h:99999",
        "http://h:x",
        "http://h/v1?a=b",
        "http://h#x",
        "http://u:p@h",
        "http://[::1",
    ],
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    """Before anything dials it."""
    expected = f":2: providers.a.url: must look like http://192.168.1.20:8000/v1, is {url!r}"
    assert [expected] == _faults(f"providers:\n  a: {{kind: openai, url: '{url}'}}")


@pytest.mark.parametrize(
    "url", ["http://h", "https://h.example/v1", "http://[::1]:8000/v1/", "http://127.0.0.1:1"]
)
def test_a_url_that_is_one_is_taken(url: str) -> None:
    """With or without path and port."""
    assert url == getattr(_parsed(f"providers:\n  a: {{kind: openai, url: '{url}'}}").providers["a"], "url", None)


@pytest.mark.parametrize("name", ["a/b", "a b", "", "größe", "a\\nb"])
def test_names_of_found_servers_follow_the_same_rule(name: str) -> None:
    """They are providers too: they appear in `provider/model` and in a header."""
    assert 1 == len(_faults(f'providers:\n  found: {{kind: local-llm, ports: {{"{name}": 1}}}}'))


@pytest.mark.parametrize("address", ["http://192.168.1.2", "192.168.1.2:8006", "a b", "192.168.1.2/x"])
def test_a_hosts_address_is_no_url(address: str) -> None:
    """An address with a port or a scheme can never be dialled; better to be told now."""
    assert 1 == len(_faults(f"hosts:\n  pc: {{address: '{address}'}}"))


def test_variables_become_numbers_and_switches_where_the_key_wants_them() -> None:
    """And stay text where it wants text."""
    text = """\
server: {port: "${P}", allow_anonymous: "${A}", max_body_mb: "${M}"}
providers:
  a: {kind: openai, url: http://h, api_key: "${K}"}
"""
    settings = _parsed(text, P="9000", A="yes", M="1.5", K="12345")
    assert (9000, True, 1.5, "12345") == (
        settings.server.port,
        settings.server.allow_anonymous,
        settings.server.max_body_mb,
        getattr(settings.providers["a"], "api_key", None),
    )


def test_a_variable_of_the_wrong_type_is_a_fault() -> None:
    """With the value that was found."""
    assert [":1: server.port: must be a valid integer, is 'eighty'"] == _faults(
        "server: {port: '${P}'}", P="eighty"
    )


def test_keys_are_not_shown() -> None:
    """Neither in a repr nor among the faults."""
    settings = _parsed(
        "providers: {a: {kind: openai, url: http://h, api_key: topsecret}}\n"
        f"clients: {{c: {{key_sha256: '{SHA}'}}}}"
    )
    assert (False, False) == ("topsecret" in repr(settings), SHA in repr(settings))


def test_a_hash_that_is_wrong_is_not_repeated() -> None:
    """Somebody may have put the key itself there."""
    assert "lar-secret" not in _faults("clients: {c: {key_sha256: lar-secret}}")[0]


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    """Missing, or not UTF-8."""
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"server: {host: '\xff'}")
    messages = []
    for file in (tmp_path / "none.yaml", latin, tmp_path):
        with pytest.raises(ConfigError) as caught:
            load(file, {})
        messages.append(caught.value.faults[0].message)
    assert [
        "cannot be read: No such file or directory",
        "cannot be read: not UTF-8",
        "cannot be read: Is a directory",
    ] == messages


def test_a_file_is_loaded_with_its_environment(tmp_path: Path) -> None:
    """The environment that is handed in, no other."""
    file = tmp_path / "c.yaml"
    file.write_text("server: {host: '${H:-::1}'}", encoding="utf-8")
    assert ("::1", "127.0.0.9") == (load(file, {}).server.host, load(file, {"H": "127.0.0.9"}).server.host)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("pc.lan", False),
        ("", False),
    ],
)
def test_is_loopback(host: str, expected: bool) -> None:
    """A name that is not localhost may be anybody."""
    assert expected is is_loopback(host)


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [
        ("server: {host: 0.0.0.0}", True),
        ("server: {host: '::'}", True),
        ("server: {host: 192.168.1.2}", True),
        ("server: {host: 127.0.0.1}", False),
        ("server: {host: 0.0.0.0, allow_anonymous: true}", False),
        (f"server: {{host: 0.0.0.0}}\nclients: {{me: {{key_sha256: '{SHA}'}}}}", False),
    ],
)
def test_others_are_served_only_with_keys_or_on_purpose(text: str, is_refused: bool) -> None:
    """The refusal says what to do."""
    settings = _parsed(text)
    if is_refused:
        with pytest.raises(ConfigError, match=r"f\.yaml: server\.host: .*keys new NAME"):
            check_exposure(settings, "f.yaml")
    else:
        assert None is check_exposure(settings, "f.yaml")  # type: ignore[func-returns-value]
