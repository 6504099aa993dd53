"""What was spoken: a segment, and a whole answer. Values only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from router.domain import BYTES_PER_S, BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, Passage, Route, Utterance

NOTHING_S: Final = 0.1  # of silence are said of a text in which nothing can be said
NOTHING: Final = bytes(round(NOTHING_S * BYTES_PER_S))


@dataclass(frozen=True, slots=True)
class Spoken:
    """A segment, who spoke it and how long that took. `voice` is the one that was asked of the provider, by its
    own name for it; None: its default."""

    passage: Passage
    utterance: Utterance
    route: Route
    took_s: float
    voice: str | None = None
    is_cached: bool = False

    @property
    def pcm(self) -> bytes:
        """24 kHz s16le mono, with the silence after it."""
        return self.utterance.pcm + bytes(round(self.passage.pause_s * SAMPLE_RATE_HZ) * BYTES_PER_SAMPLE)

    @property
    def duration_s(self) -> float:
        """With the silence after it."""
        return self.utterance.duration_s + self.passage.pause_s

    @property
    def engine(self) -> str:
        return self.utterance.engine or self.route.model

    def voice_told(self, asked: str) -> str:
        """The voice that was heard, as the provider says, else by the name that the client used for it."""
        return self.utterance.voice or ("default" if "voice" in self.route.substitutes else asked)

    @property
    def substitution(self) -> str | None:
        """What X-Router-Substitution says: `model=espeak`, `voice=alloy` or both."""
        used = {"model": self.engine, "voice": self.voice_told("")}
        return ", ".join(f"{what}={used[what]}" for what in self.route.substitutes) or None

    def followed_by(self, passage: Passage) -> "Spoken":
        """The same words with another silence after them."""
        return replace(self, passage=passage)


@dataclass(frozen=True, slots=True)
class Part:
    """A segment of an answer, as its lookup tells it. `chars` counts its text, which is not told."""

    provider: str
    engine: str
    duration_s: float
    generation_s: float
    chars: int
    is_cached: bool


@dataclass(frozen=True, slots=True)
class SpokenAnswer:
    """A complete answer. `generation_s` sums the providers' own figures, else the router's clock; `route`: who
    spoke its first segment, None where nothing was to be said; `substitution` tells what differs from what was
    asked for."""

    audio: bytes
    duration_s: float
    generation_s: float
    route: Route | None
    engine: str
    voice: str
    substitution: str | None
    voice_hash: str | None = None
    is_cached: bool = False
    parts: Sequence[Part] = ()


class Tally:
    """Adds an answer up, segment by segment."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.first: Spoken | None = None
        self.last: Spoken | None = None
        self.speakers: set[tuple[Route, str | None]] = set()
        self.substitutions: dict[str, None] = {}

    def add(self, spoken: Spoken) -> None:
        """One more."""
        self.first = self.first or spoken
        self.last = spoken
        self.speakers.add((spoken.route, spoken.voice))
        if spoken.substitution is not None:
            self.substitutions[spoken.substitution] = None
        self.parts.append(
            Part(
                spoken.route.provider,
                spoken.engine,
                spoken.duration_s,
                spoken.took_s,
                len(spoken.passage.text),
                spoken.is_cached,
            )
        )

    @property
    def duration_s(self) -> float:
        return sum(part.duration_s for part in self.parts)

    @property
    def generation_s(self) -> float:
        return sum(part.generation_s for part in self.parts)

    @property
    def substitution(self) -> str | None:
        """All that was substituted in any segment."""
        return "; ".join(self.substitutions) or None

    @property
    def is_cached(self) -> bool:
        """Nothing had to be generated."""
        return bool(self.parts) and all(part.is_cached for part in self.parts)

    @property
    def only_speaker(self) -> tuple[Route, str | None] | None:
        """The route that spoke all of it, and the voice that was asked of it, if it was one and the same."""
        return next(iter(self.speakers)) if len(self.speakers) == 1 else None

    def answer(self, audio: bytes, voice: str) -> SpokenAnswer:
        """The sum, with the encoded audio."""
        assert self.first is not None, "nothing was said"
        first = self.first
        return SpokenAnswer(
            audio,
            self.duration_s,
            self.generation_s,
            first.route,
            first.engine,
            first.voice_told(voice),
            self.substitution,
            first.utterance.voice_hash,
            self.is_cached,
            tuple(self.parts),
        )
