"""Kill -9 of a process that writes the speech cache, as often as asked; and the process itself.

What an entry must hold follows from its key's number, so whoever reads it back knows whether it is right. Run as a
program it writes entries, overwrites, reads and purges until it is killed.
"""

import contextlib
import hashlib
import itertools
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Final

from router.speech.cache.entry import CachedAudio
from router.speech.cache.folder import UNFINISHED_FOR_S, Folder

ENTRIES: Final = 100
BOUND_BYTES: Final = 5 * 2**20  # less than all of them, so that some are thrown away meanwhile
LATEST_KILL_S: Final = 0.05
ROOT: Final = Path(__file__).parents[2]


def key_of(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def entry_of(number: int) -> CachedAudio:
    """Up to 180 KiB, some seconds of PCM; nothing of it is anywhere else."""
    audio = random.Random(number).randbytes(1 + number * 7919 % 184_320)
    return CachedAudio(
        audio, number / 7, number / 11, "espeak", None, None, f"node {number}", "espeak", time.time()
    )


def folder_at(path: Path, later_s: float = 0.0) -> Folder:
    return Folder(path, max_bytes=BOUND_BYTES, max_age_s=86_400, clock=lambda: time.time() + later_s)


class Report(Counter[str]):
    """How many entries were right, absent or wrong when read back; and leftovers that nobody cleared."""


def kills(path: Path, turns: int, seed: int = 1) -> Report:
    """Per turn, kill two writers that share `path` at any moment of their work and read all back."""
    dice, report = random.Random(seed), Report()
    expected = [entry_of(number).audio for number in range(ENTRIES)]
    for turn in range(turns):
        with contextlib.ExitStack() as stack:
            writers = [stack.enter_context(_writer(path, seed=turn * 2 + which)) for which in range(2)]
            for writer in writers:
                stack.callback(writer.kill)
            for writer in writers:
                assert writer.stdout is not None
                assert b"writing" in writer.stdout.readline()
            time.sleep(dice.uniform(0, LATEST_KILL_S))
        folder = folder_at(path)
        for number, audio in enumerate(expected):
            found = folder.read(key_of(number))
            is_right = found is not None and (found.audio, found.provider) == (audio, f"node {number}")
            report["absent" if found is None else "right" if is_right else "wrong"] += 1
        report["over the bound"] += folder.measure().bytes > BOUND_BYTES * 1.3
    report["unfinished"] = len(_unfinished(path))
    folder_at(path, later_s=UNFINISHED_FOR_S + 60).sweep()
    report["leftovers"] = len(_unfinished(path))
    return report


def _unfinished(path: Path) -> list[Path]:
    return list(path.rglob(".unfinished-*"))


def _writer(path: Path, seed: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, __file__, path, str(seed)], stdout=subprocess.PIPE, cwd=ROOT)


def _write_for_ever(path: Path, seed: int) -> None:
    dice, folder = random.Random(seed), folder_at(path)
    numbers = [dice.randrange(ENTRIES) for _ in range(ENTRIES)]
    entries = {number: entry_of(number) for number in set(numbers)}
    for turn in itertools.count():
        number = numbers[turn % len(numbers)]
        folder.write(key_of(number), entries[number], folder.revision())
        if not turn:
            sys.stdout.write("writing\n")
            sys.stdout.flush()
        folder.read(key_of(numbers[-number % len(numbers)]))
        if dice.random() < 0.002:
            folder.purge()


if __name__ == "__main__":
    _write_for_ever(Path(sys.argv[1]), int(sys.argv[2]))
