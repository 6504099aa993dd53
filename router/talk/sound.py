"""Where the sound of answers goes: to a loudspeaker, to a file, to both, or to neither."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from router.ports import Monotonic
from router.talk.loudspeaker import Loudspeaker
from router.talk.programs import Program, suggestion
from router.talk.recording import Recording


class Heard(Protocol):
    """Sound, for who holds a conversation."""

    def begin(self) -> None: ...
    def add(self, pcm: bytes) -> None: ...
    def played_s(self) -> float | None: ...
    async def finish(self) -> None: ...
    async def stop(self) -> None: ...


@dataclass(slots=True)
class Sound:
    """Context manager. `instead` begins a file when nobody can play and no file was asked for."""

    is_played: bool
    programs: list[Program]
    recording: Recording | None
    instead: Callable[[], Recording]
    tell: Callable[[str], None]
    clock: Monotonic
    _speaker: Loudspeaker | None = field(init=False, default=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.recording is not None:
            self.recording.close()
            length = f"{self.recording.audio_s:.1f} s of speech"
            self.tell(f"{self.recording.path}: {length}")

    def begin(self) -> None:
        """An answer is asked for."""
        if self.is_played and not self.programs:
            self._nobody_plays()
        self._speaker = Loudspeaker(self.programs, self.tell, self.clock) if self.is_played else None

    def add(self, pcm: bytes) -> None:
        """So much more of it. Raises CannotTalk when it cannot be saved."""
        if self.recording is not None:
            self.recording.add(pcm)
        if self._speaker is not None:
            self._speaker.add(pcm)

    def played_s(self) -> float | None:
        """How much of it has been heard; None when nobody plays it."""
        return None if self._speaker is None else self._speaker.played_s()

    async def finish(self) -> None:
        """Until it has been heard."""
        speaker = self._speaker
        if speaker is None:
            return
        await speaker.finish()
        if speaker.has_nobody:
            is_kept = self.recording is not None
            self._nobody_plays()
            if self.recording is not None and not is_kept:
                self.recording.add(speaker.pcm)

    async def stop(self) -> None:
        """At once."""
        if self._speaker is not None:
            await self._speaker.stop()

    def _nobody_plays(self) -> None:
        """Said once: from now on nothing is played."""
        self.is_played = False
        self.recording = self.recording or self.instead()
        self.tell(f"No program here can play sound; it is saved to {self.recording.path}. Try: {suggestion()}")
