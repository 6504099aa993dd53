"""Recordings through a router, by OpenAI's SDK, to servers that say what they were sent. All of them processes."""

import hashlib
import json
import random
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import openai
import pytest
from figures import note
from processes import Process, answers, free_port, http, provider_rows, start_router, started, wait_until

pytest_plugins = ["process_logs"]

STT: Final = Path(__file__).with_name("stt.py")
PATH: Final = "/v1/audio/transcriptions"
SMALL: Final = random.Random(1).randbytes(200_001)
LARGE_BYTES: Final = 60 * 1024 * 1024
MOST_GROWTH_KIB: Final = 24 * 1024  # of the router's memory by an upload of 60 MiB
Format = Literal["text", "srt", "vtt"]


@contextmanager
def start_stt(folder: Path, name: str, *models: str, port: int | None = None) -> Iterator[Process]:
    """The scripted server, once it answers."""
    port = free_port() if port is None else port
    command: list[str | Path] = [sys.executable, STT, str(port), name, *models]
    with started(name, command, port, folder, is_ready=answers("/v1/models")) as process:
        yield process


def config_of(*urls: str) -> str:
    """A router in front of these servers, the first preferred."""
    lines = [
        f"  {name}: {{kind: openai, url: '{url}', serves: [transcription], tier: {tier}, probe_interval_s: 0.1}}"
        for tier, (name, url) in enumerate(zip(("first", "second"), urls, strict=False), 1)
    ]
    return "\n".join(["providers:", *lines, ""])


class House:
    """A router and its two servers."""

    def __init__(self, router: Process, first: Process, second: Process) -> None:
        self.router, self.first, self.second = router, first, second
        self.attempts = 0  # of the last answer
        self.sdk = openai.OpenAI(base_url=f"{router.base_url}/v1", api_key="unused", max_retries=0)

    def ask(self, recording: Any = SMALL, script: Any = None, **more: Any) -> Any:
        """A transcription, as the server tells of it."""
        prompt = {} if script is None else {"prompt": json.dumps({"first": script})}
        file = ("speech.wav", recording) if isinstance(recording, bytes) else recording
        create: Any = self.sdk.audio.transcriptions.with_raw_response.create
        answer = create(model="whisper-1", file=file, **prompt, **more)
        self.attempts = int(answer.headers["x-router-attempts"])
        return answer.parse()

    def wait_for_first(self) -> None:
        """The preferred server is trusted again, whatever it has done."""
        wait_until("the first serves", lambda: self.ask().server == "first")

    def open_files(self) -> list[str]:
        """Deleted files that the router still holds."""
        targets = []
        for entry in Path(f"/proc/{self.router.pid}/fd").iterdir():
            try:
                targets.append(str(entry.readlink()))
            except OSError:
                continue  # closed meanwhile
        return [target for target in targets if "(deleted)" in target]

    def wait_for_rest(self) -> None:
        """Nothing stays in flight, and nothing of an upload is left."""
        wait_until("nothing is in flight", lambda: self._in_flight() == {0})
        wait_until("no upload is left", lambda: self.open_files() == [])

    def _in_flight(self) -> set[int]:
        return {provider["in_flight"] for provider in provider_rows(self.router)}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("transcriptions")
    with ExitStack() as stack:
        first = stack.enter_context(start_stt(folder, "first", "large-v3"))
        second = stack.enter_context(start_stt(folder, "second", "small"))
        router = stack.enter_context(start_router(config_of(first.base_url, second.base_url), folder))
        yield House(router, first, second)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.proves(provider="openai", feature="transcription", what="the recording arrives byte for byte")
def test_a_recording_arrives_byte_for_byte(house: House) -> None:
    """With its fields and its filename; the model alone is the server's own."""
    told = house.ask(language="de", temperature=0.2, timestamp_granularities=["word", "segment"])
    assert ("what was said", "first", digest(SMALL), "speech.wav") == (
        told.text,
        told.server,
        told.sha256,
        told.filename,
    )
    assert [
        ["language", "de"],
        ["model", "large-v3"],
        ["temperature", "0.2"],
        ["timestamp_granularities[]", "segment"],
        ["timestamp_granularities[]", "word"],
    ] == sorted(told.fields)
    assert ("/v1/audio/transcriptions", "first") == (told.path, told.server)
    assert "authorization" not in told.headers


@pytest.mark.parametrize("name", ["text", "srt", "vtt"])
def test_plain_formats_pass_untouched(house: House, name: Format) -> None:
    """The SDK gives them as text."""
    assert f"{name} {digest(SMALL)}\n" == house.ask(response_format=name)


def test_events_are_streamed(house: House) -> None:
    """`stream=True`."""
    events = list(house.ask(stream=True))
    assert ["what ", "was ", "said"] == [each.delta for each in events if each.type == "transcript.text.delta"]
    assert digest(SMALL) == events[-1].sha256


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # by the SDK, not by the API
def test_translations(house: House) -> None:
    """Their own path."""
    told: Any = house.sdk.audio.translations.create(model="whisper-1", file=("a.mp3", SMALL))
    assert ("/v1/audio/translations", digest(SMALL)) == (told.path, told.sha256)


def test_a_model_by_its_name_and_by_its_provider(house: House) -> None:
    """Both, and what is unknown."""
    for name in ("small", "second/small"):
        told: Any = house.sdk.audio.transcriptions.create(model=name, file=("a.wav", SMALL))
        assert ("second", "small") == (told.server, dict(told.fields)["model"])
    with pytest.raises(openai.NotFoundError, match="large-v3"):
        house.sdk.audio.transcriptions.create(model="large-v2", file=("a.wav", SMALL))


def test_lists_and_readiness_know_it(house: House) -> None:
    """What a client or a monitor asks."""
    models = {model["id"]: model["modality"] for model in house.router.get("/v1/models").json()["data"]}
    assert {"large-v3": "transcription", "small": "transcription"} == models
    assert house.router.get("/ready").json()["transcription"]
    assert 'router_modality_available{modality="transcription"} 1.0' in house.router.get("/metrics").text


@pytest.mark.proves(provider="openai", feature="transcription, failover", what="sent again to the next")
@pytest.mark.parametrize("script", [{"status": 503}, {"status": 404}, {"cut": 100_000}, {"cut": 0}], ids=str)
def test_a_server_that_fails_before_its_answer_costs_the_client_nothing(house: House, script: Any) -> None:
    """The other gets the whole recording."""
    house.wait_for_first()
    told = house.ask(script=script)
    assert 2 == house.attempts
    assert ("second", digest(SMALL), "small") == (told.server, told.sha256, dict(told.fields)["model"])
    house.wait_for_rest()


def test_what_a_server_refuses_is_the_clients_to_know(house: House) -> None:
    """As it says it."""
    house.wait_for_first()
    with pytest.raises(openai.BadRequestError, match="scripted"):
        house.ask(script={"status": 400})


def test_a_json_body_is_told_what_to_send(house: House) -> None:
    """A 400, in OpenAI's shape."""
    answer = http.post(house.router.base_url + PATH, json={"model": "whisper-1"})
    assert (400, "multipart_required") == (answer.status_code, answer.json()["error"]["code"])


def test_a_large_upload_is_never_in_the_routers_memory(house: House, tmp_path: Path) -> None:
    """60 MiB; and what fails is sent again from the disk."""
    recording = tmp_path / "long.wav"
    block = random.Random(2).randbytes(1024 * 1024)
    whole = hashlib.sha256()
    with recording.open("wb") as file:
        for number in range(LARGE_BYTES // len(block)):
            file.write(number.to_bytes(4, "big") + block[4:])
            whole.update(number.to_bytes(4, "big") + block[4:])
    house.wait_for_first()  # and whatever is loaded at first use is loaded
    Path(f"/proc/{house.router.pid}/clear_refs").write_text("5")  # proc(5): the peak begins anew
    before = memory_kib(house.router, "VmRSS")
    with recording.open("rb") as file:
        told = house.ask(file, script={"cut": LARGE_BYTES // 2})
    grown = memory_kib(house.router, "VmHWM") - before
    note(f"60 MiB of upload, sent twice: the router's memory grew by {grown / 1024:.1f} MiB at most")
    assert 2 == house.attempts
    assert ("second", whole.hexdigest(), LARGE_BYTES) == (told.server, told.sha256, told.size)
    assert grown < MOST_GROWTH_KIB
    house.wait_for_rest()


def memory_kib(process: Process, name: str) -> int:
    """A line of proc(5)'s status."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (found,) = re.findall(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found)


def test_a_client_that_leaves_in_the_middle_of_its_upload_leaves_nothing(house: House) -> None:
    """No file, no place; and no server has heard of it."""
    seen = len(house.first.get("/_seen").json()) + len(house.second.get("/_seen").json())
    boundary = "b" * 20
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {LARGE_BYTES}\r\n"
        f"Content-Type: multipart/form-data; boundary={boundary}\r\n\r\n--{boundary}\r\n"
        'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", house.router.port)) as client:
        client.sendall(head.encode() + SMALL * 40)
        wait_until("the upload is on the disk", house.open_files)
    house.wait_for_rest()
    counted = r'router_requests_total{endpoint="transcriptions",.*outcome="caller_gone".* 1.0'
    wait_until("it is counted", lambda: re.search(counted, house.router.get("/metrics").text))
    assert seen == len(house.first.get("/_seen").json()) + len(house.second.get("/_seen").json())


def test_a_client_that_leaves_while_its_upload_is_sent_on_frees_the_server(house: House) -> None:
    """The server takes nothing, and would for ever."""
    prompt = json.dumps({"first": {"stall": True}})
    boundary = "b" * 20
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n{prompt}\r\n'.encode(),
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'.encode(),
        SMALL * 200,
        f"\r\n--{boundary}--\r\n".encode(),
    ]
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {sum(map(len, parts))}\r\n"
        f"Content-Type: multipart/form-data; boundary={boundary}\r\n\r\n"
    )
    house.wait_for_first()
    with socket.create_connection(("127.0.0.1", house.router.port)) as client:
        client.sendall(head.encode() + b"".join(parts))
        wait_until("it is sent on", lambda: house._in_flight() != {0})
    house.wait_for_rest()


def test_a_server_that_is_killed_under_an_upload_is_replaced(tmp_path: Path) -> None:
    """And used again when it is back."""
    port = free_port()
    with ExitStack() as stack:
        second = stack.enter_context(start_stt(tmp_path, "second", "small"))
        with start_stt(tmp_path, "first", "large-v3", port=port) as first:
            router = stack.enter_context(start_router(config_of(first.base_url, second.base_url), tmp_path))
            house = House(router, first, second)
            assert "first" == house.ask().server
            first.kill()
            told = house.ask()
            assert ("second", digest(SMALL)) == (told.server, told.sha256)
        with start_stt(tmp_path, "first", "large-v3", port=port):
            wait_until("the first serves again", lambda: house.ask().server == "first")


def test_where_nobody_transcribes_the_answer_says_what_to_add(tmp_path: Path) -> None:
    """A router with a demo alone."""
    with (
        start_router("providers:\n  demo: {kind: demo}\n", tmp_path) as router,
        openai.OpenAI(base_url=f"{router.base_url}/v1", api_key="x", max_retries=0) as sdk,
        pytest.raises(openai.NotFoundError, match=r"serves: \[transcription\]"),
    ):
        sdk.audio.transcriptions.create(model="whisper-1", file=("a.wav", SMALL))
