"""`local-ai-router talk`, against a router on a real socket."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from loopback import Loopback, Peer, Script, nobody
from talks import HEAD, WHOLE, asked, delta, elsewhere, frames_in, pcm, refusal, routing, streamed, wrote

from router.__main__ import main
from router.commands import talk
from router.talk.programs import Program

WITHIN_S = 60.0  # a guard; nothing waits for it
SOUND = pcm(0.1) + pcm(0.1, 2) + pcm(0.1, 3)
ANSWER = streamed(*WHOLE)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable, no file and no player of this machine."""
    for name in ("ROUTER_URL", "ROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(talk, "found", list)


@pytest.fixture
def router(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """One that answers well, which ROUTER_URL names."""
    with elsewhere(routing(ANSWER)) as seen:
        monkeypatch.setenv("ROUTER_URL", f"http://127.0.0.1:{seen.port}/v1")
        yield seen


def test_one_question(router: Loopback, capsys: pytest.CaptureFixture[str]) -> None:
    """Its answer and figures are printed, its sound is saved; the model is the first that can chat."""
    assert 0 == main(["talk", "--no-play", "--save", "a.wav", "What", "is", "it?"])
    out, err = capsys.readouterr()
    question, answer, figures, failover, voices = out.splitlines()
    assert ("> What is it?", "Hello. Bye.") == (question, answer)
    assert figures.startswith("first word 0.")
    assert "(ollama, llama3.2) · first sound 0." in figures
    assert "(gaming-pc-tts, turbo) · 2 segments, 0.3 s of speech, generated in 0.5 s · longest gap 0." in figures
    assert "failed over: ollama wrote it at attempt 2; a voice was given up (host lost)" == failover
    assert "spoken by gaming-pc-tts, then local-tts" == voices
    assert f"Talking to llama3.2 at http://127.0.0.1:{router.port}" == err.splitlines()[0]
    assert SOUND == frames_in(Path("a.wav"))
    assert ["llama3.2"] == [body["model"] for body in asked(router.requests)]


def test_flags_become_the_request(router: Loopback, capsys: pytest.CaptureFixture[str]) -> None:
    """And the key is sent, never shown."""
    voice = ["--voice", "fable", "--speech-model", "turbo", "--speed", "1.5"]
    flags = ["--no-play", "--model", "m", "--system", "Be brief.", "--key", "lar-secret", *voice]
    assert 0 == main(["talk", *flags, "Hi"])
    (body,) = asked(router.requests)
    assert {"format": "pcm16", "voice": "fable", "model": "turbo", "speed": 1.5} == body["audio"]
    assert ("m", "system") == (body["model"], body["messages"][0]["role"])
    assert "Bearer lar-secret" == router.requests[0].get("authorization")
    assert "lar-secret" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("source", ["file", "dash", "pipe"])
def test_a_turn_per_line(router: Loopback, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file or from what is piped in; empty lines are none."""
    text = "One?\n\n  Two?  \n"
    Path("questions.txt").write_text(text, encoding="utf-8")
    monkeypatch.setattr("sys.stdin", StringIO(text))
    where = {"file": ["--file", "questions.txt"], "dash": ["--file", "-"], "pipe": []}[source]
    assert 0 == main(["talk", "--no-play", *where])
    first, second = (body["messages"] for body in asked(router.requests))
    assert [{"role": "user", "content": "One?"}] == first
    assert [*first, {"role": "assistant", "audio": {"id": "audio_1"}}] == second[:2]
    assert "Two?" == second[2]["content"]


def test_a_whole_file_is_one_turn(router: Loopback) -> None:
    """Lines and all."""
    Path("letter.txt").write_text("Dear model,\n\nwhy?\n", encoding="utf-8")
    assert 0 == main(["talk", "--no-play", "--file", "letter.txt", "--whole"])
    assert ["Dear model,\n\nwhy?"] == [body["messages"][0]["content"] for body in asked(router.requests)]


def test_without_a_player_the_sound_is_saved(router: Loopback, capsys: pytest.CaptureFixture[str]) -> None:
    """Which is told, with what to install; nothing is overwritten."""
    Path("talk.wav").touch()
    assert 0 == main(["talk", "Hi"])
    assert SOUND == frames_in(Path("talk-2.wav"))
    assert "it is saved to talk-2.wav. Try: " in capsys.readouterr().err


def test_a_player_gets_the_sound(router: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, and no file is left."""
    player = Program("cat", ("/bin/sh", "-c", 'cat > "$0"', "heard"))
    monkeypatch.setattr(talk, "found", lambda: [player])
    assert 0 == main(["talk", "Hi"])
    assert SOUND == Path("heard").read_bytes()
    assert ["heard"] == [path.name for path in Path().iterdir()]


def test_no_router_is_told_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """Whether or not a model was named."""
    with nobody() as port:
        for more in ([], ["--model", "m"]):
            assert 2 == main(["talk", "--no-play", "--url", f"http://127.0.0.1:{port}", *more, "Hi"])
            assert "`make run` or `local-ai-router serve`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (refusal(401, "invalid_api_key", "No key."), 1, "The router wants a key: --key or ROUTER_API_KEY."),
        (refusal(404, "model_not_found", "No model."), 1, "No model.\nChat models here: llama3.2, demo."),
        (refusal(503, "no_provider_available", "Nobody."), 1, "Nobody."),
        (streamed(wrote("Hi"), b'data: {"error":{"message":"Lost."}}\n\n'), 1, "the answer broke off: Lost."),
        (streamed(delta(content="Hi"), WHOLE[-1], headers=HEAD + b"X-Router-Audio: busy\r\n"), 0, "no sound"),
    ],
    ids=["key", "model", "nobody", "broken", "mute"],
)
def test_what_can_go_wrong(answer: bytes, status: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with its words, and a status for scripts; text without sound is an answer."""
    with elsewhere(routing(answer)) as seen:
        assert status == main(["talk", "--no-play", "--url", f"127.0.0.1:{seen.port}", "Hi"])
    assert said in "".join(capsys.readouterr())


def test_a_file_goes_on_after_what_may_be_over_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not after what every question would meet."""
    Path("questions.txt").write_text("One?\nTwo?\n", encoding="utf-8")
    for refused, count in ((refusal(503, "x", "Busy."), 2), (refusal(404, "model_not_found", "No."), 1)):
        with elsewhere(routing(refused, ANSWER)) as seen:
            url = f"http://127.0.0.1:{seen.port}"
            assert 1 == main(["talk", "--no-play", "--url", url, "--file", "questions.txt"])
        assert count == len(asked(seen.requests))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--file", "none.txt"], "none.txt cannot be read"), (["--save", "none/a.wav", "Hi"], "cannot be written")],
)
def test_files_that_cannot_be_used(
    router: Loopback, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Are told before anything is asked."""
    assert 2 == main(["talk", "--no-play", *arguments])
    assert (True, []) == (said in capsys.readouterr().err, asked(router.requests))


def test_the_demo_stands_in(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no other model, which is told."""
    with elsewhere(routing(ANSWER, models={"data": [{"id": "demo"}]})) as seen:
        assert 0 == main(["talk", "--no-play", "--url", f"http://127.0.0.1:{seen.port}", "Hi"])
    assert "the built-in `demo` answers" in capsys.readouterr().err
    assert ["demo"] == [body["model"] for body in asked(seen.requests)]


def test_help_says_how_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """And what is measured."""
    with pytest.raises(SystemExit):
        main(["talk", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert "Ctrl-C stops an answer" in words
    assert "the longest silence" in words


class Terminal:
    """A person at one, with the command in it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._master, slave = os.openpty()
        bare = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "router", "talk", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**bare, "PATH": f"{folder}:{os.environ['PATH']}", "TERM": "xterm", "HOME": str(folder)},
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def until(self, words: str) -> None:
        """It shows them after what was looked for before."""
        while words not in self.seen:
            ready, _, _ = select.select([self._master], [], [], WITHIN_S)
            assert ready, self.seen
            self.seen += os.read(self._master, 65_536).decode(errors="replace")
        self.seen = self.seen.partition(words)[2]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo terminals")
def test_at_a_terminal(tmp_path: Path) -> None:
    """Ctrl-C stops an answer and its player, and the next question follows what was heard; Ctrl-D ends."""
    add_player(tmp_path)
    script = holding_back(streamed(wrote("One. Two."), WHOLE[3]))
    with elsewhere(script) as seen:
        terminal = Terminal(tmp_path, "--url", f"http://127.0.0.1:{seen.port}")
        try:
            terminal.until("> ")
            terminal.type("Why?\n")
            terminal.until("One. Two.")
            (pid,) = until_written(tmp_path / "pids")
            terminal.process.send_signal(signal.SIGINT)
            terminal.until("stopped after")
            terminal.until("> ")
            with pytest.raises(ProcessLookupError):
                os.kill(int(pid), 0)
            terminal.type("And?\n")
            terminal.until("longest gap")
            terminal.until("> ")
            terminal.type("\x04")
            assert 0 == terminal.process.wait(WITHIN_S)
        finally:
            terminal.close()
    assert [
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "And?"},
    ] == asked(seen.requests)[1]["messages"]
    assert SOUND == (tmp_path / "heard").read_bytes()


def add_player(folder: Path) -> None:
    """The first that is looked for. It writes down its pids and what it got last."""
    player = folder / "pw-cat"
    script = f'#!/bin/sh\necho $$ >> "{folder}/pids"\nexec cat > "{folder}/heard"\n'
    player.write_text(script, encoding="utf-8")
    player.chmod(0o755)


def holding_back(beginning: bytes) -> Script:
    """A router that begins its first answer and does not go on; the next is whole."""
    rest, beginnings = routing(ANSWER), [beginning]

    async def script(peer: Peer) -> None:
        if not beginnings or peer.number == 1:  # the first connection asks for the models
            await rest(peer)
            return
        await peer.request()
        peer.send(beginnings.pop())
        await peer.until_closed()

    return script


def until_written(file: Path) -> list[str]:
    """Its lines, once there are some."""
    deadline = time.monotonic() + WITHIN_S
    while not (file.exists() and file.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return file.read_text().split()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo terminals")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_signal_at_the_prompt_ends_all(number: signal.Signals, status: int, tmp_path: Path) -> None:
    """With the status that shells expect, and without a traceback."""
    with elsewhere(routing(ANSWER)) as seen:
        terminal = Terminal(tmp_path, "--no-play", "--url", f"http://127.0.0.1:{seen.port}")
        try:
            terminal.until("> ")
            terminal.process.send_signal(number)
            # A signal that comes just before readline's select() is seen by Python when a line is.
            with contextlib.suppress(OSError):
                terminal.type("\n")
            assert status == terminal.process.wait(WITHIN_S)
            assert "Traceback" not in terminal.seen
        finally:
            terminal.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo terminals")
def test_sigterm_within_an_answer_leaves_no_player(tmp_path: Path) -> None:
    """And the file that was to be saved is whole."""
    add_player(tmp_path)
    with elsewhere(holding_back(streamed(wrote("One."), WHOLE[3]))) as seen:
        terminal = Terminal(tmp_path, "--url", f"http://127.0.0.1:{seen.port}", "--save", "a.wav", "Why?")
        try:
            terminal.until("One.")
            (pid,) = until_written(tmp_path / "pids")
            terminal.process.send_signal(signal.SIGTERM)
            assert 143 == terminal.process.wait(WITHIN_S)
            terminal.until("a.wav: 0.1 s of speech")
        finally:
            terminal.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
    assert pcm(0.1) == frames_in(Path("a.wav"))
