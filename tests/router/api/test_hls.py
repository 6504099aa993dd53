"""Speech by HLS: ordered, made, fetched; around fake nodes."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from entries import DESK, KEYS
from fakes import FakeSpeech, speech_card
from houses import Answer, FakeHouse
from narrating import SEED, TEXT, Script, cut, fault, nodes, pcm_of, said
from running import run, until
from tones import heard, tone

from router.api.hls import HLS_PATH
from router.domain import BYTES_PER_S, Segment, Utterance
from router.errors import ConnectionLost
from router.ports import Header

LONG = " ".join([TEXT] * 10)


def _order(text: str = TEXT, **fields: Any) -> bytes:
    return json.dumps({"input": text, "seed": SEED, **fields}).encode()


@contextlib.asynccontextmanager
async def _closing(house: FakeHouse) -> AsyncIterator[FakeHouse]:
    """Nothing is made any more when the test is over."""
    try:
        yield house
    finally:
        await house.broadcasts.aclose()


async def _ordered(house: FakeHouse, text: str = TEXT, *headers: Header) -> str:
    """Where the broadcast is."""
    answer = await house.ask("POST", HLS_PATH, _order(text), headers)
    assert 201 == answer.status
    url: str = answer.json["url"]
    return url.removesuffix("playlist.m3u8")


def _names(playlist: str) -> list[str]:
    return [line for line in playlist.splitlines() if line.endswith(".m4s")]


async def _fetched(house: FakeHouse, below: str) -> tuple[bytes, list[float]]:
    """As a player does: all of it, segment by segment, and how long each is said to be."""
    assert 200 == (await house.ask("GET", below + "playlist.m3u8")).status  # there is something
    found: list[bytes] = [(await house.ask("GET", below + "init.mp4")).body]
    while True:
        answer = await house.ask("GET", below + "playlist.m3u8", query=f"_HLS_msn={len(found) - 1}")
        assert 200 == answer.status
        text = answer.body.decode()
        found += [(await house.ask("GET", below + name)).body for name in _names(text)[len(found) - 1 :]]
        if "#EXT-X-ENDLIST" in text:
            lengths = [line.removeprefix("#EXTINF:")[:-1] for line in text.splitlines() if "EXTINF" in line]
            return b"".join(found), [float(length) for length in lengths]


def _hummed(segment: Segment) -> Utterance:
    return Utterance(tone(440, len(segment.text) / 40), 0.01, "engine", segment.voice)


@pytest.mark.shows(
    client="av",
    route="POST /v1/audio/speech/hls",
    what="playlist, init and segments: decoded, as long as the text",
)
def test_a_text_is_heard_as_it_would_be_elsewhere() -> None:
    """Ordered, fetched to its end: as long as its PCM."""

    async def main() -> tuple[bytes, list[float]]:
        async with _closing(nodes(_hummed)) as house:
            below = await _ordered(house)
            return await _fetched(house, below)

    audio, lengths = run(main())
    rate, samples = heard(audio)
    expected_s = len(pcm_of(TEXT)) / BYTES_PER_S
    assert samples.shape[1] / rate == pytest.approx(expected_s, abs=0.3)  # noises of another rounding
    assert sum(lengths) == pytest.approx(samples.shape[1] / rate, abs=0.15)
    assert lengths[0] == pytest.approx(0.384)
    assert max(lengths) < 1.5


def test_the_order_is_answered_before_it_is_spoken() -> None:
    """With an address that cannot be guessed, and the id by which it is known."""

    async def main() -> tuple[Answer, Any]:
        house = nodes(said)
        house.speech["gpu"].blocks_on = asyncio.Event()
        async with _closing(house):
            answer = await house.ask("POST", HLS_PATH, _order(), [(b"x-request-id", b"id-1")])
            house.speech["gpu"].blocks_on.set()
            await _fetched(house, answer.json["url"].removesuffix("playlist.m3u8"))
            await until(lambda: len(house.broadcasts) > 0 and house.broadcasts.find(answer.json["id"]).is_over)
            return answer, (await house.ask("GET", f"/v1/audio/speech/{answer.json['request_id']}")).json

    answer, looked_up = run(main())
    assert (201, f"{HLS_PATH}/{answer.json['id']}/playlist.m3u8") == (answer.status, answer.get("location"))
    assert ("id-1.0", "completed") == (looked_up["id"], looked_up["status"])


def test_both_the_order_and_the_speech_are_recorded() -> None:
    """The order ends at once; the speech when it is spoken."""

    async def main() -> list[tuple[str, int, str]]:
        async with _closing(nodes(said)) as house:
            await _fetched(house, await _ordered(house))
            await until(lambda: any(each.endpoint == "speech" for each in house.observer.finished))
        return [(each.endpoint, each.status, each.outcome) for each in house.observer.finished]

    seen = [each for each in run(main()) if each[0] != "other"]
    assert {("speech_hls", 201, "ok"), ("speech", 200, "ok")} == set(seen)


def test_players_need_no_key() -> None:
    """They can send none: who knows the id may listen. Whoever orders needs one."""

    async def main() -> tuple[int, int, int]:
        house = FakeHouse(FakeSpeech(speech_card("gpu"), said), settings=KEYS, has_rest=True)
        house.report("gpu", "m")
        async with _closing(house):
            refused = await house.ask("POST", HLS_PATH, _order())
            below = await _ordered(house, TEXT, DESK)
            playlist = await house.ask("GET", below + "playlist.m3u8")
            guessed = await house.ask("GET", f"{HLS_PATH}/guessed/playlist.m3u8")
        return refused.status, playlist.status, guessed.status

    assert (401, 200, 404) == run(main())


def test_what_browsers_must_be_told() -> None:
    """Types, what may be kept, and whose pages may read it."""
    origin = (b"origin", b"https://chat.example")

    async def main() -> list[Answer]:
        async with _closing(nodes(said, server={"cors_origins": ["https://chat.example"]})) as house:
            below = await _ordered(house)
            await house.ask("GET", below + "playlist.m3u8")
            return [await house.ask("GET", below + name, b"", [origin]) for name in ("playlist.m3u8", "seg0.m4s")]

    playlist, segment = run(main())
    assert (playlist.get("content-type") or "").startswith("application/vnd.apple.mpegurl")
    assert ("no-store", "audio/mp4") == (playlist.get("cache-control"), segment.get("content-type"))
    assert "immutable" in (segment.get("cache-control") or "")
    assert {"https://chat.example"} == {each.get("access-control-allow-origin") for each in (playlist, segment)}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{}", 400, "input_required"),
        (b'{"input":"Hello.","voice":"nobody-has-this"}', 404, "voice_not_found"),
        (b'{"input":"Hello.","model":"nobody-has-this"}', 404, "model_not_found"),
        (json.dumps({"input": "One more sentence to be said. " * 8000}).encode(), 400, "too_long_for_a_broadcast"),
    ],
)
def test_a_mistake_is_told_at_once(body: bytes, status: int, code: str) -> None:
    """Nothing is begun."""

    async def main() -> tuple[Answer, int]:
        house = nodes(said, speech={"max_input_chars": 1_000_000})
        house.report("gpu", "m", voices=["alloy"])
        async with _closing(house):
            return await house.ask("POST", HLS_PATH, body), len(house.broadcasts)

    answer, begun = run(main())
    assert (status, code, 0) == (answer.status, answer.json["error"]["code"], begun)


@pytest.mark.parametrize("query", ["_HLS_msn=x", "_HLS_msn=-1", "_HLS_msn=", "_HLS_msn=99999999999"])
def test_a_number_that_is_none_is_the_players_mistake(query: str) -> None:
    """400, and not a 500."""

    async def main() -> int:
        async with _closing(nodes(said)) as house:
            return (await house.ask("GET", await _ordered(house) + "playlist.m3u8", query=query)).status

    assert 400 == run(main())


def test_nobody_who_can_speak_is_told_with_the_order() -> None:
    """503, as elsewhere."""

    async def main() -> Answer:
        house = nodes(said)
        house.drained.add("gpu")
        house.roster.drain("gpu")
        async with _closing(house):
            return await house.ask("POST", HLS_PATH, _order())

    assert 503 == run(main()).status


@pytest.mark.shows(client="av", route="POST /v1/audio/speech/hls", what="a machine is lost: nothing is missing")
def test_a_machine_that_is_lost_costs_nothing() -> None:
    """Another speaks the segment."""

    async def main() -> tuple[bytes, Any]:
        gpu = Script(on={2: fault(ConnectionLost("gone", had_bytes=True))})
        async with _closing(nodes(gpu, said)) as house:
            audio, _ = await _fetched(house, await _ordered(house))
            await until(lambda: any(each.endpoint == "speech" for each in house.observer.finished))
            (record,) = [each for each in house.observer.finished if each.endpoint == "speech"]
            return audio, record

    audio, record = run(main())
    rate, samples = heard(audio)
    assert samples.shape[1] / rate == pytest.approx(len(pcm_of(TEXT)) / BYTES_PER_S, abs=0.15)
    assert ({"gpu", "cpu"}, "ok") == (set(record.voiced), record.outcome)


def test_what_broke_off_never_ends() -> None:
    """Nobody could go on: 410, and the listener is not told that this was all."""

    async def main() -> tuple[Answer, Answer]:
        gpu = Script(LONG, {n: fault(ConnectionLost("gone")) for n in range(4, 300)})
        house = nodes(gpu, speech={"patience_s": 0.05})
        async with _closing(house):
            below = await _ordered(house, LONG)
            await house.ask("GET", below + "playlist.m3u8")
            broadcast = house.broadcasts.find(below.split("/")[-2])
            broadcast.fail(ConnectionLost("the machine went"))
            return await house.ask("GET", below + "playlist.m3u8"), await house.ask("GET", below + "seg0.m4s")

    playlist, segment = run(main())
    assert (410, "gone", 200) == (playlist.status, playlist.json["error"]["code"], segment.status)


def test_speech_is_made_so_far_ahead_of_the_listener() -> None:
    """And goes on when more is fetched."""

    async def main() -> tuple[int, int]:
        house = nodes(said, speech={"ahead_s": 5})
        async with _closing(house):
            below = await _ordered(house, LONG)
            await house.ask("GET", below + "playlist.m3u8")
            node = house.speech["gpu"]
            at, before = 0, -1
            while at != before:  # until it stands still
                before = len(node.heard)
                await asyncio.sleep(0.2)
                at = len(node.heard)
            await _fetched(house, below)
            return at, len(node.heard)

    ahead, all_of_it = run(main())
    assert 0 < ahead < all_of_it / 2
    assert len(cut(LONG)) >= all_of_it


def test_a_reload_waits_for_what_is_being_made() -> None:
    """The configuration that it was ordered under lives on until it is spoken."""

    async def main() -> bool:
        house, other = nodes(said), nodes(said)
        node = house.speech["gpu"]
        node.blocks_on = asyncio.Event()
        async with _closing(house):
            below = await _ordered(house)
            old, house.entry.rooms = house.entry.rooms, other.entry.rooms
            emptied = asyncio.ensure_future(old.until_empty())
            await asyncio.sleep(0.01)
            was_done = emptied.done()
            node.blocks_on.set()
            await _fetched(house, below)
            await emptied
            return was_done

    assert run(main()) is False


def test_a_text_in_which_nothing_can_be_said_is_a_moment_of_silence() -> None:
    """And no error."""

    async def main() -> bytes:
        async with _closing(nodes(said)) as house:
            return (await _fetched(house, await _ordered(house, "🙂")))[0]

    rate, samples = heard(run(main()))
    assert samples.shape[1] / rate == pytest.approx(0.1, abs=0.1)
