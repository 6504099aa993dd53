"""The voices copied from recordings: kept whole or not at all, found by many names, bounded."""

import asyncio
import hashlib
import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from recordings import voice
from tts_node.errors import BadRequest, Conflict, NotFound, StorageFailed
from tts_node.threads import Threads
from tts_node.voices.clip import Demand
from tts_node.voices.clip_process import ClipReader
from tts_node.voices.details import Details
from tts_node.voices.library import Bounds, Library, Upload
from tts_node.voices.prints import keep_newest, print_name
from tts_node.voices.recording import Measures, Recording
from tts_node.voices.shelf import MAX_FORGOTTEN, Extras, Shelf, id_of

pytestmark = pytest.mark.anyio
GOOD = Measures(heard_s=8.0, is_cut=False, speech_s=8.0, loudness_lufs=-20.0, clipped_share=0.0, snr_db=40.0)


async def fast_reader(data: bytes) -> Recording:
    """Takes every recording for a good one; reading is tested elsewhere."""
    await asyncio.sleep(0)
    return Recording(GOOD, data.ljust(16, b"\0")[:16])


@pytest.fixture
async def threads() -> AsyncIterator[Threads]:
    """For the disk."""
    threads = Threads()
    yield threads
    threads.close()


def open_library(folder: Path, threads: Threads, *, bounds: Bounds = Bounds(), **more: object) -> Library:  # noqa: B008
    """As the node opens it."""
    given: dict[str, object] = {"reserved": frozenset({"alloy", "nova"})} | more
    return Library(Shelf(folder), fast_reader, threads, demand=Demand(), bounds=bounds, **given)  # type: ignore[arg-type]


def upload(data: bytes = b"anna", name: str = "Anna", **more: object) -> Upload:
    """A recording with a name."""
    return Upload(data, Details.of(name, **more))


async def test_a_voice_is_its_content(tmp_path: Path, threads: Threads) -> None:
    """The id and the hash say what was uploaded, and nothing else."""
    library = open_library(tmp_path, threads)
    kept = await library.add(upload(language="de", gender="Female"))
    content_hash = hashlib.sha256(b"anna").hexdigest()
    assert (f"voice_{content_hash[:24]}", content_hash) == (kept.id, kept.hash)
    assert ("Anna", "de", "female") == (kept.name, kept.language, kept.gender)
    assert b"anna" == await library.read_original(kept)
    assert (content_hash, str(tmp_path / kept.id / "clip.wav")) == (
        library.clip(kept).hash,
        library.clip(kept).path,
    )


async def test_it_is_found_by_many_names(tmp_path: Path, threads: Threads) -> None:
    """By id and name in any case, by alias apart, and by nothing else."""
    library = open_library(tmp_path, threads)
    kept = await library.add(upload(aliases=["Alloy"]))
    assert [kept, kept, kept, None] == [library.find(each) for each in (kept.id, " ANNA ", "anna", "alloy")]
    assert kept == library.find_alias("ALLOY")
    with pytest.raises(NotFound, match="Close: anna") as caught:
        library.get("ana")
    assert ("voice", "voice_missing") == (caught.value.param, caught.value.code)


async def test_another_start_finds_everything(tmp_path: Path, threads: Threads) -> None:
    """Voices, details, the default; and the revision is the same."""
    first = open_library(tmp_path, threads)
    kept = await first.add(upload(aliases=["alloy"], language="pt-BR"))
    await first.set_default(kept)
    second = open_library(tmp_path, threads)
    assert (first.voices, first.default, first.revision) == (second.voices, second.default, second.revision)


async def test_the_revision_changes_with_any_change(tmp_path: Path, threads: Threads) -> None:
    """So that whoever copied the list knows when to ask again; and the node is told."""
    told: list[None] = []
    library = open_library(tmp_path, threads, on_change=lambda: told.append(None))
    seen = [library.revision]
    kept = await library.add(upload())
    seen.append(library.revision)
    kept = await library.change(kept, Details.of("Berta"))
    seen.append(library.revision)
    await library.set_default(kept)
    seen.append(library.revision)
    await library.remove(kept)
    assert 4 == len(set(seen))
    assert seen[0] == library.revision
    assert 4 == len(told)


async def test_the_same_recording_twice_is_one_voice(tmp_path: Path, threads: Threads) -> None:
    """Under its name it is no fault, under another it is a conflict that says which it is."""
    library = open_library(tmp_path, threads)
    kept = await library.add(upload())
    assert kept == await library.add(upload(name="anna"))
    with pytest.raises(Conflict, match=kept.id) as caught:
        await library.add(upload(name="Berta"))
    assert "voice_exists" == caught.value.code


async def test_names_are_unique(tmp_path: Path, threads: Threads) -> None:
    """Among voices, aliases and the engines' own voices, in any case."""
    library = open_library(tmp_path, threads)
    kept = await library.add(upload(aliases=["boss"]))
    for name in ("ANNA", "Boss", "Alloy"):
        with pytest.raises(Conflict) as caught:
            await library.add(upload(b"other", name))
        assert "name_taken" == caught.value.code
    with pytest.raises(Conflict):
        await library.add(upload(b"other", "Berta", aliases=["anna"]))
    assert "Anna" == (await library.change(kept, Details.of("Anna", aliases=["boss"]))).name


async def test_two_uploads_of_one_name_race(tmp_path: Path, threads: Threads) -> None:
    """One is kept, the other is told; the disk agrees."""
    library = open_library(tmp_path, threads)
    results = await asyncio.gather(*(library.add(upload(bytes([n]))) for n in range(5)), return_exceptions=True)
    assert 1 == sum(not isinstance(result, Conflict) for result in results)
    assert 1 == len(library.voices) == len(os.listdir(tmp_path))


async def test_two_uploads_of_one_recording_race(tmp_path: Path, threads: Threads) -> None:
    """Both get the one voice."""
    library = open_library(tmp_path, threads)
    one, two = await asyncio.gather(library.add(upload()), library.add(upload()))
    assert one == two
    assert (one,) == library.voices


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "a" * 65,
        "../../etc/passwd",
        "a/b",
        "a\\b",
        "a\0b",
        "a\nb",
        "default",
        "voice_" + "0" * 24,
        None,
        7,
    ],
)
async def test_names_that_are_none(name: object) -> None:
    """Nothing that could be a path, an id or a riddle."""
    with pytest.raises(BadRequest) as caught:
        Details.of(name)
    assert ("name", "invalid_name") == (caught.value.param, caught.value.code)


@pytest.mark.parametrize(("field", "value"), [("language", "deutsch!"), ("gender", "loud"), ("aliases", "alloy")])
async def test_details_that_are_none(field: str, value: object) -> None:
    """The field is named."""
    with pytest.raises(BadRequest) as caught:
        Details.of("Anna", **{field: value})
    assert field == caught.value.param


async def test_names_are_not_paths(tmp_path: Path, threads: Threads) -> None:
    """Whatever a voice is called, its folder is called by its content."""
    library = open_library(tmp_path / "voices", threads)
    kept = await library.add(upload(name=".. %2e%2e ~root 名前"))
    assert [kept.id] == os.listdir(tmp_path / "voices")
    assert ["voices"] == os.listdir(tmp_path)


async def test_removal_leaves_nothing(tmp_path: Path, threads: Threads) -> None:
    """No files, no names; the default falls back; the recording may come again."""
    library = open_library(tmp_path, threads)
    kept = await library.add(upload())
    await library.set_default(kept)
    await library.remove(kept)
    assert (None, None) == (library.find("anna"), library.default)
    assert ["library.json"] == os.listdir(tmp_path)
    assert kept.id == (await library.add(upload())).id


async def test_a_copy_has_the_ids_content(tmp_path: Path, threads: Threads) -> None:
    """Another library's voice is taken under its id, twice without harm, and refused when it is another one."""
    library = open_library(tmp_path, threads)
    voice_id = id_of(hashlib.sha256(b"anna").hexdigest())
    kept, is_new = await library.replicate(voice_id, replace(upload(), created_at=1234))
    again, is_new_again = await library.replicate(voice_id, replace(upload(name="Berta"), created_at=1234))
    assert (True, False) == (is_new, is_new_again)
    assert (1234, "Anna", "Berta") == (kept.created_at, kept.name, again.name)
    with pytest.raises(BadRequest) as caught:
        await library.replicate("voice_" + "0" * 24, upload())
    assert "hash_mismatch" == caught.value.code


async def test_a_copys_name_gives_way(tmp_path: Path, threads: Threads) -> None:
    """Failing over must not fail on a name that is taken here."""
    library = open_library(tmp_path, threads)
    await library.add(upload(b"mine", aliases=["boss"]))
    voice_id = id_of(hashlib.sha256(b"anna").hexdigest())
    kept, _ = await library.replicate(voice_id, upload(aliases=["boss", "chief"]))
    assert f"Anna ({voice_id[6:12]})" == kept.name
    assert ("chief",) == kept.aliases


async def test_a_copys_other_name_is_free_too(tmp_path: Path, threads: Threads) -> None:
    """Somebody may have the name with the suffix as well."""
    library = open_library(tmp_path, threads)
    voice_id = id_of(hashlib.sha256(b"anna").hexdigest())
    await library.add(upload(b"mine", aliases=[f"Anna ({voice_id[6:12]})"]))
    kept, _ = await library.replicate(voice_id, upload())
    assert f"Anna ({voice_id[6:12]} 2)" == kept.name


async def test_a_voice_goes_with_its_prints(tmp_path: Path, threads: Threads) -> None:
    """What engines took from its recording, of every model; others' stay."""
    library = open_library(tmp_path / "voices", threads, cache=tmp_path / "cache")
    kept, other = await library.add(upload()), await library.add(upload(b"bert", "Bert"))
    for model in ("turbo", "nano"):
        (tmp_path / "cache" / model).mkdir(parents=True)
        for each in (kept, other):
            (tmp_path / "cache" / model / print_name(each.hash, "0.conds")).write_bytes(b"print")
    await library.remove(kept)
    left = [name for model in ("turbo", "nano") for name in os.listdir(tmp_path / "cache" / model)]
    assert [print_name(other.hash, "0.conds")] * 2 == left


async def test_prints_are_bounded(tmp_path: Path) -> None:
    """The oldest go; other files stay."""
    for age, name in enumerate(("a.conds", "b.conds", "c.conds", "d.json")):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    keep_newest(tmp_path, "*.conds", 2)
    assert ["a.conds", "b.conds", "d.json"] == sorted(os.listdir(tmp_path))


async def test_many_forgotten_recordings_are_remembered(tmp_path: Path, threads: Threads) -> None:
    """Over a restart, with the default: the file may be long."""
    library = open_library(tmp_path, threads)
    await library.set_default(kept := await library.add(upload()))
    hashes = tuple(hashlib.sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(MAX_FORGOTTEN))
    Shelf(tmp_path).write_extras(Extras(kept.id, hashes))
    again = open_library(tmp_path, threads)
    assert again.default == kept
    assert again.is_forgotten(hashes[0])
    last = await again.add(replace(upload(b"last", "Last"), source="last.wav"))
    await again.remove(last)
    assert [False, True] == [again.is_forgotten(each) for each in (hashes[0], last.hash)]


async def test_the_library_is_bounded(tmp_path: Path, threads: Threads) -> None:
    """In number and in bytes; nothing is written beyond."""
    few = open_library(tmp_path / "few", threads, bounds=Bounds(voices=1))
    await few.add(upload())
    with pytest.raises(StorageFailed, match="1 voices") as caught:
        await few.add(upload(b"more", "Berta"))
    assert (507, "library_full") == (caught.value.status, caught.value.code)
    small = open_library(tmp_path / "small", threads, bounds=Bounds(total_bytes=1 << 20))
    with pytest.raises(StorageFailed, match="1 MiB"):
        await small.add(upload(bytes(2 << 20)))
    assert not (tmp_path / "small").exists()


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Writes beyond it fail, as on a full disk (Python ignores SIGXFSZ and raises EFBIG)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_disk_that_takes_no_more(tmp_path: Path, threads: Threads) -> None:
    """The client is told, nothing half is left, and the next upload works."""
    library = open_library(tmp_path, threads)
    with files_of_at_most(10_000), pytest.raises(StorageFailed) as caught:
        await library.add(upload(bytes(20_000)))
    assert (507, []) == (caught.value.status, os.listdir(tmp_path))
    assert "Anna" == (await library.add(upload(bytes(20_000)))).name


async def test_torn_and_foreign_folders_are_passed_over(
    tmp_path: Path, threads: Threads, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a voice is told in the log and left alone; what a crash left behind is cleared; a good one is kept."""
    library = open_library(tmp_path, threads)
    whole, torn, odd = [await library.add(upload(name.encode(), name)) for name in ("whole", "torn", "odd")]
    (tmp_path / torn.id / "clip.wav").write_bytes(b"")
    (tmp_path / odd.id / "voice.json").write_text("{")
    (tmp_path / ".unfinished-1").mkdir()
    os.utime(tmp_path / ".unfinished-1", (0, 0))
    (tmp_path / ".unfinished-2").mkdir()
    (tmp_path / "holiday pictures").mkdir()
    (tmp_path / ("voice_" + "f" * 24)).symlink_to("/")
    (tmp_path / "library.json").write_text("[[[")
    again = open_library(tmp_path, threads)
    assert (whole,) == again.voices
    assert torn.id in caplog.text
    assert odd.id in caplog.text
    assert not (tmp_path / ".unfinished-1").exists()
    assert (tmp_path / ".unfinished-2").exists()  # another process may be writing it
    assert (tmp_path / "holiday pictures").exists()
    assert torn.id == (await again.add(upload(b"torn", "torn"))).id


async def test_a_folder_that_was_copied_here_is_taken_up(tmp_path: Path, threads: Threads) -> None:
    """Libraries are folders: what another node wrote is read at the next look."""
    one, two = open_library(tmp_path / "one", threads), open_library(tmp_path / "two", threads)
    kept = await one.add(upload())
    (tmp_path / "two").mkdir()
    os.rename(tmp_path / "one" / kept.id, tmp_path / "two" / kept.id)
    await two.reload()
    assert (kept,) == two.voices


async def test_a_real_recording_is_normalised(tmp_path: Path, threads: Threads) -> None:
    """Through the real reader: the clip is 24 kHz mono, and lasts as long as its speech."""
    library = Library(Shelf(tmp_path), ClipReader(), threads, demand=Demand(), bounds=Bounds())
    kept = await library.add(upload(voice()))
    assert 8.0 == pytest.approx(kept.duration_s, abs=0.1)
    assert (await library.read_clip(kept)).startswith(b"RIFF")
    assert () == kept.warnings
