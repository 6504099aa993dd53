"""Who speaks: the table of casting, engine by engine."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloning import CLONER
from tts_node.engines import ESPEAK, EngineDescriptor
from tts_node.engines.espeak_voices import CATALOGUE
from tts_node.errors import BadRequest, NotFound
from tts_node.threads import Threads
from tts_node.voices.casting import cast
from tts_node.voices.clip import Demand
from tts_node.voices.details import Details
from tts_node.voices.library import Bounds, Library, Upload
from tts_node.voices.recording import Measures, Recording
from tts_node.voices.shelf import Shelf

pytestmark = pytest.mark.anyio
GOOD = Measures(heard_s=8.0, is_cut=False, speech_s=8.0, loudness_lufs=-20.0, clipped_share=0.0, snr_db=40.0)


async def reader(data: bytes) -> Recording:
    """As long as the content's number of bytes says."""
    return Recording(GOOD, bytes(48_000 * len(data)))


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    """Anna (8 s, German, speaks for alloy and boss) and Tim (4 s)."""
    threads = Threads()
    library = Library(Shelf(tmp_path), reader, threads, demand=Demand(), bounds=Bounds())
    await library.add(Upload(b"12345678", Details.of("Anna", "de", "female", ["alloy", "boss"])))
    await library.add(Upload(b"1234", Details.of("Tim")))
    yield library
    threads.close()


def cast_for(wanted: str | None, library: Library | None, engine: EngineDescriptor = CLONER) -> tuple[str, bool]:
    """The voice's name, and whether it is a copied one."""
    part = cast(wanted, None, engine, CATALOGUE, library)
    return part.voice.name, part.clip is not None


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, ("Alloy", False)),
        (" ", ("Alloy", False)),
        ("anna", ("Anna", True)),
        ("alloy", ("Anna", True)),
        ("BOSS", ("Anna", True)),
        ("nova", ("Nova", False)),
    ],
)
async def test_an_engine_that_copies(library: Library, wanted: str | None, expected: tuple[str, bool]) -> None:
    """Names, aliases, then the engine's own."""
    assert expected == cast_for(wanted, library)


async def test_the_default_speaks_where_it_can(library: Library) -> None:
    """Nobody asked for it, so an engine that cannot copy speaks as itself."""
    await library.set_default(library.get("anna"))
    assert ("Anna", True) == cast_for(None, library)
    assert ("Alloy", False) == cast_for(None, library, ESPEAK)
    await library.set_default(library.get("tim"))
    assert ("Alloy", False) == cast_for(None, library)


async def test_an_engine_that_copies_nothing(library: Library) -> None:
    """An alias gives way to its own voice of that name; a voice that was asked for is a 400, never another one."""
    assert ("Alloy", False) == cast_for("alloy", library, ESPEAK)
    for wanted in ("anna", library.get("anna").id, "boss"):
        with pytest.raises(BadRequest, match="engine that copies") as caught:
            cast_for(wanted, library, ESPEAK)
        assert ("voice", "voice_not_supported") == (caught.value.param, caught.value.code)


async def test_a_recording_too_short_for_this_engine(library: Library) -> None:
    """The message says how much more."""
    with pytest.raises(BadRequest, match=r"4\.0 s of speech, and cloner needs 5 s: record at least 6 s") as caught:
        cast_for("tim", library)
    assert ("voice", "clip_too_short") == (caught.value.param, caught.value.code)


async def test_an_unknown_voice_is_missing(library: Library) -> None:
    """With close matches from both; this 404 is what a router pulls a voice by."""
    with pytest.raises(NotFound, match="Close: anna") as caught:
        cast_for("ana", library)
    assert "voice_missing" == caught.value.code
    with pytest.raises(NotFound) as caught:
        cast_for("voice_" + "0" * 24, library)
    assert "voice_missing" == caught.value.code
    with pytest.raises(NotFound):
        cast_for("anna", None)


async def test_a_voice_speaks_its_own_language(library: Library) -> None:
    """Unless another is asked for, or the engine does not know it."""
    assert "de" == cast("anna", None, CLONER, CATALOGUE, library).language
    assert "fr-fr" == cast("anna", "fr", CLONER, CATALOGUE, library).language
    english = replace(CATALOGUE, languages={"en": "en"})
    assert None is cast("anna", None, CLONER, english, library).language
    with pytest.raises(BadRequest):
        cast("anna", "de", CLONER, english, library)
