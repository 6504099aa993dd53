"""Two nodes that say what a test lets them, the first preferred, in a whole router."""

from collections.abc import Callable, Mapping

from fakes import FakeSpeech, pcm, speech_card
from houses import FakeHouse

from router.domain import Segment, Utterance
from router.errors import RouterError

SECOND = pcm(1.0)
Voice = Callable[[Segment], Utterance]


def says(utterance: Utterance) -> Voice:
    return lambda _: utterance


EASY = says(Utterance(SECOND, 0.125, "espeak", "en"))
GOOD = says(Utterance(SECOND, 0.25, "chatterbox-turbo", "fable"))


def fails(error: RouterError) -> Voice:
    def voice(_: Segment) -> Utterance:
        raise error

    return voice


def two_nodes(
    one: Voice,
    other: Voice = EASY,
    *,
    patience_s: float = 60,
    settings: Mapping[str, object] | None = None,
    **speech: object,
) -> FakeHouse:
    """Two nodes: `gpu` is preferred and speaks by `one`; `cpu`, with another engine, by `other`, which always
    manages. `settings`: others than those of speech."""
    house = FakeHouse(
        FakeSpeech(speech_card("gpu", tier=1, first_byte_s=patience_s, stall_s=patience_s), one),
        FakeSpeech(speech_card("cpu", tier=2), other),
        settings={
            "speech": speech,
            "models": {"speech": {"serves": "speech", "routes": [{"provider": "gpu", "model": "turbo"}]}},
            **(settings or {}),
        },
    )
    house.report("gpu", "turbo", "chatterbox")
    house.report("cpu", "espeak")
    return house


def node_of(house: FakeHouse, name: str) -> FakeSpeech:
    return house.speech[name]
