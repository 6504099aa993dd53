"""Many who ask for the same at the same time: spoken once, for as long as one of them is there."""

import asyncio
from typing import Any

import pytest
from houses import Answer, FakeHouse
from narrating import SENTENCES, TEXT, body, cut, nodes, pcm_of, said
from running import run, turns, until
from speaking import fails

from router.errors import ConnectionLost
from router.speech.cache import CachedAudio

COUNT = len(cut(TEXT))


def one_node() -> FakeHouse:
    return nodes(said, cache={"disk_mb": 0})


def heard(house: FakeHouse) -> int:
    return len(house.speech["gpu"].heard)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fields", [{"seed": 7}, {"seed": None}])
def test_a_thousand_who_want_the_same_have_it_spoken_once(fields: dict[str, Any], *, stream: bool) -> None:
    """At once, streamed or whole, with the client's seed or any."""
    text = " ".join(SENTENCES[:2])

    async def main() -> tuple[FakeHouse, list[Answer]]:
        house = one_node()
        house.speech["gpu"].blocks_on = release = asyncio.Event()
        asked = [asyncio.ensure_future(house.say(body(text, stream=stream, **fields))) for _ in range(1000)]
        await until(lambda: bool(heard(house)))
        await turns(100)  # all of them wait for it
        release.set()
        return house, await asyncio.gather(*asked)

    house, answers = run(main())
    assert len(cut(text)) == heard(house)
    assert ({200}, 1) == ({answer.status for answer in answers}, len({answer.body for answer in answers}))


def test_who_looked_while_it_was_being_spoken_does_not_have_it_spoken_again() -> None:
    """The cache is asked within the flight, so that nobody comes between the one and the other."""

    async def main() -> FakeHouse:
        house = one_node()
        get = house.cache.get

        async def slow(key: str) -> CachedAudio | None:
            found = await get(key)
            await asyncio.sleep(0.02 * (len(looks) % 3))
            looks.append(key)
            return found

        looks: list[str] = []
        house.cache.get = slow  # type: ignore[method-assign]
        asked = []
        for _ in range(20):
            asked.append(asyncio.ensure_future(house.say(body(SENTENCES[0], stream=True))))
            await asyncio.sleep(0.005)
        answers = await asyncio.gather(*asked)
        assert [pcm_of(SENTENCES[0])] * 20 == [answer.body for answer in answers]
        return house

    assert 1 == heard(run(main()))


@pytest.mark.parametrize("stream", [True, False])
def test_the_one_who_asked_first_may_leave(*, stream: bool) -> None:
    """The others have their answer all the same."""

    async def main() -> tuple[FakeHouse, list[Answer]]:
        house = one_node()
        house.speech["gpu"].blocks_on = release = asyncio.Event()
        is_leaving = False
        first = asyncio.ensure_future(house.say(body(stream=stream), leaves=lambda _: is_leaving))
        await until(lambda: bool(heard(house)))
        others = [asyncio.ensure_future(house.say(body(stream=stream))) for _ in range(3)]
        await turns(100)  # they wait for the same
        is_leaving = True
        await first
        release.set()
        return house, await asyncio.gather(*others)

    house, answers = run(main())
    assert (COUNT, {"caller_gone", "ok"}) == (heard(house), {record.outcome for record in house.observer.finished})
    assert [pcm_of(TEXT)] * 3 == [answer.body for answer in answers]


@pytest.mark.parametrize("stream", [True, False])
def test_the_last_who_leaves_ends_the_work(*, stream: bool) -> None:
    """Nobody speaks for nobody."""

    async def main() -> FakeHouse:
        house = one_node()
        house.speech["gpu"].blocks_on = asyncio.Event()
        is_leaving = False
        asked = [
            asyncio.ensure_future(house.say(body(stream=stream), leaves=lambda _: is_leaving)) for _ in range(2)
        ]
        await until(lambda: bool(heard(house)))
        is_leaving = True
        await asyncio.gather(*asked)
        await until(lambda: house.speech["gpu"].was_cancelled)
        return house

    assert 1 == heard(run(main()))


@pytest.mark.parametrize("stream", [True, False])
def test_a_fault_reaches_all_who_wait_and_is_not_kept(*, stream: bool) -> None:
    """The next one tries anew."""

    async def main() -> tuple[list[int], int]:
        house = one_node()
        node = house.speech["gpu"]
        node.blocks_on = release = asyncio.Event()
        node.voice = fails(ConnectionLost("reset"))
        asked = [asyncio.ensure_future(house.say(body(stream=stream))) for _ in range(5)]
        await until(lambda: bool(heard(house)))
        await turns(100)  # all of them wait for it
        release.set()
        statuses = [answer.status for answer in await asyncio.gather(*asked)]
        node.voice = said
        for _ in range(2):
            house.report("gpu", "m")
        return statuses, (await house.say(body(stream=stream))).status

    assert ([503] * 5, 200) == run(main())
