"""A request as it will be spoken. Values only."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from router.domain import CacheUse, Passage, Priority, Route, Segment, SpeechRequest
from router.ports import Record
from router.speech.cache import answer_key


@dataclass(frozen=True, slots=True)
class Telling:
    """A request as it will be spoken: what, by whose leave, with which seed. Of a text that is still being written
    there are no passages yet, and `expected_s` is infinite.

    `text` is all that is said, and the silences: the same words in two paragraphs are another answer. `askers`:
    who may speak it, for requests that are the same.
    """

    request: SpeechRequest
    voice: str
    routes: Sequence[Route]
    passages: Sequence[Passage]
    seed: int
    record: Record
    max_wait_s: float
    expected_s: float  # of speech
    cache: CacheUse = CacheUse.USE
    text: str = field(init=False)
    askers: str = field(init=False)

    def __post_init__(self) -> None:
        told = "\n".join(f"{passage.text}\t{passage.pause_s:g}" for passage in self.passages)
        object.__setattr__(self, "text", told)
        askers = " ".join(f"{route.provider}/{route.model}" for route in self.routes)
        object.__setattr__(self, "askers", askers)

    @property
    def may_recall(self) -> bool:
        return self.cache is CacheUse.USE

    @property
    def may_keep(self) -> bool:
        return self.cache is not CacheUse.BYPASS

    def segment(self, passage: Passage, priority: Priority = Priority.INTERACTIVE) -> Segment:
        """A passage as it is asked for, by the name that the client calls the voice."""
        request = self.request
        return Segment(
            passage.text,
            self.voice,
            request.speed,
            request.language,
            self.seed,
            request.instructions,
            request.options,
            request.seed is not None,
            priority,
        )

    @property
    def key(self) -> str:
        """The same for requests of which one answer serves all."""
        return answer_key(self.request, self.text, namespace=self.askers, model="", voice=self.voice)
