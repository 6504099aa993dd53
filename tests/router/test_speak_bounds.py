"""A client that does not read, or leaves: what it costs, and that only it is concerned."""

import asyncio

import pytest
from houses import FakeHouse
from narrating import SEED, SENTENCES, TEXT, Script, Slow, body, cut, nodes, pcm_of, said, sound_of
from running import run, until

from router.domain import BYTES_PER_S, Priority

AHEAD_S = 20.0
CHARS = 20_000
LONG = " ".join(f"Sentence {number}: {SENTENCES[number % 6]}" for number in range(300))[:CHARS]


def spoken_s(house: FakeHouse) -> float:
    """Seconds of speech that were generated, without the silences in between."""
    return sum(len(sound_of(segment.text, SEED)) for segment, _, _ in house.speech["gpu"].heard) / BYTES_PER_S


async def _settled(house: FakeHouse) -> None:
    """Until nothing more is generated."""
    before = -1
    while before != len(house.speech["gpu"].heard):
        before = len(house.speech["gpu"].heard)
        await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("allowed", "fields"), [(0, {}), (3, {}), (3, {"response_format": "opus"}), (3, {"stream_format": "sse"})]
)
def test_who_reads_nothing_has_no_more_made_than_the_bound(allowed: int, fields: dict[str, str]) -> None:
    """`ahead_s` and one segment, however long the text; then every word of it, once it is read."""
    longest_s = max(len(sound_of(passage.text)) / BYTES_PER_S + passage.pause_s for passage in cut(LONG))

    async def main() -> None:
        house = nodes(said, speech={"ahead_s": AHEAD_S})
        slow = Slow(allowed)
        is_leaving = False
        asked = asyncio.ensure_future(slow.ask(house, body(LONG, **fields), leaves=lambda _: is_leaving))
        await slow.is_stuck.wait()
        await _settled(house)
        assert 0.8 * AHEAD_S < spoken_s(house) <= AHEAD_S + longest_s
        # Others are served meanwhile, at full speed.
        other = await house.say(body())
        assert pcm_of(TEXT) == other.body
        is_leaving = bool(fields)
        slow.allow(0 if fields else 10_000)
        answer = await asked
        if not fields:
            assert (200, True, pcm_of(LONG)) == (answer.status, answer.is_complete, answer.body)

    run(main())


def test_who_saves_a_file_is_served_behind_who_listens() -> None:
    """Up to the bound as somebody who listens, beyond it last."""

    async def main() -> list[Priority]:
        house = nodes(said, speech={"ahead_s": AHEAD_S})
        await house.say(body(LONG))
        return [segment.priority for segment, _, _ in house.speech["gpu"].heard]

    told = run(main())
    urgent = told.count(Priority.INTERACTIVE)
    assert [Priority.INTERACTIVE] * urgent + [Priority.BATCH] * (len(told) - urgent) == told
    assert 3 < urgent < len(told) / 2


def test_the_listeners_clock_makes_room() -> None:
    """What was heard meanwhile is made anew at the far end, though nothing is read."""

    async def main() -> tuple[float, float]:
        house = nodes(said, speech={"ahead_s": AHEAD_S})
        slow = Slow(4)
        is_leaving = False
        asked = asyncio.ensure_future(slow.ask(house, body(LONG), leaves=lambda _: is_leaving))
        await slow.is_stuck.wait()
        await _settled(house)
        before_s = spoken_s(house)
        house.clock.advance(60.0)  # longer than what it has
        slow.allow(3)
        await until(lambda: spoken_s(house) > before_s)
        await _settled(house)
        is_leaving = True
        await asked
        return before_s, spoken_s(house)

    before_s, after_s = run(main())
    assert before_s < after_s <= before_s + 15.0


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
@pytest.mark.parametrize("response_format", ["pcm", "mp3"])
def test_who_leaves_ends_generation_and_encoding(stream_format: str, response_format: str) -> None:
    """The node is free, no task is left; its lookup says that it was not finished."""

    async def main() -> None:
        gpu = Script()
        house = nodes(gpu)
        node = house.speech["gpu"]

        def hang() -> None:
            node.blocks_on = asyncio.Event()

        gpu.on[2] = hang  # the fourth segment is never spoken
        request = body(stream_format=stream_format, response_format=response_format)
        answer = await house.say(
            request,
            (b"x-request-id", b"id-1"),
            leaves=lambda got: bool(got.chunks) and len(node.heard) > 3,
        )
        assert (200, False, True, 4) == (answer.status, answer.is_complete, node.was_cancelled, len(node.heard))
        assert (0, "caller_gone") == (house.roster.standing("gpu").in_flight, house.observer.finished[0].outcome)
        found = (await house.ask("GET", "/v1/audio/speech/id-1")).json
        assert "failed" == found["status"]
        await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})

    run(main())


def test_who_leaves_while_it_is_stuck_is_noticed() -> None:
    """Also in the middle of a piece that it does not take."""

    async def main() -> None:
        house = nodes(said, speech={"ahead_s": AHEAD_S})
        slow = Slow(2)
        await slow.ask(house, body(LONG), leaves=lambda _: slow.is_stuck.is_set())
        count = len(house.speech["gpu"].heard)
        await asyncio.sleep(0.1)
        assert (count, "caller_gone") == (len(house.speech["gpu"].heard), house.observer.finished[0].outcome)

    run(main())
