"""The command line: each command's words and exit status."""

import asyncio
import gc
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import nobody

from router import server
from router.__main__ import main
from router.api.admission import key_hash
from router.commands import up
from router.config import Settings, parse, schema
from router.drill.ports import free_port

DEMO = "providers: {demo: {kind: demo}}\n"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of this machine's and no file of this directory's."""
    for name in ("ROUTER_HOST", "ROUTER_PORT", "ROUTER_CONFIG", "TTS_NODE_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def _config(text: str = DEMO) -> str:
    file = Path("test.yaml")
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


def test_check_says_that_a_file_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    """And what it serves from."""
    assert 0 == main(["check", "--config", _config()])
    assert "test.yaml is fine. Providers: demo.\n" == capsys.readouterr().out


def test_check_prints_every_fault_and_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    """With file and line, on stderr."""
    assert 2 == main(["check", "--config", _config("server:\n  port: x\n  sort: 1\n")])
    assert [
        "test.yaml:2: server.port: must be a valid integer, is 'x'",
        "test.yaml:3: server.sort: unknown key; did you mean port?",
        "2 faults in the configuration.",
    ] == capsys.readouterr().err.splitlines()


def test_check_knows_that_others_need_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """What serve would refuse, check refuses."""
    assert 2 == main(["check", "--config", _config("server: {host: 0.0.0.0}")])
    assert "1 fault in the configuration." == capsys.readouterr().err.splitlines()[-1]


def test_check_compares_and_writes_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """`make check` and `make schema`."""
    config, file = _config(), Path("schema.json")
    statuses = [
        main(["check", "--config", config, "--schema", str(file), *more]) for more in ([], ["--write"], [])
    ]
    assert ([2, 0, 0], schema()) == (statuses, file.read_text(encoding="utf-8"))
    assert "schema.json is out of date: run `make schema`.\n" == capsys.readouterr().err


def test_the_configuration_is_the_flags_then_the_variables_then_the_one_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the one that is shipped."""
    said = []

    def check(*arguments: str) -> None:
        assert 0 == main(["check", *arguments])
        said.append(Path(capsys.readouterr().out.split(" is fine")[0]).name)

    check()
    Path("config").mkdir()
    Path("config/providers.yaml").write_text(DEMO, encoding="utf-8")
    check()
    Path("b.yaml").write_text(DEMO, encoding="utf-8")
    monkeypatch.setenv("ROUTER_CONFIG", "b.yaml")
    check()
    check("--config", _config())
    assert ["providers.yaml", "providers.yaml", "b.yaml", "test.yaml"] == said


def test_keys_new_prints_a_key_once_and_the_entry_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    """The entry loads, and its hash is the key's."""
    assert 0 == main(["keys", "new", "desk", "--admin"])
    out = capsys.readouterr().out
    found = re.search(r"lar-[\w-]{43}", out)
    assert found is not None
    entry = "clients:\n" + out[out.index("  desk:") :]
    client = parse(entry, "f", {}).clients["desk"]
    assert (key_hash(found.group()), "admin", 1) == (client.key_sha256, client.role, out.count(found.group()))


@pytest.mark.parametrize("name", ["a b", "a/b", "", "a:b"])
def test_a_name_that_the_configuration_would_refuse_gets_no_key(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anybody pastes it."""
    assert 2 == main(["keys", "new", name])
    assert "" == capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["--model", "demo"], 0, "1.  demo           demo                         tier 1, up"),
        (["--model", "nobody"], 1, ""),
        (["--voice", "nobody"], 1, ""),
        (["--voice", "fable"], 1, "Nothing can serve this now: a request would get a 503."),
    ],
)
def test_explain(arguments: list[str], status: int, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Candidates in order, or why there is none."""
    assert status == main(["explain", "--config", _config(), *arguments])
    captured = capsys.readouterr()
    assert line == captured.out.strip()
    assert bool(captured.err) is (line == "")


def test_explain_says_when_nothing_can_serve(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, for scripts."""
    with nobody() as port:
        text = (
            f"providers: {{a: {{kind: openai, url: 'http://127.0.0.1:{port}'}}}}\n"
            "models: {m: {routes: [{provider: a}]}, off: {routes: [{provider: b}]}}\n"
            "hosts: {none: {address: ''}}\n"
        ).replace("providers: {", "providers: {b: {kind: openai, host: none, port: 1}, ")
        assert 0 == main(["explain", "--config", _config(text), "--model", "m"])
        assert "last resort: down (nothing listens on" in capsys.readouterr().out
        assert 1 == main(["explain", "--config", _config(text), "--model", "off"])
    assert "Nothing can serve this now: a request would get a 503." == capsys.readouterr().out.strip()


@pytest.mark.parametrize("command", ["serve", "up"])
def test_a_taken_port_is_told_with_what_to_do(
    command: str, taken: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, status 1."""
    assert 1 == main([command, "--config", _config(), "--port", str(taken)])
    assert f"Port {taken} on 127.0.0.1 is taken" in capsys.readouterr().err
    gc.collect()  # a socket left open would be an unraisable warning, and so a failure


@pytest.mark.parametrize("command", ["serve", "up", "explain"])
def test_a_bad_configuration_is_a_2(command: str) -> None:
    """For every command that reads one."""
    assert 2 == main([command, "--config", _config("x: 1")])


def test_up_without_a_node_says_how_to_get_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves no socket behind."""
    monkeypatch.setattr(up, "node_command", lambda: None)
    monkeypatch.setenv("TTS_NODE_PORT", "")
    arguments = ["up", "--config", _config(), "--port", str(free_port()), "--tts-port", str(free_port())]
    assert 1 == main(arguments)
    gc.collect()
    assert capsys.readouterr().err.startswith("No tts-node found")


def test_up_with_the_nodes_port_taken_leaves_no_socket_behind(
    taken: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The router's own port is free again."""
    monkeypatch.setenv("TTS_NODE_PORT", "")
    assert 1 == main(["up", "--config", _config(), "--port", str(free_port()), "--tts-port", str(taken)])
    gc.collect()
    assert f"Port {taken}" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1", "8700.0"])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By the parser of arguments."""
    with pytest.raises(SystemExit) as caught:
        main(["serve", "--port", port])
    assert (2, True) == (caught.value.code, "is no port" in capsys.readouterr().err or port == "-1")


def test_a_port_in_the_environment_that_is_none_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serving on another port than the one that was asked for would be a riddle."""
    monkeypatch.setenv("ROUTER_PORT", "eighty")
    assert 2 == main(["check", "--config", _config()])


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["keys"]])
def test_without_a_command_the_usage_is_printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, as argparse does."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert (2, True) == (caught.value.code, "usage: local-ai-router" in capsys.readouterr().err)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the package."""
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert (0, True) == (caught.value.code, capsys.readouterr().out.startswith("local-ai-router "))


@pytest.mark.parametrize("host", ["nobody.invalid", "203.0.113.1"])
def test_an_address_that_is_not_ours_cannot_be_bound(host: str) -> None:
    """Told in words."""
    with pytest.raises(server.CannotListen, match=f"Cannot listen on {host}:1: "):
        server.bind(host, 1)
    gc.collect()


def test_a_bound_socket_is_not_inherited() -> None:
    """The node must not hold the router's port."""
    with server.bind("127.0.0.1", 0) as listener:
        assert listener.get_inheritable() is False


def test_settings_without_anything_are_usable() -> None:
    """The type's own defaults."""
    assert ("127.0.0.1", 8700) == (Settings().server.host, Settings().server.port)
    assert asyncio.iscoroutinefunction(server.serve)
