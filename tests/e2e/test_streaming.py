"""Speech over a WebSocket and by HLS, through real processes: what is heard is what a plain request gets, whatever
is killed meanwhile; and who leaves is left alone at once."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import av
import pytest
from audio import RATE_HZ, Sound, decoded
from departures import CLOSED_WITHIN_S, NEVER_S, House, start_house
from figures import BUSY_S, note
from processes import Process, http, start_node, start_router, wait_until
from websockets.sync.client import ClientConnection, connect

pytest_plugins = ["process_logs"]

SEED: Final = 7
TEXT: Final = (
    "The quick brown fox jumps over the lazy dog, and then it rests. Nobody in the house has seen it, "
    "though everybody has heard of it. It comes at night, says nothing, and leaves before the sun is up."
)
LONG: Final = " ".join([TEXT] * 5)
PADDING_S: Final = 0.15  # of an encoder
FIRST_CHUNK_S: Final = 1.0


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A router and an espeak node, without a cache."""
    folder = tmp_path_factory.mktemp("streaming")
    with start_node(folder) as node:
        config = f"providers:\n  node: {{kind: tts-node, url: '{node.base_url}'}}\ncache: {{enabled: false}}\n"
        with start_router(config, folder) as router:
            assert plain(router, "Warm up.")
            yield router


def plain(router: Process, text: str) -> bytes:
    """The same text by a plain request, as PCM."""
    document = {"input": text, "seed": SEED, "response_format": "pcm"}
    answer = http.post(f"{router.base_url}/v1/audio/speech", json=document, headers={"Cache-Control": "no-store"})
    assert 200 == answer.status_code, answer.text
    return answer.content


def connected(router: Process) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{router.port}/v1/audio/speech/ws", proxy=None)


def ask(socket: ClientConnection, **message: Any) -> None:
    socket.send(json.dumps({"seed": SEED, **message}))


def chunk(socket: ClientConnection) -> tuple[dict[str, Any], bytes]:
    told = json.loads(socket.recv())
    assert "chunk" == told["type"], told
    data = socket.recv()
    assert isinstance(data, bytes)
    return told, data


def hear(socket: ClientConnection) -> tuple[list[dict[str, Any]], bytes]:
    """One utterance."""
    told: list[dict[str, Any]] = []
    audio = bytearray()
    while not (told and told[-1]["is_final"]):
        one, data = chunk(socket)
        told.append(one)
        audio += data
    return told, bytes(audio)


def is_like(one: Sound, other: Sound) -> bool:
    """As long, as loud, and as much of it low: what an encoder leaves of the same speech."""
    return (
        abs(one.duration_s - other.duration_s) < PADDING_S
        and abs(one.rms - other.rms) < 0.1 * other.rms
        and abs(one.low_share - other.low_share) < 0.05
    )


def beginning(sound: Sound) -> Sound:
    """Three seconds: to look at all takes long."""
    return Sound(sound.samples[: 3 * RATE_HZ])


# WebSocket


def test_a_socket_gives_what_a_request_gets(house: Process) -> None:
    """Byte for byte, in chunks, the first of them soon; utterances one after the other."""
    expected = plain(house, TEXT)
    with connected(house) as socket:
        began = time.monotonic()
        ask(socket, text=TEXT)
        first, data = chunk(socket)
        took_s = time.monotonic() - began
        _, rest = hear(socket)
        assert expected == data + rest
        assert first["duration_ms"] <= 1000
        assert (24_000, 0) == (first["sample_rate"], first["chunk_index"])
        for _ in range(2):
            ask(socket, text=TEXT)
            assert expected == hear(socket)[1]
    note(f"first chunk of a WebSocket utterance, espeak: {took_s * 1000:.0f} ms")
    assert took_s < FIRST_CHUNK_S + BUSY_S


@pytest.mark.parametrize("audio_format", ["opus", "mp3", "aac", "flac", "wav"])
def test_what_a_socket_gives_can_be_decoded(house: Process, audio_format: str) -> None:
    """Each utterance is a file of its own that sounds like the same text as PCM."""
    expected = decoded(plain(house, TEXT), "pcm")
    with connected(house) as socket:
        ask(socket, text=TEXT, format=audio_format)
        sound = decoded(hear(socket)[1], audio_format)
    assert abs(sound.duration_s - expected.duration_s) < PADDING_S
    assert is_like(beginning(sound), beginning(expected)), (sound, expected)


def test_a_text_that_is_being_written_is_spoken_meanwhile(house: Process) -> None:
    """The first sound comes before the last word is written."""
    words = TEXT.split()
    with connected(house) as socket:
        for word in words[: len(words) // 2]:
            ask(socket, type="text", text=f"{word} ") if word is words[0] else socket.send(
                json.dumps({"type": "text", "text": f"{word} "})
            )
        first, _ = chunk(socket)
        for word in words[len(words) // 2 :]:
            socket.send(json.dumps({"type": "text", "text": f"{word} "}))
        socket.send(json.dumps({"type": "end"}))
        told, _ = hear(socket)
    whole_s = len(plain(house, TEXT)) / (2 * RATE_HZ)
    assert (False, 0) == (first["is_final"], first["chunk_index"])
    assert told[-1]["audio_duration"] == pytest.approx(whole_s, rel=0.25)  # other segments, other pauses


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A node that never has its first sound."""
    with start_house(tmp_path_factory.mktemp("departures")) as running:
        yield running


@pytest.mark.parametrize("way", ["close", "reset", "cancel"])
def test_who_leaves_a_socket_stops_the_work(slow: House, way: str) -> None:
    """The node's connection is closed within 100 ms, and its one turn is free."""

    def left_s() -> float:
        before = len(slow.tap.on("/v1/audio/speech"))
        with connected(slow.router) as socket:
            ask(socket, text="Hello.")
            wait_until("the node works", lambda: len(slow.tap.on("/v1/audio/speech")) > before and busy())
            left = time.monotonic()
            if way == "cancel":
                socket.send(json.dumps({"type": "cancel"}))
                assert {"type": "cancelled"} == json.loads(socket.recv())
            elif way == "reset":
                socket.socket.shutdown(2)
            else:
                socket.close()
            lost: float = wait_until("it is told", lambda: slow.tap.last("/v1/audio/speech").left_s or 0.0)
        wait_until("its turn is free", lambda: not busy())
        return lost - left

    def busy() -> bool:
        return bool(slow.node.get("/health").json()["queue"]["busy"])

    best_s = min(left_s() for _ in range(3))  # other work on the machine can only add
    note(f"who leaves a WebSocket by {way}: the node is told after {best_s * 1000:.0f} ms")
    assert best_s < CLOSED_WITHIN_S + BUSY_S
    assert NEVER_S > 60


# HLS


def ordered(router: Process, text: str) -> str:
    """The playlist's address."""
    answer = http.post(f"{router.base_url}/v1/audio/speech/hls", json={"input": text, "seed": SEED})
    assert 201 == answer.status_code, answer.text
    return router.base_url + str(answer.json()["url"])


def played(url: str) -> tuple[Sound, float]:
    """As FFmpeg's player follows a growing playlist to its end; and how soon the first sound was there."""
    began, first_s = time.monotonic(), 0.0
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    pcm = bytearray()
    with av.open(url, timeout=60) as container:
        for frame in container.decode(audio=0):
            first_s = first_s or time.monotonic() - began
            for each in resampler.resample(frame):
                pcm += bytes(each.planes[0])[: each.samples * 2]
    return decoded(bytes(pcm), "pcm"), first_s


def test_a_playlist_is_played_to_its_end(house: Process) -> None:
    """By FFmpeg over http: as long, as loud and as bright as the same text as WAV."""
    expected = decoded(plain(house, LONG), "pcm")
    sound, first_s = played(ordered(house, LONG))
    note(f"HLS by FFmpeg, espeak: {sound.duration_s:.1f} s, opened and decoded after {first_s * 1000:.0f} ms")
    assert abs(sound.duration_s - expected.duration_s) < PADDING_S
    assert is_like(beginning(sound), beginning(expected)), (sound, expected)
    assert beginning(sound).is_speech_like


# a node that dies


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Process, Process]]:
    """A router, and the preferred of two nodes, which takes half as long to speak as to listen."""
    with ExitStack() as stack:
        first = stack.enter_context(start_node(tmp_path, "--simulate", "rtf=0.3,first=0.1", name="first"))
        second = stack.enter_context(start_node(tmp_path, name="second"))
        config = f"""\
providers:
  first: {{kind: tts-node, url: "{first.base_url}", tier: 1}}
  second: {{kind: tts-node, url: "{second.base_url}", tier: 2}}
cache: {{enabled: false}}
"""
        router = stack.enter_context(start_router(config, tmp_path))
        for node in (first, second):
            assert http.post(f"{node.base_url}/v1/audio/speech", json={"input": "Warm up."}).status_code == 200
        yield router, first


def test_a_node_that_dies_costs_a_socket_nothing(pair: tuple[Process, Process]) -> None:
    """Nothing is cut, nothing said twice: every byte is what it would have been."""
    router, first = pair
    with connected(router) as socket:
        ask(socket, text=LONG)
        _, begun = chunk(socket)
        first.kill()
        told, rest = hear(socket)
    assert {"first", "second"} == {part["provider"] for part in told[-1]["segments"]}
    assert plain(router, LONG) == begun + rest


def test_a_node_that_dies_costs_a_playlist_nothing(pair: tuple[Process, Process]) -> None:
    """The list goes on, to its end."""
    router, first = pair
    url = ordered(router, LONG)
    assert "seg0.m4s" in http.get(url).text
    first.kill()
    sound, _ = played(url)
    expected = decoded(plain(router, LONG), "pcm")
    assert abs(sound.duration_s - expected.duration_s) < PADDING_S


def test_many_sockets_at_once(house: Process) -> None:
    """Each hears its own text, whole."""

    async def one(number: int) -> bool:
        text = f"This is what number {number} has to say, and nobody else."
        expected = await asyncio.to_thread(plain, house, text)

        def heard() -> bytes:
            with connected(house) as socket:
                ask(socket, text=text)
                return hear(socket)[1]

        return expected == await asyncio.to_thread(heard)

    async def main() -> list[bool]:
        return await asyncio.gather(*(one(number) for number in range(8)))

    assert [True] * 8 == asyncio.run(main())
