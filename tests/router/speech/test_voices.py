"""The voices of the house."""

import pytest

from router.config.settings import VoiceSettings
from router.domain import Segment, Voice
from router.errors import NotFound
from router.speech.voices import OPENAI_VOICES, VoiceBook


class _Reports:
    def __init__(self, **voices: list[str]) -> None:
        self._voices = voices

    def voices_of(self, provider: str) -> tuple[Voice, ...]:
        return tuple(Voice(name, name.title()) for name in self._voices.get(provider, []))


BOOK = VoiceBook(
    {"narrator": VoiceSettings(use={"gpu": "fable", "cpu": "en-gb"}, language="en-GB", gender="male")},
    _Reports(gpu=["fable", "alloy"], cpu=["en-gb"]),
)


@pytest.mark.parametrize(
    ("voice", "provider", "expected"),
    [
        (None, "gpu", True),
        ("narrator", "gpu", True),
        ("narrator", "cpu", True),
        ("narrator", "silent", False),
        ("fable", "gpu", True),
        ("fable", "cpu", False),
        ("anything", "silent", True),
        ("Fable", "gpu", False),
    ],
)
def test_has(voice: str | None, provider: str, expected: bool) -> None:
    """Configured voices where they are mapped; reported ones where they are; who reports none has any."""
    assert expected is BOOK.has(voice, provider)


@pytest.mark.parametrize(
    ("voice", "provider", "theirs"),
    [
        ("narrator", "gpu", "fable"),
        ("narrator", "cpu", "en-gb"),
        ("fable", "gpu", "fable"),
        (None, "gpu", None),
        ("narrator", "x", "narrator"),
    ],
)
def test_translated(voice: str | None, provider: str, theirs: str | None) -> None:
    """The provider gets its own name for the voice, and nothing else changes."""
    segment = Segment("hi", voice, 1.0, None, 7)
    assert Segment("hi", theirs, 1.0, None, 7) == BOOK.translated(segment, provider)


def test_an_unknown_voice_suggests_close_ones() -> None:
    """A 404 that helps."""
    with pytest.raises(NotFound) as caught:
        BOOK.check_known("narator", ["gpu", "cpu"])
    assert ("No voice is called 'narator'. Did you mean narrator?", "voice", "voice_not_found") == (
        caught.value.message,
        caught.value.param,
        caught.value.code,
    )


def test_a_voice_that_one_provider_has_is_known() -> None:
    """Whichever it is."""
    assert None is BOOK.check_known("en-gb", ["gpu", "cpu"])  # type: ignore[func-returns-value]


def test_the_list_has_every_voice_once() -> None:
    """The house's own first."""
    listed = [(entry.voice.id, entry.providers) for entry in BOOK.listed(["gpu", "cpu"])]
    assert [("narrator", ("gpu", "cpu")), ("fable", ("gpu",)), ("alloy", ("gpu",)), ("en-gb", ("cpu",))] == listed


def test_a_voice_of_several_providers_is_one() -> None:
    """With all who have it."""
    book = VoiceBook({}, _Reports(a=["x"], b=["x"]))
    assert [(Voice("x", "X"), ("a", "b"))] == [(entry.voice, entry.providers) for entry in book.listed(["a", "b"])]


def test_openais_voices_are_all_there() -> None:
    """openai-openapi, 2026-08."""
    assert 13 == len(set(OPENAI_VOICES))
