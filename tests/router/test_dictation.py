"""A text that somebody is writing, as a script."""

import pytest
from hurried import hurry
from running import run

from router.dictation import Dictation


def _dictation(told: list[bool] | None = None, max_chars: int = 1000) -> Dictation:
    def lost(*, is_too_long: bool) -> None:
        assert told is not None
        told.append(is_too_long)

    return Dictation(None if told is None else lost, language=None, max_chars=max_chars, quick_width=18)


async def _said(dictation: Dictation) -> str:
    return " ".join([passage.text async for passage in dictation.script])


def test_what_is_written_is_said() -> None:
    """All of it, piece by piece, and nothing after its end."""

    async def main() -> tuple[str, bool]:
        dictation = _dictation()
        for piece in ("One sen", "", "tence. And ano", "ther"):
            await dictation.write(piece)
        await dictation.close()
        await dictation.write("More.")
        await dictation.close()
        return await _said(dictation), dictation.is_lost

    assert ("One sentence. And another", False) == run(main())


def test_a_pause_lets_a_sentence_out() -> None:
    """Its writer thinks, and what is there ends a sentence."""

    async def main() -> str:
        dictation = _dictation()
        await dictation.write("The kettle is on.")
        passage = await anext(dictation.script)
        dictation.drop()
        return passage.text

    assert "The kettle is on." == hurry(main())


def test_what_is_dropped_is_not_said() -> None:
    """What had been cut is; the rest is nobody's."""

    async def main() -> tuple[bool, bool]:
        dictation = _dictation()
        await dictation.write("Half a")
        dictation.drop()
        dictation.drop()
        return await dictation.script.has_more(), dictation.is_lost

    assert (False, False) == run(main())


@pytest.mark.parametrize("is_told", [True, False])
def test_more_than_is_spoken(is_told: bool) -> None:
    """What fits is said; whoever writes can know, and whoever wants to is told."""

    async def main() -> tuple[list[bool], bool, str]:
        told: list[bool] = []
        dictation = _dictation(told if is_told else None, max_chars=12)
        await dictation.write("One. Two. ")
        await dictation.write("Three. Four.")
        return told, dictation.is_lost, await _said(dictation)

    assert ([True] if is_told else [], True, "One. Two. Th") == run(main())


def test_a_fault_in_cutting_ends_the_script_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever writes goes on writing."""

    def broken(*_: object) -> list[object]:
        raise ZeroDivisionError

    monkeypatch.setattr("router.dictation.Unfolding.feed", broken)

    async def main() -> tuple[list[bool], bool]:
        told: list[bool] = []
        dictation = _dictation(told)
        await dictation.write("One. ")
        await dictation.write("Two. ")
        return told, dictation.script.is_finished

    assert ([False], True) == run(main())
    assert ["a text could not be cut into segments"] == caplog.messages
