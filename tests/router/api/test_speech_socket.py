"""Speech over a WebSocket: a real client at the real server, around fake nodes."""

import asyncio
import contextlib
import json
from typing import Any

import pytest
from fakes import FakeSpeech
from houses import FakeHouse
from narrating import SEED, SENTENCES, TEXT, Script, cut, fault, nodes, pcm_of, said
from running import LOOPS, run, until
from socketed import Heard, at_house, hear, lengths_ms, say, told
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from router.domain import Utterance
from router.errors import ConnectionLost
from router.speech.cleaning import speakable


@pytest.fixture(params=list(LOOPS))
def loop(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def _node(house: FakeHouse, name: str = "gpu") -> FakeSpeech:
    return house.speech[name]


async def _closed(socket: ClientConnection) -> tuple[int | None, str]:
    """How the server ended it, once it has."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await socket.recv()
    return socket.close_code, socket.close_reason or ""


def _asked(**message: Any) -> Heard:
    """What one utterance of a fresh connection is."""

    async def main() -> Heard:
        async with at_house(nodes(said)) as (socket, _):
            await say(socket, **message)
            return await hear(socket)

    return run(main())


def test_a_text_is_heard_chunk_by_chunk(loop: str) -> None:
    """All of it, in order, nothing twice; what is told of each chunk is so."""

    async def main() -> Heard:
        async with at_house(nodes(said)) as (socket, _):
            await say(socket, text=TEXT, seed=SEED)
            return await hear(socket)

    heard = run(main(), loop)
    assert pcm_of(TEXT) == heard.audio
    assert list(range(len(heard.told))) == [each["chunk_index"] for each in heard.told]
    assert {24_000} == {each["sample_rate"] for each in heard.told}
    assert [len(chunk) / 48 for chunk in heard.chunks] == pytest.approx(lengths_ms(heard), abs=0.001)
    assert [True] == [each["is_final"] for each in heard.told if each["is_final"]]
    assert heard.told[0]["duration_ms"] <= 1000 >= 0
    assert all(length <= 3000 for length in lengths_ms(heard))
    assert heard.last["audio_duration"] == pytest.approx(sum(lengths_ms(heard)) / 1000, abs=0.01)
    assert len(cut(TEXT)) == len(heard.last["segments"])


def test_the_sizes_of_chunks_can_be_chosen() -> None:
    """As StreamConfig has it."""
    heard = _asked(text=TEXT, first_chunk_tokens=5, subsequent_chunk_tokens=10, seed=SEED)
    assert (200, True) == (heard.told[0]["duration_ms"], all(length <= 400 for length in lengths_ms(heard)))
    aligned = _asked(text=TEXT, strategy="sentence_aligned", seed=SEED)
    assert (len(cut(TEXT)), pcm_of(TEXT)) == (len(aligned.chunks), aligned.audio)


@pytest.mark.parametrize("audio_format", ["wav", "mp3", "opus", "aac", "flac"])
def test_other_formats_are_whole_files(audio_format: str) -> None:
    """Each utterance is one."""
    beginnings = {"wav": b"RIFF", "opus": b"OggS", "flac": b"fLaC", "mp3": b"\xff", "aac": b"\xff"}
    heard = _asked(text=TEXT, format=audio_format)
    assert heard.audio.startswith(beginnings[audio_format])
    assert heard.last["is_final"]


def test_several_utterances_follow_one_another(loop: str) -> None:
    """In the order in which they were asked for, though they were asked for at once."""

    async def main() -> list[Heard]:
        async with at_house(nodes(said)) as (socket, _):
            for sentence in SENTENCES[:3]:
                await say(socket, text=sentence, seed=SEED)
            return [await hear(socket) for _ in range(3)]

    heard = run(main(), loop)
    assert [pcm_of(sentence) for sentence in SENTENCES[:3]] == [each.audio for each in heard]
    assert [0, 1, 2] == [each.told[0]["utterance"] for each in heard]
    assert {0} == {each.told[0]["chunk_index"] for each in heard}


def test_a_text_in_which_nothing_can_be_said_is_a_moment_of_silence() -> None:
    """Voice agents send what a model wrote, emoji and all."""
    heard = _asked(text="🙂")
    assert ([100.0], True, bytes(4800)) == (lengths_ms(heard), heard.last["is_final"], heard.audio)


def test_a_text_may_come_piece_by_piece(loop: str) -> None:
    """It is spoken while it is written, whatever it is cut into; the end is told on a chunk."""

    async def main() -> tuple[Heard, str]:
        house = nodes(said)
        async with at_house(house) as (socket, _):
            await say(socket, type="text", text="", seed=SEED, language="en")
            for at in range(0, len(TEXT) // 2, 7):
                await say(socket, type="text", text=TEXT[at : min(at + 7, len(TEXT) // 2)])
            heard = Heard()
            heard.told.append(await told(socket))  # before the text's end
            chunk = await socket.recv()
            assert isinstance(chunk, bytes)
            heard.chunks.append(chunk)
            await say(socket, type="text", text=TEXT[len(TEXT) // 2 :])
            await say(socket, type="end")
            await hear(socket, heard)
            return heard, " ".join(segment.text for segment, _, _ in _node(house).heard)

    heard, spoken = run(main(), loop)
    assert speakable(TEXT).split() == spoken.split()
    assert (True, 1) == (heard.last["is_final"], sum(each["is_final"] for each in heard.told))


def test_a_written_text_that_ends_late_ends_with_an_empty_chunk() -> None:
    """The sound has gone when nobody knew yet that it was the last."""

    async def main() -> tuple[Heard, int]:
        house = nodes(said)
        async with at_house(house) as (socket, _):
            await say(socket, type="text", text="Good evening to all of you. ")
            heard = Heard([await told(socket)])
            chunk = await socket.recv()
            assert isinstance(chunk, bytes)
            heard.chunks.append(chunk)
            sounds = len(heard.chunks)
            await say(socket, type="end")
            await hear(socket, heard)
            return heard, sounds

    heard, _ = run(main())
    assert (b"", 0.0, True) == (heard.chunks[-1], heard.last["duration_ms"], heard.last["is_final"])
    assert heard.last["audio_duration"] > 0.1


def test_nothing_written_is_a_moment_of_silence() -> None:
    """And the connection goes on."""

    async def main() -> tuple[list[float], bytes]:
        async with at_house(nodes(said)) as (socket, _):
            await say(socket, type="text", text="")
            await say(socket, type="end")
            silence = await hear(socket)
            await say(socket, text=SENTENCES[0], seed=SEED)
            return lengths_ms(silence), (await hear(socket)).audio  # type: ignore[return-value]

    assert ([100.0], pcm_of(SENTENCES[0])) == run(main())


def test_an_end_without_a_text_means_nothing() -> None:
    """It may have crossed with a cancel."""

    async def main() -> bytes:
        async with at_house(nodes(said)) as (socket, _):
            await say(socket, type="end")
            await say(socket, text=SENTENCES[0], seed=SEED)
            return (await hear(socket)).audio

    assert pcm_of(SENTENCES[0]) == run(main())


def test_cancel_ends_what_was_asked_for_and_nothing_else(loop: str) -> None:
    """What is spoken and what waits; the upstream is told; what comes afterwards is spoken."""

    async def main() -> tuple[dict[str, Any], bool, Heard]:
        house = nodes(said)
        node = _node(house)
        node.blocks_on = asyncio.Event()
        async with at_house(house) as (socket, _):
            await say(socket, text=TEXT, seed=SEED)
            await say(socket, text="Never said.", seed=SEED)
            await say(socket, type="text", text="Nor is this. Not ever. ")
            await until(lambda: bool(node.heard))
            await say(socket, type="cancel")
            answer = await told(socket)
            was_cancelled, node.blocks_on = node.was_cancelled, None
            await say(socket, text=SENTENCES[0], seed=SEED)
            return answer, was_cancelled, await hear(socket)

    answer, was_cancelled, heard = run(main(), loop)
    assert ({"type": "cancelled"}, True) == (answer, was_cancelled)
    assert pcm_of(SENTENCES[0]) == heard.audio


@pytest.mark.parametrize("by_reset", [False, True])
def test_a_client_that_leaves_stops_everything(loop: str, *, by_reset: bool) -> None:
    """At once, the upstream too, however it leaves, and with more of its messages unread."""

    async def main() -> tuple[float, list[str]]:
        house = nodes(said)
        node = _node(house)
        node.blocks_on = asyncio.Event()
        async with at_house(house) as (socket, _):
            await say(socket, text=TEXT)
            await say(socket, text=TEXT)
            await until(lambda: bool(node.heard))
            left = asyncio.get_running_loop().time()
            if by_reset:
                socket.transport.abort()
            else:
                await socket.close()
            await until(lambda: node.was_cancelled)
            took_s = asyncio.get_running_loop().time() - left
            await until(lambda: len(house.observer.finished) == 2)
            return took_s, [f"{record.endpoint} {record.outcome}" for record in house.observer.finished]

    took_s, outcomes = run(main(), loop)
    assert {"speech caller_gone", "speech_socket ok"} == set(outcomes)
    assert took_s < 1.0  # the contract's 100 ms are held to in tests/e2e


def test_a_machine_that_is_lost_costs_nothing() -> None:
    """Another speaks the segment; nothing is cut, repeated or missing."""

    async def main() -> Heard:
        gpu = Script(on={2: fault(ConnectionLost("gone", had_bytes=True))})
        async with at_house(nodes(gpu, said)) as (socket, _):
            await say(socket, text=TEXT, seed=SEED)
            return await hear(socket)

    heard = run(main())
    assert pcm_of(TEXT) == heard.audio
    assert {"gpu", "cpu"} == {part["provider"] for part in heard.last["segments"]}


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        ('{"text":"Hello.","voice":"nobody-has-this"}', 1008, "voice_not_found"),
        ('{"text":"Hello.","model":"nobody-has-this"}', 1008, "model_not_found"),
        ('{"text":"Hello.","overlap_tokens":9}', 1008, "out_of_range"),
        ('{"text":""}', 1008, "text_empty"),
        ('{"type":"sing"}', 1008, "unknown_type"),
        ("no json", 1008, "invalid_json"),
        (b"\0\1", 1008, "invalid_json"),
        ('{"type":"text","text":7}', 1008, "wrong_type"),
    ],
)
def test_a_mistake_is_told_and_ends_the_connection(message: str | bytes, status: int, code: str) -> None:
    """In OpenAI's fields, then with the code for it."""

    async def main() -> tuple[dict[str, Any], tuple[int | None, str]]:
        house = nodes(said)
        house.report("gpu", "m", voices=["alloy"])
        async with at_house(house) as (socket, _):
            await socket.send(message)
            return await told(socket), await _closed(socket)

    error, closed = run(main())
    assert ("error", code, status) == (error["type"], error["error"]["code"], closed[0])
    assert {"message", "type", "param", "code"} == set(error["error"])


def test_how_a_text_is_spoken_is_said_with_its_first_piece() -> None:
    """Later nobody could obey."""

    async def main() -> dict[str, Any]:
        async with at_house(nodes(said)) as (socket, _):
            await say(socket, type="text", text="Good ")
            await say(socket, type="text", text="evening", voice="fable")
            return await told(socket)

    assert ("too_late", "voice") == (lambda e: (e["code"], e["param"]))(run(main())["error"])


def test_nobody_who_can_speak_is_told_to_come_again() -> None:
    """1013, as a 503 elsewhere."""

    async def main() -> tuple[dict[str, Any], int | None]:
        house = nodes(Script(TEXT, {n: fault(ConnectionLost("gone")) for n in range(9)}))
        async with at_house(house) as (socket, _):
            await say(socket, text=TEXT)
            return await told(socket), (await _closed(socket))[0]

    error, code = run(main())
    assert ("no_provider_available", 1013) == (error["error"]["code"], code)


def test_a_fault_of_the_routers_own_is_1011(caplog: pytest.LogCaptureFixture) -> None:
    """And the log tells more than the client hears."""

    def bug(_: Any) -> Utterance:
        raise ZeroDivisionError("a secret of the house")

    async def main() -> tuple[dict[str, Any], int | None]:
        async with at_house(nodes(bug)) as (socket, _):
            await say(socket, text="Hello.")
            return await told(socket), (await _closed(socket))[0]

    error, code = run(main())
    assert ("internal_error", 1011) == (error["error"]["code"], code)
    assert "secret" not in json.dumps(error)
    assert "ZeroDivisionError" in caplog.text


def test_each_utterance_is_a_request_of_its_own() -> None:
    """In metrics and log, and by its id."""

    async def main() -> tuple[list[tuple[str, str, int, str]], Any, dict[str, Any]]:
        house = nodes(said)
        async with at_house(house, additional_headers={"X-Request-Id": "call-7"}) as (socket, _):
            assert socket.response is not None
            assert "call-7" == socket.response.headers["X-Request-Id"]
            await say(socket, text=TEXT, seed=SEED)
            last = (await hear(socket)).last
            looked_up = (await house.ask("GET", f"/v1/audio/speech/{last['request_id']}")).json
        seen = [(each.endpoint, each.request_id, each.status, each.outcome) for each in house.observer.finished]
        return [each for each in seen if each[0] != "other"], looked_up, last

    seen, looked_up, last = run(main())
    assert [("speech", "call-7.0", 200, "ok"), ("speech_socket", "call-7", 101, "ok")] == seen
    assert ("completed", last["audio_duration"]) == (looked_up["status"], looked_up["audio_duration"])
