"""Two nodes that say what a test lets them, the first preferred, in a whole router."""

from collections.abc import Callable

from fakes import FakeSpeech, pcm, speech_card
from houses import FakeHouse

from router.domain import Segment, Utterance
from router.errors import (
    RouterError,
)

SECOND = pcm(1.0)


def says(utterance: Utterance) -> Callable[[Segment], Utterance]:
    return lambda _: utterance


def fails(error: RouterError) -> Callable[[Segment], Utterance]:
    def voice(_: Segment) -> Utterance:
        raise error

    return voice


def two_nodes(one: Callable[[Segment], Utterance], *, patience_s: float = 60, **speech: object) -> FakeHouse:
    """Two nodes: `gpu` is preferred and speaks by `one`, `cpu` always manages."""
    house = FakeHouse(
        FakeSpeech(speech_card("gpu", tier=1, first_byte_s=patience_s, stall_s=patience_s), one),
        FakeSpeech(speech_card("cpu", tier=2), says(Utterance(SECOND, 0.125, "espeak", "en"))),
        settings={
            "speech": speech,
            "models": {"speech": {"serves": "speech", "routes": [{"provider": "gpu", "model": "turbo"}]}},
        },
    )
    house.report("gpu", "turbo", "chatterbox")
    house.report("cpu", "espeak")
    return house


def node_of(house: FakeHouse, name: str) -> FakeSpeech:
    return house.speech[name]


GOOD = says(Utterance(SECOND, 0.25, "chatterbox-turbo", "fable"))
