"""`up` with the shipped configuration: its printed lines work, what is killed comes back, and nothing is left."""

import asyncio
import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Final

import httpx
import pytest
from audio import decoded
from crowd import Answer, ask, asked
from curls import command_lines, request_of
from figures import BUSY_S, note
from processes import (
    ROOT,
    Process,
    children_of,
    descendants_of,
    free_port,
    http,
    is_running,
    start_upstream,
    wait_until,
    written,
)
from running_up import running_up

pytest_plugins = ["process_logs"]

SPEECH, CHAT = "/v1/audio/speech", "/v1/chat/completions"
BACK_WITHIN_S: Final = 15.0


def shipped(folder: Path, **ports: int) -> Path:
    """The shipped configuration, with every port for LLM servers one that nobody uses, or as given."""
    text = (ROOT / "config" / "providers.yaml").read_text()

    def moved(match: re.Match[str]) -> str:
        return f"{match[1]}{match[2]}: {ports.get(match[2], free_port())}"

    names = "ollama|lm-studio|llama-cpp|vllm|jan|koboldcpp"
    text, count = re.subn(rf"^( +)({names}): \d+$", moved, text, flags=re.MULTILINE)
    assert count == len(names.split("|"))
    return written(text, folder, "shipped")


def perform(curl: list[str]) -> httpx.Response:
    """Exactly the request of a printed curl line."""
    request = request_of(curl)
    assert request.data is not None
    assert not request.fields
    assert not request.files
    return http.post(request.url, content=request.data, headers=request.headers)


def streamed_text(answer: httpx.Response) -> str:
    """What a streamed chat says."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [event.removeprefix("data: ") for event in answer.text.split("\n\n") if event]
    assert events[-1] == "[DONE]"
    choices = [choice for event in events[:-1] for choice in json.loads(event)["choices"]]
    return "".join(choice["delta"].get("content", "") for choice in choices)


def can_speak(process: Process) -> bool:
    answer = asked(Answer(""), process.port, SPEECH, {"input": "Hello."}, ["Cache-Control: no-store"])
    return asyncio.run(answer).status == 200


def test_printed_lines_work_as_they_stand(tmp_path: Path) -> None:
    """`up` on a machine without an LLM prints two curl lines: one gives audible speech, one the demo's chat."""
    with running_up(shipped(tmp_path), tmp_path) as up:
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
    with (
        start_upstream(tmp_path, "tiny-llm:1b") as llm,
        running_up(shipped(tmp_path, ollama=llm.port), tmp_path) as up,
    ):
        _, chat = command_lines(up.output)
        answer = perform(chat)
        (exchange,) = llm.get("/_exchanges").json()
    assert json.loads(exchange["body"])["model"] == "tiny-llm:1b"
    assert answer.headers["x-router-provider"] == "ollama"
    assert streamed_text(answer).startswith("word0 word1")


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    """SIGINT to the terminal's process group ends the router, the node and the node's child, with status 0."""
    with running_up(shipped(tmp_path), tmp_path) as up:
        assert can_speak(up)
        below = descendants_of(up.pid)
        assert len(below) >= 2, "the node and its child"
        os.killpg(up.pid, signal.SIGINT)
        status = up.exit_status()
        left = [pid for pid in below if is_running(pid)]
    assert left == []
    assert status == 0
    assert "Traceback" not in up.output


def test_killed_node_comes_back(tmp_path: Path) -> None:
    """Under `up` a node that was killed is started again and speaks, and chat never noticed."""
    with running_up(shipped(tmp_path), tmp_path) as up:
        assert can_speak(up)
        (node,) = children_of(up.pid)
        os.kill(node, signal.SIGKILL)
        killed_s = time.monotonic()
        wait_until("the node is gone", lambda: not is_running(node))
        demo = {"model": "demo", "messages": [{"role": "user", "content": "Hello!"}]}
        assert ask(up.port, CHAT, demo).status == 200
        wait_until("speech works again", lambda: can_speak(up))
        took_s = time.monotonic() - killed_s
        (again,) = children_of(up.pid)
    note(f"speech works {took_s:.2f} s after the node under `up` was killed")
    assert took_s <= BACK_WITHIN_S + BUSY_S
    assert again != node


def test_killed_router_leaves_nothing_behind(tmp_path: Path) -> None:
    """When `up` itself is killed with -9 its node and the node's child end too: nothing holds GPU or port."""
    with running_up(shipped(tmp_path), tmp_path) as up:
        assert can_speak(up)
        below = descendants_of(up.pid)
        assert len(below) >= 2, "the node and its child"
        up.kill()
        wait_until("its processes end", lambda: not any(is_running(pid) for pid in below))
