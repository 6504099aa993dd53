"""What is to be said, as it becomes known."""

import asyncio

from running import run

from router.domain import Passage
from router.script import Script

ONE, TWO, THREE = (Passage(text) for text in ("One.", "Two.", "Three."))


async def _all_of(script: Script) -> list[Passage]:
    return [passage async for passage in script]


def test_a_known_text_is_read_to_its_end() -> None:
    """All at once, and then no more."""
    script = Script.of([ONE, TWO])
    assert script.is_finished
    assert [ONE, TWO] == run(_all_of(script))


def test_a_reader_waits_for_what_is_still_being_written() -> None:
    """It gets each passage as soon as it is there, in order."""

    async def main() -> list[Passage]:
        script = Script()
        reading = asyncio.create_task(_all_of(script))
        for passages in ([ONE, TWO], [], [THREE]):
            await asyncio.sleep(0)
            assert not reading.done()
            script.write(passages)
        script.finish()
        script.finish()
        return await reading

    assert [ONE, TWO, THREE] == run(main())


def test_it_tells_whether_there_will_be_anything() -> None:
    """As soon as that is known, without taking it away."""

    async def main() -> tuple[bool, bool, list[Passage]]:
        empty, script = Script(), Script()
        nothing, something = asyncio.create_task(empty.has_more()), asyncio.create_task(script.has_more())
        await asyncio.sleep(0)
        assert not (nothing.done())
        assert not (something.done())
        empty.finish()
        script.write([ONE])
        script.finish()
        return await nothing, await something, await _all_of(script)

    assert (False, True, [ONE]) == run(main())


def test_how_many_are_all() -> None:
    """Known when nothing more will be written."""
    script = Script([ONE])
    script.write([TWO, THREE])
    assert [False] * 4 == [script.is_all(count) for count in range(4)]
    script.finish()
    assert [False, False, False, True] == [script.is_all(count) for count in range(4)]
