"""Starting, stopping, refusing to start, and coming back: the commands as a person runs them."""

import hashlib
import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest
from audio import decoded
from crowd import Answer, ask, opened, read
from figures import note
from processes import (
    ROOT,
    Process,
    children_of,
    command_lines,
    descendants_of,
    free_port,
    http,
    is_running,
    run_command,
    start_router,
    start_up,
    start_upstream,
    wait_until,
    written,
)

pytest_plugins = ["process_logs"]

SPEECH, CHAT = "/v1/audio/speech", "/v1/chat/completions"
DEMO: Final = "providers:\n  demo: {kind: demo, words_per_s: 500}\n"
IDLE_EXIT_S: Final = 2.0
BACK_WITHIN_S: Final = 15.0
ORPHANS_GONE_S: Final = 5.0

BROKEN: Final = """\
server:
  port: 70000
  colour: red
providers:
  a: {kind: openai}
  b: {kind: nonsense, url: "http://127.0.0.1:1"}
  c: {kind: tts-node, url: "${NO_SUCH_VARIABLE}"}
models:
  m:
    routes:
      - provider: nobody
clients:
  x: {key_sha256: abc}
"""
FAULTY_LINES: Final = {2, 3, 5, 6, 7, 11, 13}


def faulty_lines(text: str, config: Path) -> set[int]:
    """The lines of the file that a report names."""
    return {int(line) for line in re.findall(rf"^{re.escape(str(config))}:(\d+): ", text, re.MULTILINE)}


@pytest.mark.parametrize("command", ["serve", "check", "up", "explain"])
def test_broken_configuration_is_told_in_full(tmp_path: Path, command: str) -> None:
    """Every command exits 2 and names file, line and key of every fault at once."""
    config = written(BROKEN, tmp_path)
    done = run_command(command, "--config", config)
    assert done.returncode == 2
    assert faulty_lines(done.stderr, config) == FAULTY_LINES, done.stderr
    assert "Traceback" not in done.stderr
    assert "NO_SUCH_VARIABLE" in done.stderr
    assert "server.colour" in done.stderr


def test_missing_configuration_is_told(tmp_path: Path) -> None:
    """A file that is not there is a fault like any other."""
    done = run_command("serve", "--config", tmp_path / "none.yaml")
    assert done.returncode == 2
    assert "none.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_shipped_configuration_is_fine() -> None:
    """`check` without a word takes the shipped file, finds it good and says what is in it."""
    done = run_command("check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "local-tts" in done.stdout


def test_explain_gives_each_candidate_its_reason(tmp_path: Path) -> None:
    """The order in which providers would be tried, and why those that would not."""
    with start_upstream(tmp_path, "m") as upstream:
        config = written(
            f"""\
providers:
  gone: {{kind: openai, url: "http://127.0.0.1:{free_port()}"}}
  here: {{kind: openai, url: "{upstream.base_url}", tier: 2}}
models:
  m: {{routes: [{{provider: gone}}, {{provider: here}}]}}
""",
            tmp_path,
        )
        done = run_command("explain", "--config", config, "--model", "m")
        unknown = run_command("explain", "--config", config, "--model", "n")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.split()[:2] == ["1.", "here"]
    assert second.split()[:2] == ["-", "gone"]
    assert "nothing listens" in second
    assert unknown.returncode == 1
    assert "No model is called 'n'" in unknown.stderr


def test_explain_says_when_nothing_can_serve(tmp_path: Path) -> None:
    """With only yielded, draining or no providers `explain` exits 1, for scripts."""
    config = written(DEMO, tmp_path)
    done = run_command("explain", "--config", config)
    assert done.returncode == 1
    assert "Nothing can serve this now" in done.stdout + done.stderr


def test_new_key_opens_the_door(tmp_path: Path) -> None:
    """`keys new` prints a key once and the entry that stands for it; with that entry the key works."""
    done = run_command("keys", "new", "kitchen")
    assert done.returncode == 0
    (key,) = re.findall(r"^\s+(lar-\S+)$", done.stdout, re.MULTILINE)
    entry = done.stdout.split("\n\n")[-1]
    assert hashlib.sha256(key.encode()).hexdigest() in entry
    assert len(key) >= 4 + 22, "128 bits in base64 are 22 characters"
    assert run_command("keys", "new", "kitchen").stdout != done.stdout
    with start_router(f"{DEMO}clients:\n{entry}", tmp_path) as router:
        url = f"{router.base_url}/v1/models"
        assert http.get(url).status_code == 401
        opened = http.get(url, headers={"Authorization": f"Bearer {key}"})
        assert opened.status_code == 200


def test_bad_client_name_is_refused() -> None:
    """A name that could not stand in the configuration makes no key."""
    done = run_command("keys", "new", "a b: c")
    assert (done.returncode, done.stdout) == (2, "")


@contextmanager
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_taken_port_is_told(tmp_path: Path) -> None:
    """`serve` exits 1 with one line that names the port and a way out."""
    with taken_port() as port:
        done = run_command("serve", "--config", written(DEMO, tmp_path), "--port", str(port))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"Port {port} on 127.0.0.1 is taken" in done.stderr
    assert "--port" in done.stderr


def test_taken_port_of_the_node_is_told(tmp_path: Path) -> None:
    """`up` exits 1 when the node's port is taken, names the flag for that port, and leaves nothing behind."""
    with taken_port() as port:
        done = run_command(
            *("up", "--config", written(DEMO, tmp_path), "--port", str(free_port()), "--tts-port", str(port))
        )
    assert done.returncode == 1
    assert f"Port {port}" in done.stderr
    assert "--tts-port" in done.stderr


def test_other_address_needs_keys(tmp_path: Path) -> None:
    """Without client keys the router refuses every address that others can reach; with one it binds."""
    config = written(DEMO, tmp_path)
    for address in ("0.0.0.0", "::", "192.0.2.1"):
        done = run_command("serve", "--config", config, "--port", str(free_port()), "--host", address)
        assert done.returncode == 2
        assert "server.host" in done.stderr
        assert "keys new" in done.stderr
    clients = f"clients:\n  a: {{key_sha256: {hashlib.sha256(b'k').hexdigest()}}}\n"
    with start_router(DEMO + clients, tmp_path / "keyed", "--host", "0.0.0.0") as router:
        assert router.get("/health").status_code == 200
        assert router.get("/v1/models").status_code == 401


def test_every_route_but_the_open_ones_needs_a_key(tmp_path: Path) -> None:
    """401 for whoever has none, 403 under /admin for whoever is no admin."""
    keys = {"user": "user-key-of-this-test", "admin": "admin-key-of-this-test"}
    clients = "".join(
        f"  {role}: {{key_sha256: {hashlib.sha256(key.encode()).hexdigest()}, role: {role}}}\n"
        for role, key in keys.items()
    )
    with start_router(f"{DEMO}clients:\n{clients}", tmp_path) as router:
        routes = http.get(
            f"{router.base_url}/schema/openapi.json",
            headers={"Authorization": f"Bearer {keys['user']}"},
        ).json()["paths"]
        asked = {
            (method, path.replace("{", "").replace("}", "")) for path, ops in routes.items() for method in ops
        }
        asked |= {("get", "/"), ("get", "/schema"), ("get", "/no/such/page"), ("post", "/admin/anything")}
        assert len(asked) > 15
        # The page holds no data; what it asks for needs a key.
        is_open = {("get", "/health"), ("get", "/ready"), ("get", "/metrics"), ("get", "/")}
        statuses = {
            (method, path): http.request(method, router.base_url + path).status_code for method, path in asked
        }
        assert {route: status for route, status in statuses.items() if route not in is_open} == dict.fromkeys(
            asked - is_open, 401
        )
        assert {route: statuses[route] for route in is_open} == dict.fromkeys(is_open, 200)
        by_role = {
            role: http.get(f"{router.base_url}/admin/providers", headers={"x-api-key": key}).status_code
            for role, key in keys.items()
        }
    assert by_role == {"user": 403, "admin": 200}


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_sigterm_lets_a_stream_finish(tmp_path: Path) -> None:
    """A stream in flight runs to its end, nobody new is let in, and the exit status is 0."""
    with start_upstream(tmp_path, "m") as upstream:
        config = f"providers:\n  llm: {{kind: openai, url: '{upstream.base_url}'}}\n"
        with start_router(config, tmp_path) as router:
            document = {"model": "m", "messages": [], "stream": True, "x_events": 20, "x_pace_s": 0.05}
            answer = Answer("stream")
            with opened(router.port, CHAT, document) as connection:
                while len(answer.events) < 3:
                    assert read(connection, answer)
                router.signal(signal.SIGTERM)
                wait_until("nobody new is let in", lambda: is_refused(router.port))
                assert not answer.reader.is_complete
                while read(connection, answer):
                    pass
            status = router.exit_status(10)
    assert answer.is_whole, str(answer)
    assert len(answer.events) == 21
    assert answer.events[-1] == b"data: [DONE]"
    assert status == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_router_exits_at_once(tmp_path: Path, number: signal.Signals) -> None:
    """With a kept-alive connection open but nothing in flight the router is gone within 2 s, with status 0."""
    with start_router(DEMO, tmp_path) as router, httpx.Client(trust_env=False) as client:
        assert client.get(f"{router.base_url}/health").status_code == 200
        asked_s = time.monotonic()
        router.signal(number)
        status = router.exit_status(10)
        took_s = time.monotonic() - asked_s
        assert "Traceback" not in router.output
    note(f"idle exit after {number.name}: {took_s:.2f} s")
    assert status == 0
    assert took_s < IDLE_EXIT_S


# `up`


def shipped(folder: Path, **ports: int) -> Path:
    """The shipped configuration, with every port for LLM servers one that nobody uses, or as given."""
    text = (ROOT / "config" / "providers.yaml").read_text()

    def moved(match: re.Match[str]) -> str:
        return f"{match[1]}{match[2]}: {ports.get(match[2], free_port())}"

    names = "ollama|lm-studio|llama-cpp|vllm|jan|koboldcpp"
    text, count = re.subn(rf"^( +)({names}): \d+$", moved, text, flags=re.MULTILINE)
    assert count == len(names.split("|"))
    return written(text, folder, "shipped")


@contextmanager
def running_up(folder: Path, **llm_ports: int) -> Iterator[Process]:
    """`up` with the shipped configuration; its descendants are ended with it, should it have left any."""
    with start_up(shipped(folder, **llm_ports), folder, free_port(), free_port()) as process:
        below = set(descendants_of(process.pid))
        try:
            yield process
        finally:
            below |= set(descendants_of(process.pid))
            process.signal(signal.SIGTERM)
            process.exit_status()
            for pid in below:
                if is_running(pid):
                    os.kill(pid, signal.SIGKILL)


def perform(curl: list[str]) -> httpx.Response:
    """Exactly the request of a printed curl line."""
    url = headers = data = None
    found: dict[str, str] = {}
    words = iter(curl[1:])
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(":")
            found[name] = value.strip()
        elif word == "-d":
            data = next(words)
        elif word == "-o":
            next(words)
        elif word.startswith("-"):
            assert set(word[1:]) <= set("fsSN"), word
        else:
            assert url is None
            url = word
    headers = found
    assert url is not None
    assert data is not None
    return http.post(url, content=data, headers=headers)


def streamed_text(answer: httpx.Response) -> str:
    """What a streamed chat says."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [event.removeprefix("data: ") for event in answer.text.split("\n\n") if event]
    assert events[-1] == "[DONE]"
    choices = [choice for event in events[:-1] for choice in json.loads(event)["choices"]]
    return "".join(choice["delta"].get("content", "") for choice in choices)


def can_speak(process: Process) -> bool:
    return ask(process.port, SPEECH, {"input": "Hello."}).status == 200


def test_printed_lines_work_as_they_stand(tmp_path: Path) -> None:
    """`up` on a machine without an LLM prints two curl lines: one gives audible speech, one the demo's chat."""
    with running_up(tmp_path) as up:
        speech, chat = command_lines(up.output)
        audio = perform(speech)
        text = streamed_text(perform(chat))
        ready = up.get("/ready").json()
    assert audio.status_code == 200
    sound = decoded(audio.content, "mp3")
    assert sound.is_speech_like, sound
    assert sound.duration_s == pytest.approx(float(audio.headers["x-audio-duration"]), abs=0.1)
    assert "Local AI Router" in text
    assert (ready["chat"], ready["speech"]) == (False, True)


def test_printed_chat_line_names_the_llm_that_is_there(tmp_path: Path) -> None:
    """With an LLM server on the port expected for ollama the chat line asks that server's model."""
    with start_upstream(tmp_path, "tiny-llm:1b") as llm, running_up(tmp_path, ollama=llm.port) as up:
        _, chat = command_lines(up.output)
        answer = perform(chat)
        (exchange,) = llm.get("/_exchanges").json()
    assert json.loads(exchange["body"])["model"] == "tiny-llm:1b"
    assert answer.headers["x-router-provider"] == "ollama"
    assert streamed_text(answer).startswith("word0 word1")


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    """SIGINT to the terminal's process group ends the router, the node and the node's child, with status 0."""
    with running_up(tmp_path) as up:
        assert can_speak(up)
        below = descendants_of(up.pid)
        assert len(below) >= 2, "the node and its child"
        os.killpg(up.pid, signal.SIGINT)
        status = up.exit_status(15)
        left = [pid for pid in below if is_running(pid)]
    assert left == []
    assert status == 0
    assert "Traceback" not in up.output


def test_killed_node_comes_back(tmp_path: Path) -> None:
    """Under `up` a node that was killed is started again and speaks, and chat never noticed."""
    with running_up(tmp_path) as up:
        assert can_speak(up)
        (node,) = children_of(up.pid)
        os.kill(node, signal.SIGKILL)
        killed_s = time.monotonic()
        wait_until("the node is gone", lambda: not is_running(node))
        demo = {"model": "demo", "messages": [{"role": "user", "content": "Hello!"}]}
        assert ask(up.port, CHAT, demo).status == 200
        wait_until("speech works again", lambda: can_speak(up), BACK_WITHIN_S)
        took_s = time.monotonic() - killed_s
        (again,) = children_of(up.pid)
    note(f"speech works {took_s:.2f} s after the node under `up` was killed")
    assert again != node


def test_killed_router_leaves_nothing_behind(tmp_path: Path) -> None:
    """When `up` itself is killed with -9 its node and the node's child end too: nothing holds GPU or port."""
    with running_up(tmp_path) as up:
        assert can_speak(up)
        below = descendants_of(up.pid)
        assert len(below) >= 2, "the node and its child"
        up.kill()
        wait_until("its processes end", lambda: not any(is_running(pid) for pid in below), ORPHANS_GONE_S)
