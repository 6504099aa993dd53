"""What makes the package fail or lie, and does not here (FACTS: Chatterbox, guards)."""

import msgspec
import pytest

from spoken import Heard, job, speak
from tts_node.engines.chatterbox import package, voicebox
from tts_node.engines.chatterbox.engine import ChatterboxEngine
from tts_node.engines.chatterbox.interruption import Steps
from tts_node.engines.chatterbox.variants import Take
from tts_node.engines.chatterbox.voicebox import Wish
from tts_node.ports import Unspeakable

torch = package.torch


def test_every_model_speaks(engine: ChatterboxEngine) -> None:
    """Audible, plausible, with stages that were measured."""
    heard = speak(engine, job())
    assert 0.2 < heard.duration_s < 9.5
    assert float(abs(heard.samples).max()) > 0.01
    assert {"t3", "flow", "vocoder", "watermark"} == set(engine.stages)


@pytest.mark.parametrize("text", ["", "   ", "…", "?!", "- - -", "\n"])
def test_nothing_to_say_is_silence(engine: ChatterboxEngine, text: str) -> None:
    """The package would say "You need to add some text for me to talk"."""
    assert b"" == speak(engine, job(text)).pcm


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.0},
        {"temperature": 2.0},
        {"cfg_weight": 0.0},
        {"cfg_weight": 1.0},
        {"min_p": 0.0},
        {"min_p": 1.0},
        {"top_p": 0.05},
        {"top_k": 1},
        {"repetition_penalty": 1.0},
        {"repetition_penalty": 5.0},
        {"exaggeration": 0.0},
        {"exaggeration": 2.0},
    ],
)
def test_bounds_of_options_can_be_spoken_with(engine: ChatterboxEngine, options: dict[str, float]) -> None:
    """Zeros of temperature and guidance raise in the package; every bound of the rows gives finite sound."""
    heard = speak(engine, msgspec.structs.replace(job("Hi there."), options=options))
    assert len(heard.pcm) > 0


def test_temperature_zero_is_the_surest_take(engine: ChatterboxEngine) -> None:
    """The same sounds whatever the seed; Turbo's own meaning of zero is one."""
    options = dict(engine._defaults) | {"temperature": 0.0}
    steps = Steps(Heard())
    own = engine._box.conditionals(None, options, steps)
    takes = [engine._box.take(Wish("Hello there.", "en", options, 40, seed), own, steps) for seed in (1, 2, 3)]
    assert 1 == len({tuple(take.tokens.tolist()) for take in takes})


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_few_tokens_become_sound(engine: ChatterboxEngine, count: int) -> None:
    """The vocoder fails on an empty spectrogram; what lacks is silence."""
    steps = Steps(Heard())
    own = engine._box.conditionals(None, engine._defaults, steps)
    tokens = torch.full((count,), 1000, dtype=torch.long)
    samples = engine._box.waveform(Take(tokens, has_stopped=True), own, steps)
    marked = engine._box.watermarked(samples, steps)
    assert voicebox.MIN_TOKENS * 960 <= samples.size
    assert bool(package.np.isfinite(marked).all())


def test_text_that_cannot_fit_is_refused(engine: ChatterboxEngine) -> None:
    """3000 characters raise IndexError in the original, and are cut without a word by the others."""
    with pytest.raises(Unspeakable, match="Send shorter pieces"):
        speak(engine, job("word " * 600))


def test_text_with_more_tokens_than_the_model_reads_is_refused(engines: dict[str, ChatterboxEngine]) -> None:
    """Few letters, many tokens: the package's position table ends at 2050."""
    with pytest.raises(Unspeakable, match="tokens"):
        speak(engines["chatterbox"], job("Well" + "!" * 3000))


def test_unknown_options_and_strange_text_are_harmless(engine: ChatterboxEngine) -> None:
    """Options of other engines are ignored; tags, emoji and zero bytes are spoken or not, but do no harm."""
    assert (
        speak(engine, job("Ha [laugh] 🙂\0 ok.", nonsense=3)).pcm == speak(engine, job("Ha [laugh] 🙂\0 ok.")).pcm
    )


def read_by(engine: ChatterboxEngine, text: str) -> list[int]:
    """The text tokens that reach T3."""
    read: list[int] = []
    embedding = engine._box._model.t3.text_emb
    handle = embedding.register_forward_pre_hook(lambda _module, args: read.extend(args[0][0].tolist()))
    try:
        speak(engine, job(text, seed=2))
    finally:
        handle.remove()
    return read


@pytest.mark.parametrize("model", ["chatterbox", "chatterbox-multilingual"])
def test_tags_are_not_read_out(engines: dict[str, ChatterboxEngine], model: str) -> None:
    """The node strips them; what comes through is no order to the tokenizer either."""
    engine = engines[model]
    plain = read_by(engine, "Well then.")
    assert [plain] * 2 == [read_by(engine, f"Well [{tag}] then.") for tag in ("laugh", "STOP")]
    assert [] == read_by(engine, "[sigh]")


def test_turbo_performs_tags(engines: dict[str, ChatterboxEngine]) -> None:
    """Each is one token of its own, also where it stands alone."""
    laugh = engines["chatterbox-turbo"]._box._model.tokenizer.convert_tokens_to_ids("[laugh]")
    for text in ("Well [laugh] then.", "[laugh]"):
        assert 1 == read_by(engines["chatterbox-turbo"], text).count(laugh)


def test_every_language_is_spoken(engines: dict[str, ChatterboxEngine]) -> None:
    """Also those whose text processors are not installed, and without a network."""
    from chatterbox.mtl_tts import SUPPORTED_LANGUAGES

    from tts_node.engines.chatterbox.voices import MULTILINGUAL_LANGUAGES

    assert tuple(sorted(SUPPORTED_LANGUAGES)) == MULTILINGUAL_LANGUAGES
    texts = {
        "zh": "你好世界。",
        "ja": "こんにちは世界。",
        "ko": "안녕하세요.",
        "he": "שלום עולם.",
        "ru": "Привет.",
    }
    for language in MULTILINGUAL_LANGUAGES:
        heard = speak(engines["chatterbox-multilingual"], job(texts.get(language, "Hello."), language=language))
        assert len(heard.pcm) > 0, language
