"""One request leaves no trace in the next: voices, random numbers, hooks, settings."""

import pytest

from spoken import MODELS, TEXT, Heard, hooks_of, job, speak, with_seed_that
from tts_node.domain import Clip
from tts_node.engines.chatterbox import package
from tts_node.engines.chatterbox.engine import ChatterboxEngine
from tts_node.engines.chatterbox.interruption import Steps
from tts_node.engines.chatterbox.voicebox import Wish

torch = package.torch


def test_a_seed_gives_the_same_bytes(engine: ChatterboxEngine) -> None:
    """Whatever was spoken between; another seed gives another take."""
    first = speak(engine, job(seed=7)).pcm
    other = speak(engine, job(seed=8)).pcm
    speak(engine, job(seed=None))
    assert first == speak(engine, job(seed=7)).pcm
    assert first != other


def test_every_seed_of_64_bits_serves(engine: ChatterboxEngine) -> None:
    """Both ends of what a request may hold."""
    for seed in (-(2**63), 2**64 - 1, 0):
        assert len(speak(engine, job("Hi there.", seed=seed)).pcm) > 0


def test_without_a_seed_each_take_is_new(engine: ChatterboxEngine) -> None:
    """Also after a request that had one, and whatever the global state."""
    takes = set()
    for _ in range(2):
        speak(engine, job("Hi.", seed=1))
        torch.manual_seed(5)
        takes.add(speak(engine, job(seed=None)).pcm)
    assert 2 == len(takes)


def test_voices_do_not_bleed(engine: ChatterboxEngine, clips: dict[str, Clip]) -> None:
    """Interleaved, each voice says the same bytes as alone; and no two are alike."""
    voices = [None, clips["low"], clips["high"]]
    alone = [speak(engine, job(seed=3, clip=clip)).pcm for clip in voices for _ in range(2)][::2]
    mixed = [speak(engine, job(seed=3, clip=voices[number])).pcm for number in (2, 0, 1, 0, 2, 1)]
    assert 3 == len(set(alone))
    assert [alone[number] for number in (2, 0, 1, 0, 2, 1)] == mixed


def test_options_do_not_bleed(engines: dict[str, ChatterboxEngine]) -> None:
    """The package writes exaggeration into the voice, and leaves it there."""
    engine = engines["chatterbox"]
    before = speak(engine, job()).pcm
    strong = speak(engine, job(exaggeration=2.0, cfg_weight=0.9, temperature=1.5)).pcm
    assert before != strong
    assert before == speak(engine, job()).pcm


def test_hooks_do_not_pile_up(engine: ChatterboxEngine) -> None:
    """The package's analyser leaves three at every call."""
    before = hooks_of(engine)
    for seed in range(3):
        speak(engine, job("Hi there.", seed=seed))
    assert before == hooks_of(engine)


def test_the_packages_own_call_does_leak(engines: dict[str, ChatterboxEngine]) -> None:
    """What the guard above is for; when this fails, the package has mended it."""
    engine = engines["chatterbox-multilingual"]
    before = hooks_of(engine)
    engine._box._model.generate("Hi there.", "en")
    leaked = hooks_of(engine) - before
    for layer in engine._box._model.t3.tfmr.layers:
        layer.self_attn._forward_hooks.clear()
    assert 3 == leaked
    assert before == hooks_of(engine)


@pytest.mark.parametrize("model", MODELS)
def test_it_says_what_the_package_says(model: str, engines: dict[str, ChatterboxEngine]) -> None:
    """For the same seed our steps give `generate()`'s samples, bit for bit, watermark included."""
    engine = engines[model]
    seed, _ = with_seed_that(engine, lambda heard: not heard.notes)
    steps = Steps(Heard())
    own = engine._box.conditionals(None, engine._defaults, steps)
    wish = Wish(TEXT, "en", engine._defaults, 240, seed)
    ours = engine._box.watermarked(engine._box.waveform(engine._box.take(wish, own, steps), own, steps), steps)
    torch.manual_seed(seed)
    language = {"language_id": "en"} if model == "chatterbox-multilingual" else {}
    theirs = engine._box._model.generate(TEXT, **language)
    for layer in getattr(engine._box._model.t3.tfmr, "layers", ()):
        layer.self_attn._forward_hooks.clear()
    assert torch.equal(theirs[0], torch.from_numpy(ours))
