"""Recordings put into the folder by hand become voices."""

import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from recordings import voice
from tts_node.threads import Threads
from tts_node.voices.adoption import Adoption
from tts_node.voices.clip import Demand
from tts_node.voices.clip_process import ClipReader
from tts_node.voices.details import Details
from tts_node.voices.library import Bounds, Library
from tts_node.voices.shelf import Shelf

pytestmark = pytest.mark.anyio


@pytest.fixture
async def threads() -> AsyncIterator[Threads]:
    """For the disk."""
    threads = Threads()
    yield threads
    threads.close()


def adoption(folder: Path, threads: Threads) -> tuple[Adoption, Library]:
    """As the node has them, with the real reader."""
    library = Library(Shelf(folder), ClipReader(), threads, demand=Demand(), bounds=Bounds(), reserved={"alloy"})
    return Adoption(folder, library, threads), library


async def test_a_recording_becomes_a_voice(tmp_path: Path, threads: Threads) -> None:
    """Named like its file, which stays; another look changes nothing."""
    (tmp_path / "anna.wav").write_bytes(voice())
    watch, library = adoption(tmp_path, threads)
    await watch.look()
    anna = library.get("anna")
    assert "anna.wav" == anna.source
    await watch.look()
    assert (anna,) == library.voices
    assert (tmp_path / "anna.wav").exists()


async def test_one_named_like_openais_speaks_for_it(tmp_path: Path, threads: Threads) -> None:
    """`alloy.wav` is what clients hear that ask for alloy."""
    (tmp_path / "alloy.wav").write_bytes(voice())
    watch, library = adoption(tmp_path, threads)
    await watch.look()
    alias = library.find_alias("alloy")
    assert alias
    assert "alloy (recording)" == alias.name


async def test_a_replaced_recording_replaces_the_voice(tmp_path: Path, threads: Threads) -> None:
    """Under the same name, as another content."""
    (tmp_path / "anna.wav").write_bytes(voice(120))
    watch, library = adoption(tmp_path, threads)
    await watch.look()
    before = library.get("anna")
    (tmp_path / "anna.wav").write_bytes(voice(180))
    await watch.look()
    assert before == library.get("anna")  # it may still be growing
    await watch.look()
    assert before.hash != library.get("anna").hash
    assert 1 == len(library.voices)


async def test_a_replacement_keeps_what_is_said_of_the_voice(tmp_path: Path, threads: Threads) -> None:
    """Its name, language, gender and aliases, and that it is the default."""
    (tmp_path / "anna.wav").write_bytes(voice(120))
    watch, library = adoption(tmp_path, threads)
    await watch.look()
    details = Details.of("Berta", "de", "female", ["boss"])
    before = await library.change(library.get("anna"), details)
    await library.set_default(before)
    (tmp_path / "anna.wav").write_bytes(voice(180))
    await watch.look()
    await watch.look()
    (after,) = library.voices
    assert before.hash != after.hash
    assert (details, after) == (Details.of_voice(after), library.default)


async def test_a_replacement_cut_by_a_crash_is_completed(
    tmp_path: Path, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one is there, the older was not deleted yet: the next start does that, under the same name."""
    (tmp_path / "anna.wav").write_bytes(voice(120))
    watch, library = adoption(tmp_path, threads)
    await watch.look()
    older = library.get("anna")
    await library.set_default(older)
    (tmp_path / "anna.wav").write_bytes(voice(180))
    await watch.look()
    with monkeypatch.context() as crash:
        crash.setattr(Library, "_drop", None)
        with pytest.raises(TypeError):
            await watch.look()
    assert 2 == sum(name.startswith("voice_") for name in os.listdir(tmp_path))
    again, library_again = adoption(tmp_path, threads)
    await again.look()
    (after,) = library_again.voices
    assert older.hash != after.hash
    assert ("anna", after) == (after.name, library_again.default)


async def test_an_entry_that_cannot_be_looked_at_is_passed_over(tmp_path: Path, threads: Threads) -> None:
    """A link to itself, say; the others are taken up."""
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    (tmp_path / "anna.wav").write_bytes(voice())
    watch, library = adoption(tmp_path, threads)
    await watch.look()
    assert ["anna"] == [each.name for each in library.voices]


async def test_a_bad_replacement_changes_nothing(tmp_path: Path, threads: Threads) -> None:
    """The voice stays what it was until there is a better one."""
    (tmp_path / "anna.wav").write_bytes(voice())
    watch, library = adoption(tmp_path, threads)
    await watch.look()
    before = library.get("anna")
    (tmp_path / "anna.wav").write_bytes(b"half a")
    await watch.look()
    await watch.look()
    assert (before,) == library.voices


async def test_a_deleted_voice_does_not_come_back(tmp_path: Path, threads: Threads) -> None:
    """Its recording is passed over, at the next start too."""
    (tmp_path / "anna.wav").write_bytes(voice())
    watch, library = adoption(tmp_path, threads)
    await watch.look()
    await library.remove(library.get("anna"))
    await watch.look()
    assert () == library.voices
    again, library_again = adoption(tmp_path, threads)
    await again.look()
    assert () == library_again.voices


async def test_what_will_not_do_is_told_once(
    tmp_path: Path, threads: Threads, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that is no recording, and one whose name is none; the others are taken up."""
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    (tmp_path / "default.wav").write_bytes(voice(200))
    (tmp_path / "notes.txt").write_text("not looked at")
    (tmp_path / "anna.wav").write_bytes(voice())
    watch, library = adoption(tmp_path, threads)
    with caplog.at_level(logging.WARNING):
        await watch.look()
        await watch.look()
    assert ["anna"] == [each.name for each in library.voices]
    assert 1 == caplog.text.count("broken.wav")
    assert 1 == caplog.text.count("default.wav")
    assert "notes.txt" not in caplog.text


async def test_no_folder_is_no_fault(tmp_path: Path, threads: Threads) -> None:
    """It is made when the first voice comes."""
    watch, library = adoption(tmp_path / "none", threads)
    await watch.look()
    assert () == library.voices
    assert not (tmp_path / "none").exists()
