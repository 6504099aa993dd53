"""Sound in a WAV file that is valid after every piece, also when nobody closes it."""

import wave
from pathlib import Path
from types import TracebackType
from typing import Self

from router.domain import BYTES_PER_S, BYTES_PER_SAMPLE, SAMPLE_RATE_HZ
from router.talk.errors import CannotTalk


class Recording:
    """Context manager. One answer follows the other."""

    def __init__(self, path: Path) -> None:
        """Begins the file anew. Raises CannotTalk where none can be."""
        self.path = path
        self._pcm_bytes = 0
        try:
            self._file = path.open("wb")
        except OSError as exc:
            raise CannotTalk(f"{path} cannot be written: {exc.strerror or exc}") from exc
        self._wave = wave.open(self._file, "wb")  # noqa: SIM115  closed by close()
        self._wave.setnchannels(1)
        self._wave.setsampwidth(BYTES_PER_SAMPLE)
        self._wave.setframerate(SAMPLE_RATE_HZ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def audio_s(self) -> float:
        return self._pcm_bytes / BYTES_PER_S

    def add(self, pcm: bytes) -> None:
        """So much more. Raises CannotTalk when the disk takes no more."""
        try:
            self._wave.writeframes(pcm)
        except OSError as exc:
            raise CannotTalk(f"{self.path} cannot be written: {exc.strerror or exc}") from exc
        self._pcm_bytes += len(pcm)

    def close(self) -> None:
        try:
            self._wave.close()
        finally:
            self._file.close()


def free_path(path: Path) -> Path:
    """`path`, or with a number where something is there already."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free
