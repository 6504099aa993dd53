"""A real node's life: loading, idling, dying children, yielding, leaving."""

import json
import os
import random
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import sound
from nodes import DEADLINE_S, LONG, RunningNode, eventually, is_running

CLIENTS = 4


def test_events_tell_the_load_and_the_goodbye() -> None:
    """cold, loading, up, each at once; and a reason in the end."""
    with RunningNode("--simulate", "load=2") as node, node.events() as events:
        first = next(events)
        assert ("beat", "cold", None) == (first["type"], first["state"], first["vram"])
        assert 202 == node.client.post("/warm").status_code
        states = {"cold": 0.0}
        for beat in events:
            states.setdefault(beat["state"], beat["uptime_s"])
            if beat["state"] == "up":
                break
        assert ["cold", "loading", "up"] == list(states)
        assert states["up"] - states["loading"] > 0.5
        assert 200 == node.client.post("/warm").status_code
        node.process.send_signal(signal.SIGTERM)
        last = list(events)[-1]
        assert ("goodbye", "draining", "shutdown") == (last["type"], last["state"], last["reason"])
        assert 0 == node.process.wait(DEADLINE_S)


def test_a_yield_is_in_the_next_beat() -> None:
    """At once, and so is its end: a router must not learn it from a refusal."""
    with RunningNode() as node, node.events() as events:
        next(events)
        for route, state in (("/yield", "yielded"), ("/resume", "cold")):
            asked_s = time.monotonic()
            node.client.post(route)
            told = next(beat for beat in events if beat["state"] == state)
            assert [state] == [model["state"] for model in told["models"].values()]
            assert time.monotonic() - asked_s < 1


def test_beats_come_four_times_a_second(node: RunningNode) -> None:
    """Five beats take a second of the node's own time, not less than most of it."""
    with node.events() as events:
        times = [next(events)["uptime_s"] for _ in range(5)]
    assert 0.8 < times[-1] - times[0] < 10


def test_an_idle_model_gives_its_process_back() -> None:
    """The pid is gone, the node is cold, and the next request works."""
    with RunningNode("--idle-timeout-s", "0.3") as node:
        node.speak()
        pid = node.child_pid
        node.wait_for_state("cold")
        assert eventually(lambda: not is_running(pid))
        assert 200 == node.speak().status_code
        assert pid != node.child_pid


def test_unload_and_yield_end_the_process() -> None:
    """At once when unused; a yielded node refuses with Retry-After until it may resume."""
    with RunningNode() as node:
        node.speak()
        pid = node.child_pid
        reply = node.client.post("/unload")
        assert (200, {"state": "cold"}) == (reply.status_code, reply.json())
        assert eventually(lambda: not is_running(pid))
        node.speak()
        pid = node.child_pid
        assert {"state": "yielded"} == node.client.post("/yield").json()
        assert eventually(lambda: not is_running(pid))
        refused = node.speak()
        assert (503, "30", "yielded") == (
            refused.status_code,
            refused.headers["Retry-After"],
            refused.json()["error"]["code"],
        )
        assert 503 == node.client.post("/warm").status_code
        assert 1 == node.metric('tts_node_model_state{model="espeak",state="yielded"}')
        assert {"state": "cold"} == node.client.post("/resume").json()
        assert 200 == node.speak().status_code


def test_yield_lets_the_speaker_finish() -> None:
    """What is being spoken ends whole; then the process goes."""
    with RunningNode("--simulate", "first=2") as node, ThreadPoolExecutor() as pool:
        speaking = pool.submit(node.speak)
        assert eventually(lambda: bool(node.health()["state"] == "up" and node.health()["queue"]["busy"]))
        pid = node.child_pid
        assert 202 == node.client.post("/yield").status_code
        assert 200 == speaking.result().status_code
        assert eventually(lambda: not is_running(pid))


def test_a_full_queue_says_when_to_come_back() -> None:
    """429 with Retry-After and the position; those who were in line are served."""
    with RunningNode("--simulate", "first=2", "--queue-limit", "1") as node, ThreadPoolExecutor() as pool:
        accepted = [pool.submit(node.speak)]
        assert eventually(lambda: bool(node.health()["queue"]["busy"]))
        accepted.append(pool.submit(node.speak))
        assert eventually(lambda: bool(node.health()["queue"]["depth"] == 1))
        refused = node.speak()
        assert 429 == refused.status_code
        assert int(refused.headers["Retry-After"]) >= 1
        assert "position 2" in refused.json()["error"]["message"]
        assert [200, 200] == [future.result().status_code for future in accepted]
        assert 1 == node.metric('tts_node_requests_total{outcome="node_busy"}')


def asked(node: RunningNode) -> socket.socket:
    """A connection on which a long text was asked for."""
    url = httpx.URL(node.url)
    body = json.dumps({"input": LONG}).encode()
    connection = socket.create_connection((url.host, url.port or 80), DEADLINE_S)
    head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: {url.netloc.decode()}\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def test_who_leaves_frees_the_slot() -> None:
    """While the model loads, before the first audio, and in the queue: long before the work would be over."""
    with RunningNode("--simulate", f"first={10 * DEADLINE_S},rtf=10") as node:
        for state in ("loading", "up"):
            with asked(node):
                assert eventually(lambda: node.health()["state"] == state)  # noqa: B023  evaluated here
                assert eventually(lambda: bool(node.health()["queue"]["busy"]))
            assert eventually(lambda: not node.health()["queue"]["busy"])
        with asked(node):
            assert eventually(lambda: bool(node.health()["queue"]["busy"]))
            with asked(node):
                assert eventually(lambda: bool(node.health()["queue"]["depth"] == 1))
            assert eventually(lambda: node.health()["queue"]["depth"] == 0)
            assert node.health()["queue"]["busy"]
        assert eventually(lambda: not node.health()["queue"]["busy"])
        assert 4 == node.metric('tts_node_requests_total{outcome="caller_gone"}')
        assert 0 == node.metric('tts_node_child_restarts_total{reason="hang"}')
        assert 1 == node.log.count("up in")


def test_killing_children_under_load_costs_nothing_but_requests() -> None:
    """Five times kill -9 at a random moment: every reply is whole, a clean 503 or visibly cut."""
    chance = random.Random(7)
    stop = threading.Event()
    seen: list[str] = []

    def client(number: int) -> None:
        with httpx.Client(base_url=node.url, timeout=DEADLINE_S, trust_env=False) as http:
            while not stop.is_set():
                seen.append(one_reply(http, stream=number % 2 == 0))

    with RunningNode("--simulate", "rtf=0.02,first=0.02") as node, ThreadPoolExecutor(CLIENTS) as pool:
        text = LONG[:100]
        expected = len(node.speak(input=text, response_format="pcm").content)

        def one_reply(http: httpx.Client, *, stream: bool) -> str:
            try:
                reply = http.post(
                    "/v1/audio/speech", json={"input": text, "response_format": "pcm", "stream": stream}
                )
            except httpx.RemoteProtocolError:
                return "cut"
            if reply.status_code == 200:
                return "whole" if expected == len(reply.content) else "short!"
            assert reply.json()["error"]["code"] == "engine_crashed"
            assert "Retry-After" in reply.headers
            return "503"

        clients = [pool.submit(client, number) for number in range(CLIENTS)]
        try:
            for _ in range(5):
                pid, spoken = node.child_pid, seen.count("whole")
                assert eventually(lambda: seen.count("whole") >= spoken + 2 * CLIENTS)  # noqa: B023  evaluated here
                time.sleep(chance.random() * 0.2)  # the random moment itself
                os.kill(pid, signal.SIGKILL)
                assert eventually(lambda: node.child_pid != pid)  # noqa: B023
        finally:
            stop.set()
        for each in clients:
            each.result()
        assert set(seen) <= {"whole", "cut", "503"}
        assert seen.count("whole") > seen.count("cut") + seen.count("503")
        assert 200 == node.speak().status_code
        assert 5 == node.metric('tts_node_child_restarts_total{reason="crash"}')
        assert node.process.poll() is None


@pytest.mark.parametrize("moment", ["idle", "speaking"])
def test_no_child_outlives_a_killed_node(moment: str) -> None:
    """kill -9 of the node ends the child too, in the middle of an inference as well."""
    body = {"input": LONG}
    with (
        RunningNode("--simulate", "rtf=1") as node,
        node.client.stream("POST", "/v1/audio/speech", json=body) as reply,
    ):
        next(reply.iter_raw())
        pid = node.child_pid
        if moment == "idle":
            reply.close()
            assert eventually(lambda: not node.health()["queue"]["busy"])
        assert is_running(pid)
        node.process.kill()
        assert eventually(lambda: not is_running(pid))


def test_a_graceful_end_finishes_what_was_begun() -> None:
    """SIGTERM: the reply in flight is whole, the child is gone, the status is 0."""
    with RunningNode("--simulate", "first=2") as node, ThreadPoolExecutor() as pool:
        speaking = pool.submit(node.speak, response_format="wav")
        assert eventually(lambda: bool(node.health()["state"] == "up" and node.health()["queue"]["busy"]))
        pid = node.child_pid
        assert 0 == node.terminate()
        assert sound.decode(speaking.result().content, "wav").is_speech_like
        assert not is_running(pid)


def test_a_node_can_end_with_its_parents_pipe() -> None:
    """`--exit-with-stdin`: the end of standard input is as good as SIGTERM; the child goes too."""
    with RunningNode("--exit-with-stdin") as node:
        node.speak()
        pid = node.child_pid
        assert node.process.poll() is None
        assert node.process.stdin
        node.process.stdin.close()
        assert 0 == node.process.wait(DEADLINE_S)
        assert not is_running(pid)


def test_the_grace_has_an_end() -> None:
    """Replies that take for ever do not keep the node alive: a begun one is cut, another gets its 503."""
    with RunningNode("--simulate", "rtf=10", "--grace-s", "1") as node, ThreadPoolExecutor() as pool:
        with node.client.stream(
            "POST", "/v1/audio/speech", json={"input": LONG, "response_format": "pcm"}
        ) as begun:
            parts = begun.iter_raw()
            next(parts)
            waiting = pool.submit(node.speak)
            assert eventually(lambda: bool(node.health()["queue"]["depth"] == 1))
            pid = node.child_pid
            assert 0 == node.terminate()
            assert not is_running(pid)
            with pytest.raises(httpx.RemoteProtocolError):
                list(parts)
        assert (503, "draining") == (waiting.result().status_code, waiting.result().json()["error"]["code"])


def test_health_is_quick_whatever_the_model_does(node: RunningNode) -> None:
    """While long texts are encoded to MP3, /health is answered again and again; how fast is for `make soak`."""
    answers = 0
    with ThreadPoolExecutor() as pool:
        busy = [pool.submit(node.speak, input=LONG * 5, stream=False) for _ in range(3)]
        while not all(future.done() for future in busy):
            node.health()
            answers += 1
        assert [200] * 3 == [future.result().status_code for future in busy]
    assert answers > 20
