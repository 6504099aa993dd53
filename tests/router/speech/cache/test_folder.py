"""The folder: byte for byte what was put, within its bounds, whatever else happens to its files."""

import os
import random
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cached import NOW, Time, entry_of, files_in, folder_at, key_of
from hypothesis import given, settings
from hypothesis import strategies as st

from router.speech.cache import folder as folders
from router.speech.cache.folder import Size, default_folder


def _age(path: Path, by_s: float) -> None:
    os.utime(path, (NOW - by_s, NOW - by_s))


def test_what_was_written_is_read_by_whoever_shares_the_folder(tmp_path: Path) -> None:
    """Also by the next process."""
    folder_at(tmp_path).write(key_of(1), entry_of(1), None)
    other = folder_at(tmp_path)
    assert (entry_of(1), None) == (other.read(key_of(1)), other.read(key_of(2)))
    assert Size(1, files_in(tmp_path)[0].stat().st_size) == other.measure()


def test_files_are_private(tmp_path: Path) -> None:
    """What a household says is nobody else's business; a folder that was there keeps its mode."""
    folder_at(tmp_path / "new" / "cache").write(key_of(1), entry_of(1), None)
    (file,) = files_in(tmp_path)
    made = [file.parent, file.parent.parent, file.parent.parent.parent]
    assert [0o700] * 3 == [stat.S_IMODE(folder.stat().st_mode) for folder in made]
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert made[2] == tmp_path / "new" / "cache"


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "zeros", "grow", "other"])
def test_what_is_torn_is_not_read_and_goes(damage: str, tmp_path: Path) -> None:
    """A file of every wrong kind."""
    folder = folder_at(tmp_path)
    folder.write(key_of(1), entry_of(1), None)
    (file,) = files_in(tmp_path)
    before = bytearray(file.read_bytes())
    before[-1] ^= damage == "flip"
    content = bytes(before)
    torn: dict[str, bytes] = {
        "cut": content[:-1],
        "flip": content,
        "empty": b"",
        "zeros": bytes(len(content)),
        "grow": content + b"x",
        "other": content,
    }
    if damage == "other":
        file = tmp_path / key_of(2)[0] / key_of(2)[1] / key_of(2)
        file.parent.mkdir(parents=True)
    file.write_bytes(torn[damage])
    assert folder.read(key_of(2 if damage == "other" else 1)) is None
    assert not file.exists()


@settings(deadline=None)
@given(st.randoms(use_true_random=False))
def test_no_damage_is_ever_served(dice: random.Random) -> None:
    """Cuts, flips and foreign bytes anywhere."""
    with TemporaryDirectory() as scratch:
        folder = folder_at(Path(scratch))
        folder.write(key_of(1), entry_of(1, 300), None)
        (file,) = files_in(folder.path)
        content = bytearray(file.read_bytes())
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(content) or 1)
            match dice.randrange(3):
                case 0:
                    del content[at:]
                case 1 if content:
                    content[at % len(content)] ^= 1 << dice.randrange(8)
                case _:
                    content[at:at] = dice.randbytes(dice.randint(1, 40))
        file.write_bytes(content)
        assert folder.read(key_of(1)) in (None, entry_of(1, 300))


def test_what_is_too_old_is_not_read_and_goes(tmp_path: Path) -> None:
    """By when it was made, however often it was used since."""
    clock = Time()
    folder = folder_at(tmp_path, clock=clock)
    folder.write(key_of(1), entry_of(1), None)
    clock.now += 999
    assert folder.read(key_of(1)) is not None
    clock.now += 2
    assert folder.read(key_of(1)) is None
    assert [] == files_in(tmp_path)


def test_use_is_noted_at_most_once_an_hour(tmp_path: Path) -> None:
    """Reading costs no writing."""
    folder = folder_at(tmp_path)
    folder.write(key_of(1), entry_of(1), None)
    (file,) = files_in(tmp_path)
    seen = []
    for age_s in (3500, 3700):
        _age(file, age_s)
        folder.read(key_of(1))
        seen.append(NOW - file.stat().st_mtime)
    assert [3500, 0] == seen


def test_the_least_recently_used_goes_until_a_tenth_is_free(tmp_path: Path) -> None:
    """Room for more than the next one, so that it is not looked for each time."""
    folder = folder_at(tmp_path, max_bytes=25_000)
    for number in range(10):
        folder.write(key_of(number), entry_of(number), None)
        _age(tmp_path / key_of(number)[0] / key_of(number)[1] / key_of(number), 100 - number)
    folder.write(key_of(10), entry_of(10), None)
    folder.write(key_of(11), entry_of(11), None)
    assert folder.measure().bytes <= 25_000
    left = [number for number in range(12) if folder.read(key_of(number))]
    assert list(range(12))[-len(left) :] == left
    assert len(left) >= 9


def test_the_number_of_files_is_bounded(tmp_path: Path) -> None:
    """However small they are."""
    folder = folder_at(tmp_path, max_files=20)
    for number in range(100):
        folder.write(key_of(number), entry_of(number, 10), None)
        assert folder.measure().entries <= 20


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4000)), max_size=60))
def test_the_bound_holds(puts: list[tuple[int, int]]) -> None:
    """Whatever is written; and two routers in one folder stay near it."""
    with TemporaryDirectory() as shared, TemporaryDirectory() as own:
        two = [folder_at(Path(shared), max_bytes=20_000), folder_at(Path(shared), max_bytes=20_000)]
        alone, last = folder_at(Path(own), max_bytes=20_000), {}
        for number, size in puts:
            last[number] = entry_of(number, size)
            two[number % 2].write(key_of(number), last[number], None)
            alone.write(key_of(number), last[number], None)
            assert alone.measure().bytes <= 20_000
            assert two[0].measure().bytes <= 20_000 * 1.1
        assert all(each.read(key_of(n)) in (None, entry) for each in (alone, *two) for n, entry in last.items())


def test_an_entry_over_a_quarter_is_not_kept(tmp_path: Path) -> None:
    """It would drive out too many others."""
    folder = folder_at(tmp_path, max_bytes=10_000)
    folder.write(key_of(1), entry_of(1, 2600), None)
    assert [] == files_in(tmp_path)


def test_a_purge_leaves_nothing_and_is_seen_by_others(tmp_path: Path) -> None:
    """What is not the cache's stays."""
    folder, other = folder_at(tmp_path), folder_at(tmp_path)
    for number in range(3):
        folder.write(key_of(number), entry_of(number), None)
    files_in(tmp_path)[0].with_name(".unfinished-1").touch()
    (tmp_path / "mine.txt").touch()
    (tmp_path / "0").mkdir(exist_ok=True)
    (tmp_path / "0" / "mine.txt").touch()
    before = other.revision()
    assert 3 == folder.purge()
    assert ["mine.txt", "mine.txt"] == [file.name for file in files_in(tmp_path)]
    first = other.revision()
    assert 0 == folder.purge()
    assert 3 == len({before, first, other.revision()})


def test_what_was_put_before_a_purge_is_not_kept_after_it(tmp_path: Path) -> None:
    """It waited to be written meanwhile."""
    folder = folder_at(tmp_path)
    before = folder.revision()
    folder.purge()
    folder.write(key_of(1), entry_of(1), before)
    assert [] == files_in(tmp_path)
    folder.write(key_of(1), entry_of(1), folder.revision())
    assert 1 == len(files_in(tmp_path))


def test_a_purge_in_the_middle_of_a_write_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was being written is gone, and that is all."""
    folder, replace = folder_at(tmp_path), Path.replace
    seen: list[Path] = []

    def purged_before(file: Path, target: Path) -> Path:
        if not seen:
            seen.append(file)
            folder_at(tmp_path).purge()
        return replace(file, target)

    monkeypatch.setattr(Path, "replace", purged_before)
    folder.write(key_of(1), entry_of(1), None)
    assert ([], 1) == (files_in(tmp_path), len(seen))


def test_a_folder_that_is_not_there_can_be_purged_and_measured(tmp_path: Path) -> None:
    """A router that keeps nothing on the disk looks there too."""
    folder = folder_at(tmp_path / "none")
    assert (None, Size(0, 0)) == (folder.revision(), folder.measure())
    assert 0 == folder.purge()
    assert folder.revision() is not None


def test_leftovers_of_the_dead_go(tmp_path: Path) -> None:
    """What somebody writes now stays."""
    folder = folder_at(tmp_path)
    folder.write(key_of(1), entry_of(1), None)
    (file,) = files_in(tmp_path)
    mark = tmp_path / ".unfinished-mark"
    mark.touch()
    _age(mark, 601)
    dead, alive = file.with_name(".unfinished-dead"), file.with_name(".unfinished-alive")
    for unfinished, age_s in ((dead, 601), (alive, 599)):
        unfinished.touch()
        _age(unfinished, age_s)
    _age(file, 1)
    folder.sweep()
    assert [False, False, True, True] == [each.exists() for each in (mark, dead, alive, file)]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, at any step."""
    folder = folder_at(tmp_path)
    folder.write(key_of(1), entry_of(1), None)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        folder.write(key_of(2), entry_of(2), None)
    assert [key_of(1)] == [file.name for file in files_in(tmp_path)]


def test_links_and_folders_are_no_entries(tmp_path: Path) -> None:
    """A purge follows nothing out of its folder."""
    outside = tmp_path / "outside"
    outside.write_text("mine")
    folder = folder_at(tmp_path / "cache")
    folder.write(key_of(1), entry_of(1), None)
    place = files_in(tmp_path / "cache")[0].parent
    (place / key_of(3)).symlink_to(outside)
    (place / key_of(4)).mkdir()
    assert (1, "mine") == (folder.purge(), outside.read_text())


def test_the_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG's, Windows', else ~/.cache."""
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    found = []
    for variable, value in (("XDG_CACHE_HOME", "/x"), ("XDG_CACHE_HOME", ""), ("LOCALAPPDATA", "/w")):
        monkeypatch.setenv(variable, value)
        found.append(str(default_folder()))
    assert [f"{base}/local-ai-router/speech" for base in ("/x", "/home/me/.cache", "/w")] == found


def test_an_hour_later_it_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another router may have filled it; and not with every entry, which would cost."""
    clock = Time()
    folder = folder_at(tmp_path, clock=clock)
    sweep, sweeps = folder.sweep, []

    def counted(room: int) -> None:
        sweeps.append(room)
        sweep(room)

    monkeypatch.setattr(folder, "sweep", counted)
    for number, later_s in enumerate((0, 10, 3500, 100, 100, -9000)):
        clock.now += later_s
        folder.write(key_of(number), entry_of(number), None)
    assert 3 == len(sweeps)
    assert folders.SWEEP_AFTER_S == 3600
