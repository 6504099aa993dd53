"""One voice library over two nodes: a router, and two real tts-nodes whose engine copies voices.

The engine is a stand-in (`cloning.py`): what it says is a tone made of the recording's hash, so that a wrong
voice, or another's, is another sound. Everything else is real.
"""

import hashlib
import io
import json
import struct
import wave
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from math import pi, sin
from pathlib import Path
from typing import Any

import httpx
import pytest
from crowd import Answer, asked, crowd_beside
from processes import NODE, ROOT, Process, answers, free_port, http, start_node, start_router, started, wait_until

pytest_plugins = ["process_logs"]

SPEECH, VOICES = "/v1/audio/speech", "/v1/audio/voices"
CLONER = ROOT / "tests" / "tts_node" / "support" / "cloning.py"
TEXT = "The quick brown fox jumps over the lazy dog."
RATE = 24_000


def recording(pitch_hz: int, duration_s: float = 8.0) -> bytes:
    """A WAV that measures like speech: four syllables a second, a pause every two seconds."""
    second = [0.4 * sin(2 * pi * pitch_hz * n / RATE) * max(0.0, sin(2 * pi * 4 * n / RATE)) for n in range(RATE)]
    phrase = second + second[: RATE // 2] + [0.0] * (RATE // 2)
    samples = [round(32767 * phrase[n % len(phrase)]) for n in range(int(duration_s * RATE))]
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file.getvalue()


ANNA, BERT = recording(120), recording(180)


@dataclass
class House:
    """The router and its nodes."""

    router: Process
    first: Process
    second: Process

    def upload(self, data: bytes = ANNA, name: str = "Anna", **fields: str) -> httpx.Response:
        """As OpenAI's clients do."""
        files = {"audio_sample": ("anna.wav", data, "audio/wav")}
        return http.post(self.router.base_url + VOICES, data={"name": name} | fields, files=files)

    def uploaded(self, data: bytes = ANNA, name: str = "Anna") -> Any:
        """The voice, once both nodes have a copy."""
        answer = self.upload(data, name)
        assert 200 == answer.status_code, answer.text
        for node in (self.first, self.second):
            wait_until("the copy is there", lambda: node.get(f"{VOICES}/{answer.json()['id']}").status_code == 200)  # noqa: B023
        return answer.json()

    def say(self, voice: str, **headers: str) -> httpx.Response:
        """One sentence as PCM."""
        body = {"input": TEXT, "voice": voice, "response_format": "pcm", "model": "cloner"}
        return http.post(self.router.base_url + SPEECH, json=body, headers=headers)


def start_cloner(folder: Path, name: str, port: int | None = None) -> AbstractContextManager[Process]:
    """A node whose engine copies voices."""
    port = free_port() if port is None else port
    command: list[str | Path] = [
        NODE.parent / "python",
        CLONER,
        "--port",
        str(port),
        "--voices-dir",
        str(folder / name),
    ]
    return started(name, command, port, folder, is_ready=answers("/health"))


@contextmanager
def house_in(folder: Path) -> Iterator[House]:
    """All of it."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(start_cloner(folder, name)) for name in ("first", "second"))
        config = f"""\
speech: {{voices_dir: {json.dumps(str(folder / "library"))}, default_model: cloner}}
cache: {{enabled: false}}  # it is about who speaks, not about who has spoken before
providers:
  first: {{kind: tts-node, url: "http://127.0.0.1:{first.port}", tier: 1}}
  second: {{kind: tts-node, url: "http://127.0.0.1:{second.port}", tier: 2}}
"""
        yield House(stack.enter_context(start_router(config, folder)), first, second)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """For tests that delete what they upload."""
    with house_in(tmp_path_factory.mktemp("voices")) as house:
        yield house


@pytest.fixture
def anna(house: House) -> Iterator[Any]:
    """A voice that both nodes have."""
    row = house.uploaded()
    yield row
    http.delete(f"{house.router.base_url}{VOICES}/{row['id']}")


def test_an_upload_is_a_voice_of_the_house(house: House, anna: Any) -> None:
    """OpenAI's answer; listed first with who has it; heard by its preview."""
    content_hash = hashlib.sha256(ANNA).hexdigest()
    assert ("audio.voice", "Anna", content_hash) == (anna["object"], anna["name"], anna["hash"])
    assert f"voice_{content_hash[:24]}" == anna["id"]

    def row() -> Any:
        return house.router.get(VOICES).json()["voices"][0]

    wait_until("both are seen to have it", lambda: row()["nodes"] == {"first": "copied", "second": "copied"})
    assert (anna["id"], False) == (row()["id"], row()["builtin"])
    assert anna["id"] == house.router.get(f"{VOICES}/anna").json()["id"]
    preview = house.router.get(f"{VOICES}/{anna['id']}/preview")
    assert ("audio/wav", b"RIFF") == (preview.headers["content-type"], preview.content[:4])


def test_the_fallback_is_ready_before_it_is_needed(house: House, anna: Any) -> None:
    """Nobody has asked the second node for a word, and its engine is up and has listened to the recording."""
    unloaded = http.post(house.second.base_url + "/unload").status_code
    assert unloaded in {200, 202}  # 202: as soon as it has listened to what it was just given
    wait_until("it is unloaded", lambda: house.second.get("/health").json()["state"] == "cold")
    http.delete(f"{house.router.base_url}{VOICES}/{anna['id']}")
    house.uploaded()
    for node in (house.first, house.second):
        wait_until("its engine is up", lambda: node.get("/health").json()["state"] == "up")  # noqa: B023


@pytest.mark.proves(provider="tts-node", feature="copied voices", what="the same voice on every node")
def test_both_nodes_speak_with_the_same_voice(house: House, anna: Any) -> None:
    """The answer of either carries the same hash, and is the same sound; by id and by name."""
    answers_by_node = [
        http.post(node.base_url + SPEECH, json={"input": TEXT, "voice": anna["id"], "response_format": "pcm"})
        for node in (house.first, house.second)
    ]
    through_router = [house.say(wanted) for wanted in (anna["id"], "anna", "Anna")]
    for answer in (*answers_by_node, *through_router):
        assert 200 == answer.status_code, answer.text
        assert anna["hash"] == answer.headers["x-tts-voice-hash"]
        assert answers_by_node[0].content == answer.content
    assert all("x-router-substitution" not in answer.headers for answer in through_router)


def test_a_copy_that_is_gone_is_brought_back(house: House, anna: Any) -> None:
    """Deleted on the node, asked for again: the same voice, one attempt, no fault counted."""
    before = house.say(anna["id"])
    assert 200 == http.delete(f"{house.first.base_url}{VOICES}/{anna['id']}").status_code
    assert 404 == house.first.get(f"{VOICES}/{anna['id']}").status_code
    after = house.say(anna["id"])
    assert ("first", "1") == (after.headers["x-router-provider"], after.headers["x-router-attempts"])
    assert (before.content, anna["hash"]) == (after.content, after.headers["x-tts-voice-hash"])
    assert 200 == house.first.get(f"{VOICES}/{anna['id']}").status_code


def test_two_voices_do_not_mix(house: House, anna: Any) -> None:
    """Asked for by turns, each sounds like itself."""
    bert = house.uploaded(BERT, "Bert")
    sounds = [house.say(name).content for name in ("anna", "bert") * 3]
    assert [sounds[0], sounds[1]] * 3 == sounds
    assert sounds[0] != sounds[1]
    assert 200 == http.delete(f"{house.router.base_url}{VOICES}/{bert['id']}").status_code


def test_what_is_wrong_with_a_recording_is_told(house: House) -> None:
    """The node's word, with the field; nothing is kept."""
    for data, code in (
        (recording(120, 1.8), "clip_too_short"),
        (b"no sound at all", "unreadable_audio"),
        (b"", "empty_file"),
    ):
        answer = house.upload(data)
        assert (400, "audio_sample", code) == (
            answer.status_code,
            answer.json()["error"]["param"],
            answer.json()["error"]["code"],
        )
    assert "record at least 6 s" in house.upload(recording(120, 1.8)).json()["error"]["message"]
    assert 413 == house.upload(bytes(10 * 2**20 + 1)).status_code
    assert 413 == house.upload(bytes(12 * 2**20)).status_code
    for name in ("", "../../etc/passwd", "a" * 65):
        assert 400 == house.upload(name=name).status_code
    assert 409 == house.upload(name="Alloy").status_code
    assert not [row for row in house.router.get(VOICES).json()["voices"] if "hash" in row]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nA\r\n--x--',
        ),
        ("multipart/form-data; boundary=x; charset=klingon", b'--x\r\nContent-Disposition: form-data; name="n"'),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="n"\r\n\r\n\xff\r\n--x--',
        ),
        ("", b""),
    ],
)
def test_what_is_no_upload_is_a_400(house: House, content_type: str, body: bytes) -> None:
    """Never a 500, always with all four keys."""
    answer = http.post(house.router.base_url + VOICES, content=body, headers={"content-type": content_type})
    assert 400 == answer.status_code, answer.text
    assert {"message", "type", "param", "code"} == set(answer.json()["error"])


def test_names_and_recordings_are_unique(house: House, anna: Any) -> None:
    """The same again is no fault; another name for it, or its name for another, is a 409."""
    assert anna == house.upload().json()
    assert (409, "voice_exists") == (
        (answer := house.upload(name="Berta")).status_code,
        answer.json()["error"]["code"],
    )
    assert (409, "name_taken") == (
        (answer := house.upload(BERT, "ANNA")).status_code,
        answer.json()["error"]["code"],
    )


def test_a_deleted_voice_is_unknown_everywhere(house: House) -> None:
    """To the router at once, to the nodes soon."""
    row = house.uploaded()
    where = f"{VOICES}/{row['id']}"
    assert {"object": "audio.voice.deleted", "id": row["id"], "deleted": True} == (
        http.delete(house.router.base_url + where).json()
    )
    for node in (house.first, house.second):
        wait_until("it is gone", lambda: node.get(where).status_code == 404)  # noqa: B023
    wait_until("nobody reports it", lambda: house.say(row["id"]).status_code == 404)
    assert "voice_not_found" == house.say(row["id"]).json()["error"]["code"]
    assert 404 == http.delete(house.router.base_url + where).status_code
    assert 404 == house.router.get(f"{where}/preview").status_code


def test_a_voice_deleted_while_a_node_was_off_stays_deleted(tmp_path: Path) -> None:
    """The node comes back with its copy: it is listed nowhere, spoken by nobody, and soon off the node."""
    with house_in(tmp_path) as house:
        row = house.uploaded()
        where = f"{VOICES}/{row['id']}"
        house.first.kill()
        assert 200 == http.delete(house.router.base_url + where).status_code
        with start_cloner(tmp_path, "first", house.first.port) as back:
            assert 200 == house.say("nova").status_code
            assert row["id"] not in [each["id"] for each in house.router.get(VOICES).json()["voices"]]
            assert [404, 404] == [house.say(wanted).status_code for wanted in (row["id"], "Anna")]
            wait_until("it is gone", lambda: back.get(where).status_code == 404)
            assert 404 == house.router.get(where).status_code


def test_a_node_lost_mid_way_is_followed_in_the_same_voice(tmp_path: Path) -> None:
    """Killed under load: no request fails, and not one is spoken by another voice."""
    with house_in(tmp_path) as house:
        row = house.uploaded()
        expected = house.say(row["id"]).content
        body = {"input": TEXT, "voice": row["id"], "response_format": "pcm", "model": "cloner"}
        with crowd_beside(8, lambda _: asked(Answer(""), house.router.port, SPEECH, body)) as answers_so_far:
            wait_until("the first node speaks", lambda: len(answers_so_far) >= 16)
            house.first.kill()
            killed_at = len(answers_so_far)
            wait_until("the second node speaks", lambda: len(answers_so_far) >= killed_at + 24)
        assert {200} == {answer.status for answer in answers_so_far}
        assert {expected} == {answer.body for answer in answers_so_far}
        last = house.say(row["id"])
        assert ("second", row["hash"]) == (last.headers["x-router-provider"], last.headers["x-tts-voice-hash"])


def test_a_node_that_copies_nothing_is_a_told_substitute(tmp_path: Path) -> None:
    """With espeak alone left, the default policy speaks in another voice and says so; `none` refuses."""
    with ExitStack() as stack:
        cloner = stack.enter_context(start_cloner(tmp_path, "cloner"))
        espeak = stack.enter_context(start_node(tmp_path, "--voices-dir", str(tmp_path / "espeak")))
        config = f"""\
speech: {{voices_dir: {json.dumps(str(tmp_path / "library"))}, default_model: cloner}}
cache: {{enabled: false}}  # it is about who speaks, not about who has spoken before
providers:
  espeak: {{kind: tts-node, url: "http://127.0.0.1:{espeak.port}", tier: 1}}
  cloner: {{kind: tts-node, url: "http://127.0.0.1:{cloner.port}", tier: 2}}
"""
        router = stack.enter_context(start_router(config, tmp_path))
        house = House(router, cloner, cloner)
        row = house.uploaded()
        own = house.say(row["id"])
        assert ("cloner", row["hash"]) == (own.headers["x-router-provider"], own.headers["x-tts-voice-hash"])
        cloner.kill()
        wait_until("espeak speaks", lambda: house.say(row["id"]).status_code == 200)
        other = house.say(row["id"])
        assert "espeak" == other.headers["x-router-provider"]
        assert (409, "name_taken") == (
            (taken := house.upload(BERT, "EN-GB")).status_code,
            taken.json()["error"]["code"],
        )
        assert "tts-node download" in house.upload(BERT, "Bert").json()["warnings"][-1]
        assert "voice=" in other.headers["x-router-substitution"]
        assert "x-tts-voice-hash" not in other.headers
        refused = house.say(row["id"], **{"X-Router-Fallback": "same_voice"})
        assert 503 == refused.status_code


def test_the_library_outlives_router_and_nodes(tmp_path: Path) -> None:
    """Nodes that start empty get the voice with the first request; the router reads its disk."""
    with house_in(tmp_path / "a") as house:
        row = house.uploaded()
        expected = house.say("Anna").content
    fresh = tmp_path / "b"
    fresh.mkdir()
    (tmp_path / "a" / "library").rename(fresh / "library")
    with house_in(fresh) as house:
        again = house.say("Anna")
    assert (200, expected, row["hash"]) == (
        again.status_code,
        again.content,
        again.headers.get("x-tts-voice-hash"),
    )


def test_without_a_node_no_voice_is_taken(tmp_path: Path) -> None:
    """503 with a line for each node that cannot be reached."""
    config = f"""\
speech: {{voices_dir: {json.dumps(str(tmp_path / "library"))}}}
voices:
  Narrator: {{use: {{demo: alloy}}}}
providers:
  asleep: {{kind: tts-node, url: "http://127.0.0.1:{free_port()}"}}
  demo: {{kind: demo}}
"""
    with start_router(config, tmp_path) as router:
        answer = House(router, router, router).upload()
        assert 503 == answer.status_code
        assert "asleep" in answer.json()["error"]["message"]
        assert 409 == House(router, router, router).upload(name="narrator").status_code
