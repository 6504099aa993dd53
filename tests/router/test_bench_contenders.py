"""The benchmark's contenders: how each is set up, and that nobody is measured who does not answer."""

import json
import os
import platform
import select
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import contenders
from bench.contenders import Contender, CouldNotStart, installed, lineup, proof
from bench.contenders.contender import Place, Recipe
from bench.contenders.interpreter import how_built
from bench.contenders.proof import Answer, BadAnswer, prove_flow, proven_chat, streamed_words
from bench.contenders.start import started
from bench.processes import is_running, running
from bench.servers import REPOSITORY, Server
from bench.shipped import complaints
from router.drill.ports import free_port

KEY = "lar-a-client-of-the-benchmark"
CORE = min(os.sched_getaffinity(0))
INSTALLED = (".venv-bench-sglang", ".venv-bench-vllm", ".venv-bench-litellm", ".bench-portkey")
EVENT = b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n'
CHAT = b'{"choices":[{"message":{"content":"Awake."}}]}'


def _quiet(line: str) -> None:
    """What a benchmark tells while it runs."""


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The mock upstream, running."""
    with contenders.upstream(tmp_path_factory.mktemp("upstream"), CORE) as it:
        yield it


@pytest.fixture
def a_place(tmp_path: Path, upstream: Server) -> Place:
    """Where a contender may run."""
    return Place(tmp_path / "contender", free_port(), upstream.port, KEY)


@pytest.fixture
def everything_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tools that only tell a version, and folders that hold nothing else."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("nginx", "haproxy", "node", "npm"):
        (tools / name).write_text("#!/bin/sh\necho 'HAProxy version 1.2.3 x/1.2.3'\n")
        (tools / name).chmod(0o755)
    for name in INSTALLED:
        (tmp_path / name).mkdir()
        (tmp_path / name / installed.STAMP).touch()
    (tmp_path / ".venv-bench-litellm" / "bin").mkdir()
    (tmp_path / ".venv-bench-litellm" / "bin" / "python").symlink_to(sys.executable)
    package = tmp_path / ".bench-portkey" / "node_modules" / "@portkey-ai" / "gateway"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"version":"1.2.3"}')
    monkeypatch.setattr(installed, "REPOSITORY", tmp_path)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")


def _texts(recipe: Recipe) -> str:
    return " ".join([*recipe.command, *recipe.files.values(), *recipe.extra_headers.values()])


@pytest.mark.usefixtures("everything_installed")
@pytest.mark.parametrize("name", contenders.NAMES)
def test_everyone_is_told_where_to_listen_and_whom_to_ask(name: str, tmp_path: Path) -> None:
    """On the command line, in a file or with each request."""
    recipe = lineup._RECIPES[name](Place(tmp_path, 18_001, 18_002, KEY))
    assert name == recipe.name
    assert "18001" in _texts(recipe)
    assert "18002" in _texts(recipe)
    assert recipe.setup


@pytest.mark.usefixtures("everything_installed")
@pytest.mark.parametrize(
    ("name", "texts"),
    [
        (
            "nginx",
            ["worker_processes 1;", "access_log off;", "keepalive 1024;", 'proxy_set_header Connection "";'],
        ),
        ("haproxy", ["nbthread 1", "option http-keep-alive", "http-reuse always", "option http-no-delay"]),
        ("sglang-router", ["launch", "--log-level warn", "--prometheus-port"]),
        ("vllm-router", ["--log-level warning", "--prometheus-port"]),
        ("vllm-router-rr", ["--log-level warning", "--prometheus-port", "--policy round_robin"]),
        ("litellm", ["--num_workers 1", "LITELLM_LOG=ERROR", "LITELLM_MODE=PRODUCTION", f"master_key: {KEY}"]),
        ("portkey", ["NODE_ENV=production", "--headless"]),
        ("router", ['"kind": "openai"', '"kind": "demo"', "key_sha256"]),
    ],
)
def test_everyone_runs_as_the_page_says(name: str, texts: list[str], tmp_path: Path) -> None:
    """One process, kept connections, no log of requests but the router's own, which ships with it."""
    said = _texts(lineup._RECIPES[name](Place(tmp_path, 18_001, 18_002, KEY)))
    assert [] == [text for text in texts if text not in said]


def test_nobody_logs_requests_to_haproxy(everything_installed: None, tmp_path: Path) -> None:
    """Its log is off unless a line asks for it."""
    config = lineup._RECIPES["haproxy"](Place(tmp_path, 18_001, 18_002, KEY)).files["haproxy.cfg"]
    assert not any(line.split()[:1] == ["log"] for line in config.splitlines())


@pytest.mark.parametrize("name", ["nginx", "haproxy", "portkey"])
def test_who_needs_a_tool_that_is_missing_says_so(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In words for the page."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CouldNotStart, match=rf"^({name}|npm) is missing$"):
        lineup._RECIPES[name](Place(tmp_path, 18_001, 18_002, KEY))


@pytest.mark.parametrize("name", ["sglang-router", "vllm-router", "litellm"])
def test_who_is_not_installed_says_what_does(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target of the Makefile's."""
    monkeypatch.setattr(installed, "REPOSITORY", tmp_path)
    with pytest.raises(CouldNotStart, match=r"`make \.venv-bench-[a-z]+/\.ready`"):
        lineup._RECIPES[name](Place(tmp_path, 18_001, 18_002, KEY))


def test_the_version_of_what_is_installed_is_told(tmp_path: Path) -> None:
    """As pip names the folder."""
    (tmp_path / "lib/python3.11/site-packages/sglang_router-0.3.2.dist-info").mkdir(parents=True)
    assert ["0.3.2", ""] == [installed.version_of(tmp_path, name) for name in ("sglang-router", "litellm")]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("'--enable-optimizations' '--with-lto'", "built with PGO and LTO"),
        ("'--enable-optimizations' '--with-lto=thin'", "built with PGO and LTO"),
        ("'--enable-optimizations' '--with-lto=no'", "built with PGO, no LTO among its build options"),
        ("'--with-lto'", "built with LTO, no PGO among its build options"),
        ("'--prefix=/usr'", "no PGO or LTO among its build options"),
        ("", "no PGO or LTO among its build options"),
    ],
)
def test_how_an_interpreter_was_built_is_told_by_its_options(options: str, expected: str) -> None:
    """What they do not name is not claimed, either way."""
    assert expected == how_built(options)


def test_a_python_that_is_not_there_runs_nobody(everything_installed: None, tmp_path: Path) -> None:
    """In words for the page, without this machine's paths."""
    place = Place(tmp_path, 18_001, 18_002, KEY, str(tmp_path / "absent"))
    for name in ("router", "plain"):
        with pytest.raises(CouldNotStart, match=r"^its Python cannot be run$"):
            lineup._RECIPES[name](place)


def test_the_router_and_the_plain_proxies_run_on_the_python_that_is_asked_for(tmp_path: Path) -> None:
    """Another path to this one serves as another one."""
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    place = Place(tmp_path, 18_001, 18_002, KEY, str(other))
    recipes = [lineup._RECIPES[name](place) for name in ("router", "plain", "seed")]
    assert {str(other)} == {recipe.command[0] for recipe in recipes}


def test_the_makefile_installs_every_environment() -> None:
    """Each by the target that the reason names, from a file that pins it."""
    makefile = (REPOSITORY / "Makefile").read_text()
    assert [] == [name for name in INSTALLED if name not in makefile]
    pins = REPOSITORY / "bench" / "requirements"
    assert {"sglang", "vllm", "litellm"} == {path.stem for path in pins.glob("*.txt")}


def test_the_plain_proxies_and_the_router_answer_like_the_upstream(tmp_path: Path, upstream: Server) -> None:
    """A chat, a stream to its end, the first event of an endless one; then nobody is left."""
    told: list[str] = []
    names = ("plain", "seed", "router")
    with contenders.everyone(tmp_path, CORE, upstream.port, KEY, told.append, names) as (them, missing):
        assert (names, {}) == (tuple(each.name for each in them), missing)
        assert all(each.start_s and each.setup.endswith("; answers as they are") for each in them)
        assert all(f"cpython {platform.python_version()}" in each.setup for each in them)
        assert [(False, True), (True, True), (False, False)] == [
            (each.is_slow, each.has_few_cases) for each in them
        ]
        pids = [each.pid for each in them if each.pid is not None]
    assert len(pids) == len(told) == 3
    assert not any(is_running(pid) for pid in pids)


def test_who_could_not_be_started_is_named_and_the_others_run(
    tmp_path: Path, upstream: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the reason, in the order of the page."""
    monkeypatch.setattr(installed, "REPOSITORY", tmp_path)
    told: list[str] = []
    names = ("vllm-router", "plain")
    with contenders.everyone(tmp_path, CORE, upstream.port, KEY, told.append, names) as (them, missing):
        assert ["plain"] == [each.name for each in them]
    assert ["vllm-router"] == list(missing)
    assert missing["vllm-router"].startswith("it is not installed")
    assert told[0].startswith("vllm-router could not be started: it is not installed")


def test_only_contenders_that_there_are_can_be_asked_for(tmp_path: Path) -> None:
    """A slip of the pen would measure nobody."""
    with (
        pytest.raises(ValueError, match="no such contender: ngnix"),
        contenders.everyone(tmp_path, CORE, 1, KEY, _quiet, ("ngnix",)),
    ):
        pass


def test_a_router_with_other_providers_has_a_folder_of_its_name(tmp_path: Path, upstream: Server) -> None:
    """And the benchmark's clients."""
    providers = {"one": {"kind": "openai", "url": f"http://127.0.0.1:{upstream.port}/v1"}}
    with contenders.router(tmp_path, CORE, upstream.port, KEY, providers, "router wide") as contender:
        assert "router wide" == contender.name
    document = json.loads((tmp_path / "router wide" / "providers.yaml").read_text())
    assert (providers, {"bench", "somebody-else"}) == (document["providers"], set(document["clients"]))


def test_the_upstream_itself_would_pass(a_place: Place) -> None:
    """What is proven is that nothing is lost on the way."""
    command = (sys.executable, "-m", "bench.upstream", str(a_place.port))
    with started(Recipe("mock", command, cwd=REPOSITORY, setup="itself"), a_place, CORE) as contender:
        assert "itself; answers as they are" == contender.setup


def test_a_contender_that_ends_is_told_at_once_with_its_log(a_place: Place) -> None:
    """The reason is for the page, the log for who runs the benchmark."""
    recipe = Recipe("broken", (sys.executable, "-c", "raise SystemExit('no such option')"))
    with pytest.raises(CouldNotStart, match=r"^it ended by itself$") as caught, started(recipe, a_place, CORE):
        pass
    assert "no such option\n" == caught.value.log


def test_a_contender_that_cannot_be_run_is_told(a_place: Place) -> None:
    """Without the path, which is this machine's."""
    recipe = Recipe("absent", (str(a_place.directory / "absent"),))
    with (
        pytest.raises(CouldNotStart, match=r"^it cannot be run: No such file or directory$"),
        started(recipe, a_place, CORE),
    ):
        pass


def test_a_contender_that_answers_otherwise_is_not_measured(a_place: Place) -> None:
    """A web server that knows no chats."""
    command = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(a_place.port))
    with (
        pytest.raises(CouldNotStart, match="no good answer within 3 s"),
        started(Recipe("files", command, start_within_s=3.0), a_place, CORE),
    ):
        pass


def test_children_do_not_outlive_a_contender() -> None:
    """A shell does not pass on what ends it."""
    ours, theirs = os.pipe()
    with os.fdopen(ours) as said, os.fdopen(theirs, "wb") as log:
        with running(("sh", "-c", "sleep 600 & echo $!; wait"), CORE, log):
            child = os.pidfd_open(int(said.readline()))
        has_ended, _, _ = select.select([child], [], [], 10)
        os.close(child)
    assert has_ended


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(503, "application/json", b"{}"), "status 503"),
        (Answer(200, "application/json", b"{}"), "cannot be read"),
        (Answer(200, "text/html", b"<html>"), "cannot be read"),
        (Answer(200, "application/json", CHAT.replace(b"Awake", b"Asleep")), "in other words"),
    ],
    ids=["a refusal", "no words", "no JSON", "other words"],
)
def test_a_chat_must_say_what_the_upstream_says(answer: Answer, reason: str) -> None:
    """In whatever JSON."""
    expected = Answer(200, "application/json", CHAT)
    assert proven_chat(Answer(200, "", CHAT.replace(b":", b" : ")), expected)
    with pytest.raises(BadAnswer, match=reason):
        proven_chat(answer, expected)


def test_a_stream_is_read_event_by_event() -> None:
    """Roles, usage and comments that a gateway adds are no words."""
    role = b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n'
    usage = b': ping\n\ndata: {"choices":[],"usage":{}}\n\n'
    stream = role + EVENT % b"so" + EVENT % b"on" + usage + b"data: [DONE]\n\n"
    assert ["so", "on", "[DONE]"] == streamed_words(stream)


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (EVENT % b"so", "no end"),
        (b"", "no end"),
        (b"data: {}\n\ndata: [DONE]\n\n", "cannot be read"),
        (b"data: so\n\ndata: [DONE]\n\n", "cannot be read"),
    ],
    ids=["cut", "empty", "no choices", "no JSON"],
)
def test_a_stream_must_be_whole(stream: bytes, reason: str) -> None:
    """To its last event."""
    with pytest.raises(BadAnswer, match=reason):
        streamed_words(stream)


def test_who_collects_a_stream_before_sending_it_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing arrives of a stream that does not end."""
    monkeypatch.setattr(proof, "_WITHIN_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(BadAnswer, match="gives no event"):
        prove_flow(silent.getsockname()[1], KEY, {})


def test_a_stream_that_is_refused_does_not_flow() -> None:
    """Whatever its body."""

    def refuse() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\ndata: x\n\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(BadAnswer, match="status 500 and no event"):
            prove_flow(server.getsockname()[1], KEY, {})
        thread.join()


def test_no_log_has_no_complaints(tmp_path: Path) -> None:
    """A router that never started."""
    assert "" == complaints(tmp_path / "log")


def test_complaints_are_of_requests_that_did_not_end_well(tmp_path: Path) -> None:
    """The last twenty of them."""
    lines = [
        "ready",
        '{"state":"up"}',
        '{"outcome":"ok"}',
        *(f'{{"outcome":"provider_refused","n":{n}}}' for n in range(30)),
    ]
    (tmp_path / "log").write_text("\n".join(lines))
    said = complaints(tmp_path / "log").splitlines()
    assert (20, '{"outcome":"provider_refused","n":29}') == (len(said), said[-1])


def test_contenders_can_be_told_apart_in_sets() -> None:
    """What a mapping holds does not keep one from being hashed."""
    assert 1 == len({Contender("a", 1, skips={"x": "y"}), Contender("a", 1, skips={"x": "y"})})
