"""One answer as it comes: its words, when they came, what has been heard of it. Pure: told the time."""

from dataclasses import dataclass, field
from typing import NamedTuple

from router.domain import BYTES_PER_S
from router.speech.playback import Playback
from router.talk.happenings import Arrived, Ended, Failed, Named, Opened, Segment, Sounded, Summed, Wrote


class Begun(NamedTuple):
    """A segment whose sound begins `after_s` of the answer's."""

    segment: Segment
    after_s: float


@dataclass(slots=True)
class Answer:
    """Times are monotonic. `longest_gap_s`: the longest silence that somebody has heard who played it as it came;
    `failovers`: one word for each voice that was given up."""

    asked_s: float
    opened: Opened | None = None
    first_word_s: float | None = None
    first_sound_s: float | None = None
    text: str = ""
    audio_id: str = ""
    segments: list[Begun] = field(default_factory=list)
    playback: Playback = field(default_factory=Playback)
    longest_gap_s: float = 0.0
    summed: Summed | None = None
    failovers: tuple[str, ...] = ()
    failure: str = ""
    is_whole: bool = False
    is_interrupted: bool = False

    def take(self, arrived: Arrived) -> None:
        """Add what happened."""
        at_s, happening = arrived
        match happening:
            case Opened():
                self.opened = happening
            case Wrote(text):
                self.first_word_s = at_s if self.first_word_s is None else self.first_word_s
                self.text += text
            case Named(audio_id):
                self.audio_id = audio_id
            case Sounded():
                self._sound(happening, at_s)
            case Summed():
                self.summed = happening
            case Failed(fault):
                self.failure = str(fault)
            case Ended():
                self.is_whole = not self.failure

    def _sound(self, sounded: Sounded, at_s: float) -> None:
        self.first_sound_s = at_s if self.first_sound_s is None else self.first_sound_s
        if sounded.segment is not None:
            self.segments.append(Begun(sounded.segment, self.playback.handed_s))
        gap_s = self.playback.handed_over(len(sounded.pcm) / BYTES_PER_S, at_s)
        self.longest_gap_s = max(self.longest_gap_s, gap_s)

    @property
    def audio_s(self) -> float:
        """How much sound has arrived."""
        return self.playback.handed_s

    @property
    def is_muted(self) -> bool:
        """Nobody spoke any of it, and why is known."""
        return self.first_sound_s is None and bool(self.muted_because)

    @property
    def muted_because(self) -> str:
        """Why its speech has not begun, or has ended before the text."""
        if self.summed is not None and self.summed.fault is not None:
            return str(self.summed.fault)
        return self.opened.mute if self.opened is not None else ""

    @property
    def providers(self) -> list[str]:
        """Whose voices it has, each once, in order."""
        told = self.summed.segments if self.summed else [begun.segment for begun in self.segments]
        return list(dict.fromkeys(segment.provider for segment in told if segment.provider))

    def heard(self, played_s: float) -> str:
        """The words of the segments that had begun by then; all that is written where nothing is spoken."""
        if self.first_sound_s is None:
            return self.text if self.is_muted else ""
        said = [segment.text.strip() for segment, after_s in self.segments if after_s < played_s]
        return " ".join(text for text in said if text)
