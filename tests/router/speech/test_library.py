"""The library on the router's disk."""

import asyncio
import hashlib
from pathlib import Path

import msgspec
import pytest
from running import run

from router.domain import LibraryVoice
from router.errors import Conflict, NotFound
from router.speech import library as module
from router.speech.library import LibraryFull, VoiceLibrary, content_id


def voice(recording: bytes = b"anna", name: str = "Anna") -> LibraryVoice:
    """A voice with this recording."""
    voice_id, content_hash = content_id(recording)
    return LibraryVoice(id=voice_id, hash=content_hash, name=name, created_at=1, language="de")


def test_an_id_is_made_of_the_content() -> None:
    """As on the nodes: the first 24 hex digits of the SHA-256."""
    content_hash = hashlib.sha256(b"anna").hexdigest()
    assert (f"voice_{content_hash[:24]}", content_hash) == content_id(b"anna")


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    """By id and by name in any case, by the next router too."""
    anna = voice()
    kept = run(VoiceLibrary(tmp_path / "voices").add(anna, b"anna", b"RIFF"))
    again = VoiceLibrary(tmp_path / "voices")
    assert [kept, kept, kept, None] == [again.find(name) for name in (anna.id, "ANNA", " anna ", "bert")]
    assert (b"anna", b"RIFF") == (run(again.recording(anna)), run(again.preview(anna)))
    with pytest.raises(NotFound):
        again.get("bert")


def test_names_and_recordings_are_unique(tmp_path: Path) -> None:
    """The same again is no fault."""
    library = VoiceLibrary(tmp_path)
    anna = run(library.add(voice(), b"anna", b""))
    assert anna == run(library.add(voice(name="ANNA"), b"anna", b""))
    for other in (voice(name="Berta"), voice(b"bert", "anna")):
        with pytest.raises(Conflict):
            run(library.add(other, b"", b""))


def test_two_of_one_name_race(tmp_path: Path) -> None:
    """One is kept, the other is told."""
    library = VoiceLibrary(tmp_path)

    async def both() -> list[object]:
        adding = (library.add(voice(each), each, b"") for each in (b"one", b"two"))
        return list(await asyncio.gather(*adding, return_exceptions=True))

    results = run(both())
    assert 1 == sum(isinstance(result, Conflict) for result in results)
    assert 1 == len(library.voices) == len(list(tmp_path.iterdir()))


def test_removal_leaves_nothing(tmp_path: Path) -> None:
    """And a second removal is a 404."""
    library = VoiceLibrary(tmp_path)
    anna = run(library.add(voice(), b"anna", b""))
    run(library.remove(anna))
    assert ([], ["deleted.json"]) == (library.voices, [each.name for each in tmp_path.iterdir()])
    with pytest.raises(NotFound):
        run(library.remove(anna))
    with pytest.raises(NotFound):
        run(library.recording(anna))


def test_a_deletion_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a restart, until the recording comes again or nobody has it; bounded, the oldest go first."""
    monkeypatch.setattr(module, "MAX_DELETED", 2)
    library = VoiceLibrary(tmp_path, clock=lambda: 7.0)
    kept = [run(library.add(voice(each, each.decode()), each, b"")) for each in (b"one", b"two", b"three")]
    for each in kept:
        run(library.remove(each))
    again = VoiceLibrary(tmp_path)
    assert {kept[1].id: 7, kept[2].id: 7} == again.deleted
    assert [False, True] == [again.is_deleted(each.id.upper()) for each in kept[:2]]
    run(again.add(kept[1], b"two", b""))
    run(again.forget_deleted([kept[2].id]))
    assert {} == again.deleted == VoiceLibrary(tmp_path).deleted
    (tmp_path / "deleted.json").write_text("[")
    assert {} == VoiceLibrary(tmp_path).deleted


def test_a_disk_that_refuses_a_deletion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """507; the voice is still there, and not remembered as deleted."""
    library = VoiceLibrary(tmp_path)
    anna = run(library.add(voice(), b"anna", b""))

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for step in ("_write_deleted", "_remove"):
        with monkeypatch.context() as patched:
            patched.setattr(module, step, refuse)
            with pytest.raises(LibraryFull, match="No space left"):
                run(library.remove(anna))
        assert (anna, {}) == (library.find("anna"), library.deleted)


def test_torn_and_foreign_folders_are_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Told in the log; what a crash left behind is cleared."""
    library = VoiceLibrary(tmp_path)
    whole, torn, odd = (run(library.add(voice(n.encode(), n), n.encode(), b"")) for n in ("whole", "torn", "odd"))
    (tmp_path / torn.id / "original").unlink()
    (tmp_path / odd.id / "voice.json").write_bytes(msgspec.json.encode(whole))
    (tmp_path / ".unfinished-1").mkdir()
    (tmp_path / "holidays").mkdir()
    again = VoiceLibrary(tmp_path)
    assert [whole] == again.voices
    assert torn.id in caplog.text
    assert odd.id in caplog.text
    assert not (tmp_path / ".unfinished-1").exists()
    assert torn == run(again.add(torn, b"torn", b""))


def test_the_library_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """507 beyond."""
    monkeypatch.setattr(module, "MAX_VOICES", 1)
    library = VoiceLibrary(tmp_path)
    run(library.add(voice(), b"anna", b""))
    with pytest.raises(LibraryFull) as caught:
        run(library.add(voice(b"bert", "Bert"), b"bert", b""))
    assert 507 == caught.value.status


def test_a_disk_that_refuses(tmp_path: Path) -> None:
    """507 with the system's word, nothing half."""
    (tmp_path / "voices").write_text("a file where the folder should be")
    library = VoiceLibrary(tmp_path / "voices")
    with pytest.raises(LibraryFull, match="cannot be written"):
        run(library.add(voice(), b"anna", b""))
    assert [] == library.voices
