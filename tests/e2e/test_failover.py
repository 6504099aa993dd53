"""A server that dies under load costs nobody an answer, and is used again when it is back.

Real processes, killed with SIGKILL while 32 clients ask. A killed process resets its connections; a machine
that falls silent needs namespaces and root, and has its place in `make soak`.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from audio import duration_s
from crowd import Answer, asked, crowd_beside, opened, read
from figures import BUSY_S, note
from processes import Process, free_port, provider_rows, start_node, start_router, start_upstream, wait_until

pytest_plugins = ["process_logs"]

SPEECH, CHAT = "/v1/audio/speech", "/v1/chat/completions"
CLIENTS = 32
ANSWERS_BEFORE_KILL = 2 * CLIENTS
ANSWERS_AFTER_KILL = 3 * CLIENTS
TEXT = "The quick brown fox jumps over the lazy dog, and then it rests."
FORMATS = ("wav", "mp3", "flac", "opus", "pcm", "aac")
# A frame of each codec at either end: encoders pad, and decoders of streams without a length keep the padding.
PADDING_S = 0.1
FIRST_GOOD_ANSWER_S = 1.0
DETECTED_S = 1.0
USED_AGAIN_S = 3.0
DISCOVERED_S = 2.0
PACE_S = 0.02
# So that queues are not what is tested, nor a node's child that makes way for whatever else the machine does.
NODE_FLAGS = ("--queue-limit", "64")
PATIENCE = "first_byte_s: 60, queue_wait_s: 60"


def two(kind: str, ports: tuple[int, int]) -> str:
    """A configuration with a preferred provider and another."""
    return f"""\
providers:
  first: {{kind: {kind}, url: "http://127.0.0.1:{ports[0]}", tier: 1, {PATIENCE}}}
  second: {{kind: {kind}, url: "http://127.0.0.1:{ports[1]}", tier: 2, {PATIENCE}}}
"""


@contextmanager
def two_nodes(folder: Path) -> Iterator[tuple[Process, Process, Process]]:
    """A router, its preferred espeak node and its other one, both with their voice loaded."""
    with ExitStack() as stack:
        first = stack.enter_context(start_node(folder, *NODE_FLAGS, name="first"))
        second = stack.enter_context(start_node(folder, *NODE_FLAGS, name="second"))
        for node in (first, second):
            assert say(node).status == 200
        router = stack.enter_context(start_router(two("tts-node", (first.port, second.port)), folder))
        yield router, first, second


@contextmanager
def two_upstreams(folder: Path) -> Iterator[tuple[Process, Process, Process]]:
    """A router, its preferred LLM server and its other one; both know the model `m`."""
    with ExitStack() as stack:
        first = stack.enter_context(start_upstream(folder, "m", name="first"))
        second = stack.enter_context(start_upstream(folder, "m", name="second"))
        router = stack.enter_context(start_router(two("openai", (first.port, second.port)), folder))
        yield router, first, second


async def spoken(router: Process, audio_format: str = "wav") -> Answer[str]:
    """A short text, spoken alike by every node that is given the seed."""
    document = {"input": TEXT, "seed": 7, "response_format": audio_format}
    headers = ["Cache-Control: no-store"]  # it is about who speaks, not about who has spoken before
    return await asked(Answer(audio_format), router.port, SPEECH, document, headers)


def say(router: Process) -> Answer[str]:
    """The same for a test that blocks."""
    return asyncio.run(spoken(router))


async def chatted(router: Process, *, stream: bool = False, events: int = 5) -> Answer[str]:
    """A short chat."""
    messages = [{"role": "user", "content": "hello"}]
    document = {"model": "m", "messages": messages, "stream": stream, "x_events": events, "x_pace_s": PACE_S}
    return await asked(Answer("SSE" if stream else "JSON"), router.port, CHAT, document)


def chat(router: Process, *, stream: bool = False) -> Answer[str]:
    """The same for a test that blocks."""
    return asyncio.run(chatted(router, stream=stream))


def first_good_after(answers: list[Answer[str]], killed_s: float) -> float:
    """Seconds from the kill to the end of the first good answer by the other provider."""
    by_other = [a.ended_s for a in answers if a.ended_s > killed_s and a.header("x-router-provider") == "second"]
    return min(by_other) - killed_s


def slowest_after(answers: list[Answer[str]], killed_s: float) -> float:
    """Seconds that the unluckiest request in flight at the kill took from then on."""
    return max(a.ended_s for a in answers if a.asked_s < killed_s < a.ended_s) - killed_s


def killed_in_the_middle(router: Process, first: Process, answers: list[Answer[str]]) -> tuple[float, float]:
    """Kill the first provider under load and let the load go on; when, and how long until it was known."""
    wait_until("the load runs", lambda: len(answers) >= ANSWERS_BEFORE_KILL)
    before = len(answers)
    killed_s = first.kill()
    wait_until("the router knows", lambda: states(router)["first"] == "down")
    detected_s = time.monotonic() - killed_s
    wait_until("the load goes on", lambda: len(answers) >= before + ANSWERS_AFTER_KILL)
    return killed_s, detected_s


def states(router: Process) -> dict[str, str]:
    return {provider["id"]: provider["state"] for provider in provider_rows(router)}


@pytest.mark.proves(provider="tts-node", feature="kill -9", what="the next node speaks; no request fails")
def test_no_speech_is_lost_when_the_preferred_node_is_killed(tmp_path: Path) -> None:
    """32 clients ask for speech while the node that serves them is killed: every answer is whole and complete."""
    with two_nodes(tmp_path) as (router, first, _):
        expected_s = float(say(router).header("x-audio-duration"))
        with crowd_beside(CLIENTS, lambda index: spoken(router, FORMATS[index % len(FORMATS)])) as answers:
            killed_s, detected_s = killed_in_the_middle(router, first, answers)
        log = router.output
    assert [str(answer) for answer in answers if answer.status != 200 or not answer.is_whole] == []
    for answer in answers:
        assert float(answer.header("x-audio-duration")) == pytest.approx(expected_s, abs=0.002)
    for audio in {(answer.what, answer.body) for answer in answers}:  # few differ: same text, seed and engine
        assert duration_s(audio[1], audio[0]) == pytest.approx(expected_s, abs=PADDING_S)
    assert {answer.header("x-router-provider") for answer in answers} == {"first", "second"}
    # Each of the two segments may have met the end: one when it was reset, one before that was known.
    assert max(int(answer.header("x-router-attempts")) for answer in answers) in {2, 3}
    first_good_s = first_good_after(answers, killed_s)
    note(
        f"speech: {len(answers)} answers, {len({a.body for a in answers})} different; known down "
        f"after {detected_s * 1000:.0f} ms, first good answer "
        f"{first_good_s * 1000:.0f} ms after the kill, the last of those in flight after "
        f"{slowest_after(answers, killed_s) * 1000:.0f} ms"
    )
    assert detected_s <= DETECTED_S + BUSY_S
    assert first_good_s <= FIRST_GOOD_ANSWER_S + BUSY_S
    assert "traceback" not in log.lower()


@pytest.mark.proves(
    provider="openai", feature="kill -9", what="the next server answers; no request that had not begun fails"
)
def test_no_unbegun_chat_is_lost_when_the_preferred_server_is_killed(tmp_path: Path) -> None:
    """32 clients chat while their server is killed: only streams that had begun break, and say so."""
    with two_upstreams(tmp_path) as (router, first, _):
        with crowd_beside(CLIENTS, lambda index: chatted(router, stream=index % 2 == 0, events=20)) as answers:
            killed_s, detected_s = killed_in_the_middle(router, first, answers)
        log = router.output
    broken = [answer for answer in answers if not answer.is_whole]
    assert [str(answer) for answer in answers if answer.status != 200] == []
    for answer in broken:
        assert answer.what == "SSE"
        assert answer.header("x-router-provider") == "first"
        *before, last = answer.events
        assert len(before) >= 1, "it had begun"
        error = json.loads(last.removeprefix(b"data: "))["error"]
        assert sorted(error) == ["code", "message", "param", "type"]
        assert b"[DONE]" not in answer.body
    for answer in answers:
        if answer.is_whole and answer.what == "SSE":
            assert answer.events[-1] == b"data: [DONE]"
            assert len(answer.events) == 21
        elif answer.is_whole:
            assert len(json.loads(answer.body)["choices"][0]["message"]["content"].split()) == 20
    assert broken, "the kill hit no stream: the test shows nothing"
    first_good_s = first_good_after(answers, killed_s)
    note(
        f"chat: {len(answers)} answers, {len(broken)} begun streams ended with an error event; known down "
        f"after {detected_s * 1000:.0f} ms, first good answer {first_good_s * 1000:.0f} ms after the kill, the "
        f"last of those in flight after {slowest_after(answers, killed_s) * 1000:.0f} ms"
    )
    assert detected_s <= DETECTED_S + BUSY_S
    assert first_good_s <= FIRST_GOOD_ANSWER_S + BUSY_S
    assert "traceback" not in log.lower()


def test_begun_messages_end_with_an_error_in_anthropics_shape(tmp_path: Path) -> None:
    """A stream of /v1/messages whose server dies ends with Anthropic's error event and a cut connection."""
    with two_upstreams(tmp_path) as (router, first, _):
        document = {"model": "m", "messages": [], "stream": True, "x_events": 1000, "x_pace_s": 0.02}
        answer = Answer("messages")
        with opened(router.port, "/v1/messages", document) as connection:
            while len(answer.events) < 3:
                assert read(connection, answer)
            first.kill()
            while read(connection, answer):
                pass
    assert not answer.is_whole
    name, data = answer.events[-1].decode().split("\n")
    assert name == "event: error"
    document = json.loads(data.removeprefix("data: "))
    assert document["type"] == "error"
    assert sorted(document["error"]) == ["message", "type"]


def provider_of(answer: Answer[str]) -> str:
    """Who served an answer that is whole."""
    assert answer.status == 200, str(answer)
    assert answer.is_whole, str(answer)
    return answer.header("x-router-provider")


def served_by_first(answer: Answer[str]) -> Answer[str] | None:
    """A whole answer, if it is the preferred provider's. It was used when it was asked, however long it spoke."""
    return answer if provider_of(answer) == "first" else None


def test_node_is_used_again_when_it_is_back(tmp_path: Path) -> None:
    """A node that was killed and started again serves within 3 s of being up, and no request fails meanwhile."""
    with two_nodes(tmp_path) as (router, first, _):
        first.kill()
        assert provider_of(say(router)) == "second"
        with start_node(tmp_path, *NODE_FLAGS, port=first.port, name="first-again"):
            up_s = time.monotonic()
            answer = wait_until("the first node serves", lambda: served_by_first(say(router)))
            assert answer is not None
            took_s = answer.asked_s - up_s
    note(f"speech: the preferred node serves again {took_s:.2f} s after it is up")
    assert took_s <= USED_AGAIN_S + BUSY_S


def test_chat_server_is_used_again_when_it_is_back(tmp_path: Path) -> None:
    """An LLM server that was killed and started again serves within 3 s of being up."""
    with two_upstreams(tmp_path) as (router, first, _):
        assert provider_of(chat(router)) == "first"
        first.kill()
        assert provider_of(chat(router)) == "second"
        with start_upstream(tmp_path, "m", port=first.port, name="first-again"):
            up_s = time.monotonic()
            answer = wait_until("the first server serves", lambda: served_by_first(chat(router)))
            assert answer is not None
            took_s = answer.asked_s - up_s
    note(f"chat: the preferred server serves again {took_s:.2f} s after it is up")
    assert took_s <= USED_AGAIN_S + BUSY_S


def check_refusal(answer: Answer[str]) -> None:
    """503 with a line for each provider, and when to come back."""
    assert answer.status == 503
    error = json.loads(answer.body)["error"]
    assert sorted(error) == ["code", "message", "param", "type"]
    headline, *lines = error["message"].splitlines()
    assert headline.startswith("No provider can serve")
    assert sorted(line.split(":")[0] for line in lines) == ["- first", "- second"]
    assert all(len(line.partition(":")[2]) > 10 for line in lines)
    assert int(answer.header("retry-after")) >= 1
    assert answer.header("x-router-error") == "no_provider"


def test_speech_with_no_node_left_says_why(tmp_path: Path) -> None:
    """With both nodes dead speech is a 503 that names both and why, at once and after the probes saw it."""
    with two_nodes(tmp_path) as (router, first, second):
        first.kill()
        second.kill()
        check_refusal(say(router))
        wait_until("the probes saw it", lambda: router.get("/ready").status_code == 503)
        check_refusal(say(router))


def test_chat_with_no_server_left_says_why(tmp_path: Path) -> None:
    """With both servers dead a chat is a 503 that names both and why, at once and after the probes saw it."""
    with two_upstreams(tmp_path) as (router, first, second):
        first.kill()
        second.kill()
        check_refusal(chat(router))
        check_refusal(chat(router, stream=True))
        wait_until("the probes saw it", lambda: router.get("/ready").status_code == 503)
        check_refusal(chat(router))


def test_server_that_was_never_up_is_a_503(tmp_path: Path) -> None:
    """A model that the configuration says a server has is known, also while that server has yet to come up."""
    config = f"""\
providers:
  first: {{kind: openai, url: "http://127.0.0.1:{free_port()}", models: [m]}}
  second: {{kind: openai, url: "http://127.0.0.1:{free_port()}", models: [m]}}
  demo: {{kind: demo}}
"""
    with start_router(config, tmp_path) as router:
        check_refusal(chat(router))
        assert "m" in [model["id"] for model in router.get("/v1/models").json()["data"]]


def test_llm_server_is_found_when_it_starts(tmp_path: Path) -> None:
    """A server that comes up on a usual port is listed and chats within 2 s, without a restart of the router."""
    port = free_port()
    config = f"providers:\n  here: {{kind: local-llm, ports: {{ollama: {port}}}}}\n  demo: {{kind: demo}}\n"
    with start_router(config, tmp_path) as router:
        assert chat(router).status == 404
        with start_upstream(tmp_path, "m", port=port):
            up_s = time.monotonic()
            wait_until("the model chats", lambda: chat(router).status == 200)
            took_s = time.monotonic() - up_s
            assert provider_of(chat(router)) == "ollama"
            listed = {model["id"]: model["providers"] for model in router.get("/v1/models").json()["data"]}
    note(f"discovery: {took_s:.2f} s after the server is up")
    assert listed == {"m": ["ollama"], "demo": ["demo"]}
    assert took_s <= DISCOVERED_S + BUSY_S
