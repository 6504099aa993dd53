"""The voices of the house."""

import pytest

from router.config.settings import VoiceSettings
from router.domain import LibraryVoice, Model, Substitution, Voice
from router.errors import NotFound
from router.providers.chattts import PRESETS
from router.speech.substitution import VoiceMatch
from router.speech.voices import HABITUAL_VOICES, OPENAI_VOICES, VoiceBook


class _Reports:
    def __init__(self, **voices: list[str]) -> None:
        self._voices = voices

    def voices_of(self, provider: str) -> tuple[Voice, ...]:
        return tuple(Voice(name, name.title()) for name in self._voices.get(provider, []))

    def models_of(self, provider: str) -> dict[str, Model]:
        """The gpu's first engine copies voices, its second does not."""
        return {"turbo": Model("turbo", clones=True), "espeak": Model("espeak")} if provider == "gpu" else {}


BOOK = VoiceBook(
    {
        "narrator": VoiceSettings(use={"gpu": "fable", "cpu": "en-gb"}, language="en-GB", gender="male"),
        "strict": VoiceSettings(use={"gpu": "alloy"}, substitution=Substitution.NONE),
    },
    _Reports(gpu=["fable", "alloy"], cpu=["en-gb"]),
)


@pytest.mark.parametrize(
    ("voice", "provider", "expected", "theirs"),
    [
        ("narrator", "gpu", VoiceMatch.MAPPED, "fable"),
        ("narrator", "cpu", VoiceMatch.MAPPED, "en-gb"),
        ("narrator", "silent", VoiceMatch.MISSING, None),
        ("fable", "gpu", VoiceMatch.SAME, "fable"),
        ("fable", "cpu", VoiceMatch.MISSING, None),
        ("anything", "silent", VoiceMatch.SAME, "anything"),
        ("Fable", "gpu", VoiceMatch.MISSING, None),
        ("nova", "gpu", VoiceMatch.MISSING, None),
        ("nova", "silent", VoiceMatch.SAME, "nova"),
    ],
)
def test_how_a_provider_knows_a_voice(voice: str, provider: str, expected: VoiceMatch, theirs: str | None) -> None:
    """Configured voices where they are mapped; reported ones where they are; who reports none has any. Without
    the voice a provider speaks with its default."""
    assert (expected, theirs) == (BOOK.match(voice, provider, ""), BOOK.name_at(voice, provider, ""))


def test_a_configured_voice_hides_a_reported_one_of_its_name() -> None:
    """The house's word counts: where it is not mapped it is missing."""
    book = VoiceBook({"fable": VoiceSettings(use={"cpu": "en"})}, _Reports(gpu=["fable"], cpu=["en"]))
    assert (VoiceMatch.MISSING, VoiceMatch.MAPPED, "en") == (
        book.match("fable", "gpu", ""),
        book.match("fable", "cpu", ""),
        book.name_at("fable", "cpu", ""),
    )


@pytest.mark.parametrize(
    ("voice", "expected"), [("strict", Substitution.NONE), ("narrator", None), ("fable", None), ("nobody", None)]
)
def test_a_voice_may_have_its_own_policy(voice: str, expected: Substitution | None) -> None:
    """Where the configuration says so."""
    assert expected is BOOK.policy(voice)


def test_an_unknown_voice_suggests_close_ones() -> None:
    """A 404 that helps."""
    with pytest.raises(NotFound) as caught:
        BOOK.check_known("narator", ["gpu", "cpu"])
    assert ("No voice is called 'narator'. Did you mean narrator?", "voice", "voice_not_found") == (
        caught.value.message,
        caught.value.param,
        caught.value.code,
    )


@pytest.mark.parametrize("voice", ["en-gb", "fable", "narrator", "strict", *sorted(HABITUAL_VOICES)])
def test_a_voice_that_somebody_has_is_known(voice: str) -> None:
    """Whoever it is; OpenAI's and a few others are asked for by habit and are known to nobody or all."""
    assert None is BOOK.check_known(voice, ["gpu", "cpu"])  # type: ignore[func-returns-value]


def test_the_list_has_every_voice_once() -> None:
    """The house's own first."""
    listed = [(entry.voice.id, entry.providers) for entry in BOOK.listed(["gpu", "cpu"])]
    assert [
        ("narrator", ("gpu", "cpu")),
        ("strict", ("gpu",)),
        ("fable", ("gpu",)),
        ("alloy", ("gpu",)),
        ("en-gb", ("cpu",)),
    ] == listed


def test_a_voice_of_several_providers_is_one() -> None:
    """With all who have it."""
    book = VoiceBook({}, _Reports(a=["x"], b=["x"]))
    assert [(Voice("x", "X"), ("a", "b"))] == [(entry.voice, entry.providers) for entry in book.listed(["a", "b"])]


def test_openais_voices_are_all_there() -> None:
    """openai-openapi, 2026-08."""
    assert 13 == len(set(OPENAI_VOICES))


def test_the_documents_voices_are_all_there() -> None:
    """ChatTTS' eight (document 003), and document 002's first."""
    assert {*PRESETS, "voice_1", *OPENAI_VOICES} == HABITUAL_VOICES


ANNA = LibraryVoice(id="voice_" + "a" * 24, hash="a" * 64, name="Anna", created_at=1, language="de")


GONE = "voice_" + "b" * 24


class _Library:
    voices = (ANNA,)

    def find(self, wanted: str) -> LibraryVoice | None:
        return ANNA if wanted.lower() in {ANNA.id, "anna"} else None

    def is_deleted(self, wanted: str) -> bool:
        return wanted.lower() == GONE


LIBRARY_BOOK = VoiceBook({}, _Reports(gpu=["fable", ANNA.id], cpu=["en-gb"]), _Library())


@pytest.mark.parametrize(
    ("provider", "model", "expected", "theirs"),
    [
        ("gpu", "turbo", VoiceMatch.SAME, ANNA.id),
        ("gpu", "espeak", VoiceMatch.MISSING, None),
        ("gpu", "unheard", VoiceMatch.MISSING, None),
        ("cpu", "espeak", VoiceMatch.MISSING, None),
        ("silent", "turbo", VoiceMatch.MISSING, None),
    ],
)
def test_a_library_voice_is_wherever_an_engine_copies(
    provider: str, model: str, expected: VoiceMatch, theirs: str | None
) -> None:
    """By id and by name, whether the node has its copy yet or not; under its id."""
    for wanted in (ANNA.id, "anna"):
        assert expected == LIBRARY_BOOK.match(wanted, provider, model)
        assert theirs == LIBRARY_BOOK.name_at(wanted, provider, model)
        LIBRARY_BOOK.check_known(wanted, ["cpu"])


def test_library_voices_are_listed_first_and_once() -> None:
    """With the nodes that report a copy."""
    first, *others = LIBRARY_BOOK.listed(["gpu", "cpu"])
    assert (Voice(ANNA.id, "Anna", "de"), ("gpu",), ANNA) == (first.voice, first.providers, first.library)
    assert ["fable", "en-gb"] == [entry.voice.id for entry in others]


def test_a_deleted_voice_is_nowhere() -> None:
    """Whatever a node that was off still has; also for a provider that reports none."""
    book = VoiceBook({}, _Reports(gpu=[GONE, "fable"]), _Library())
    assert [ANNA.id, "fable"] == [entry.voice.id for entry in book.listed(["gpu"])]
    for wanted in (GONE, GONE.upper()):
        assert VoiceMatch.MISSING == book.match(wanted, "gpu", "turbo") == book.match(wanted, "silent", "turbo")
        with pytest.raises(NotFound):
            book.check_known(wanted, ["gpu", "silent"])
