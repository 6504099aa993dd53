"""Voices that come in pages."""

import pytest

from router.domain import Voice
from router.providers.voice_pages import AGAIN_S, EVERY_S, MAX_PAGES, VoicePages


def _voices(*names: str) -> list[Voice]:
    return [Voice(name, name) for name in names]


def test_they_are_told_when_all_are_there() -> None:
    """Half a list would say of the others that they do not exist. The first may speak at once."""
    pages = VoicePages()
    pages.take(_voices("a", "b"), "p2", 0.0)
    assert (None, "p2", Voice("a", "a"), True) == (pages.told, pages.cursor, pages.first, pages.is_due(0.0))
    pages.take(_voices("c"), None, 1.0)
    assert tuple(_voices("a", "b", "c")) == pages.told


def test_they_are_read_again_after_a_while() -> None:
    """What was told stands meanwhile."""
    pages = VoicePages()
    pages.take(_voices("a"), None, 5.0)
    assert (False, True) == (pages.is_due(5.0 + EVERY_S - 1), pages.is_due(5.0 + EVERY_S))
    pages.take(_voices("b"), "p2", 700.0)
    assert tuple(_voices("a")) == pages.told
    pages.take(_voices("c"), None, 701.0)
    assert tuple(_voices("b", "c")) == pages.told


@pytest.mark.parametrize("again", [["a"], []], ids=["the same", "nothing"])
def test_a_page_without_news_is_the_last(again: list[str]) -> None:
    """Some servers give one for ever."""
    pages = VoicePages()
    pages.take(_voices("a"), "p2", 0.0)
    pages.take(_voices(*again), "p2", 0.0)
    assert tuple(_voices("a")) == pages.told


def test_pages_end() -> None:
    """However many there are."""
    pages = VoicePages()
    for number in range(MAX_PAGES):
        assert None is pages.told
        pages.take(_voices(str(number)), f"p{number}", 0.0)
    assert pages.told is not None
    assert MAX_PAGES == len(pages.told)


def test_a_page_that_failed_is_tried_again_soon() -> None:
    """From the first on; what was told stands."""
    pages = VoicePages()
    pages.take(_voices("a"), None, 0.0)
    pages.take(_voices("b"), "p2", EVERY_S)
    pages.fail(EVERY_S)
    assert (None, tuple(_voices("a"))) == (pages.cursor, pages.told)
    assert (False, True) == (pages.is_due(EVERY_S + AGAIN_S - 1), pages.is_due(EVERY_S + AGAIN_S))


def test_a_change_makes_them_due() -> None:
    """Of the key, say. What is half read belongs to the old one."""
    pages = VoicePages()
    pages.take(_voices("a"), None, 0.0)
    pages.renew()
    assert pages.is_due(0.1)
    pages.take(_voices("b"), "p2", 0.1)
    pages.renew()
    assert (None, True) == (pages.cursor, pages.is_due(0.1))
