"""Takes that ran on or broke off, the waveform's ends, the watermark."""

from pathlib import Path

import pytest

from spoken import FACTORIES, MODELS, TEXT, Heard, job, speak, with_seed_that
from tts_node.domain import EngineConfig
from tts_node.engines.chatterbox import random_weights
from tts_node.engines.chatterbox.edges import finished
from tts_node.engines.chatterbox.engine import ChatterboxEngine
from tts_node.engines.chatterbox.package import np
from tts_node.engines.chatterbox.plausibility import bounds_of, other_seed
from tts_node.ports import RETRIED

RATE = 24_000


def odd_engine(model: str, folder: Path, stop_probability: float) -> ChatterboxEngine:
    """One that stops seldom or at once."""
    random_weights.build(model, "tiny", folder, stop_probability=stop_probability)
    engine = FACTORIES[model](EngineConfig(model=model, weights=str(folder), quantise=False, threads=1))
    engine.load()
    return engine


def test_a_bad_take_is_made_once_more(engine: ChatterboxEngine) -> None:
    """With a seed derived from the first: what is kept is what that seed alone gives."""
    seed, heard = with_seed_that(engine, lambda heard: len(heard.notes) == 1)
    again = speak(engine, job(seed=other_seed(seed)))
    assert heard.notes[0].startswith(RETRIED)
    assert ([], heard.pcm) == (again.notes, again.pcm)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_that_does_not_stop_is_stopped(model: str, tmp_path: Path) -> None:
    """At the longest time the text can take, twice; then what there is is kept, and told."""
    heard = speak(odd_engine(model, tmp_path, 1e-12), job())
    longest_s = bounds_of(TEXT, None).longest_s
    if model != "chatterbox-multilingual":  # its analyser forces an end when a sound comes twice
        assert longest_s - 0.5 < heard.duration_s < longest_s + 0.5
        assert ["retried with another seed: it did not stop", "kept the second take although it did not stop"] == (
            heard.notes
        )
    assert heard.duration_s < longest_s + 0.5


@pytest.mark.parametrize("model", ["chatterbox-turbo", "chatterbox"])
def test_a_model_that_breaks_off_is_told(model: str, tmp_path: Path) -> None:
    """Too short for the text, twice. (Multilingual's analyser forbids an end before the text's.)"""
    heard = speak(odd_engine(model, tmp_path, 0.99), job("A long sentence that cannot be over yet. " * 4))
    assert 2 == len(heard.notes)
    assert all("too short" in note for note in heard.notes)
    assert len(heard.pcm) > 0


def test_no_note_repeats_the_text(engine: ChatterboxEngine) -> None:
    """What is spoken is never logged."""
    _, heard = with_seed_that(engine, lambda heard: len(heard.notes) > 0)
    assert not any(word in note for note in heard.notes for word in TEXT.split() if len(word) > 4)


def tone(duration_s: float) -> object:
    """220 Hz at a third of full scale."""
    time_s = np.arange(int(duration_s * RATE)) / RATE
    return (0.3 * np.cos(2 * np.pi * 220 * time_s)).astype("float32")


def silence(duration_s: float) -> object:
    """A quiet room, 60 dB below."""
    return np.random.default_rng(0).normal(0, 0.0003, int(duration_s * RATE)).astype("float32")


def test_silent_ends_are_cut_and_pauses_kept() -> None:
    """Seconds of silence around two tones go, up to 30 ms; the pause between stays."""
    pcm = finished(np.concatenate([silence(1.0), tone(0.5), silence(0.4), tone(0.5), silence(2.0)]))
    assert 1.4 + 2 * 0.03 == pytest.approx(len(pcm) / 2 / RATE, abs=0.01)


def test_ends_are_faded() -> None:
    """A tone at full swing begins and ends at nothing, and is itself a few milliseconds later."""
    samples = np.frombuffer(finished(tone(0.5)), "<i2")
    assert (0, 0) == (samples[0], samples[-1])
    assert 0.3 * 32767 == pytest.approx(abs(samples[240:480]).max(), rel=0.01)
    assert abs(np.diff(samples[:96].astype(int))).max() < 0.3 * 32767 / 4


def test_strange_samples_do_no_harm() -> None:
    """Silence, nothing, not-a-number, beyond full scale, one sample."""
    assert b"" == finished(np.zeros(1000, "float32"))
    assert b"" == finished(np.zeros(0, "float32"))
    assert b"" == finished(np.full(100, np.nan, "float32"))
    assert 32767 == np.frombuffer(finished(10 * tone(0.1)), "<i2").max()  # type: ignore[operator]
    assert len(finished(np.ones(1, "float32"))) <= 8


def watermark_of(engine: ChatterboxEngine, heard: Heard) -> float:
    """How sure the package's own detector is: 0 to 1."""
    from perth import PerthImplicitWatermarker

    detector = PerthImplicitWatermarker()
    return float(detector.get_watermark(heard.samples, sample_rate=RATE, round=False).mean())


@pytest.mark.parametrize("model", ["chatterbox-turbo", "chatterbox-multilingual"])
def test_the_watermark_can_be_found(model: str, engines: dict[str, ChatterboxEngine], weights: Path) -> None:
    """After our edges and 16 bits; and not when it is switched off, which changes nothing else that is heard."""
    config = EngineConfig(model=model, weights=str(weights / model), quantise=False, threads=1, watermark=False)
    plain_engine = FACTORIES[model](config)
    plain_engine.load()
    engines[model].load()  # the switch is the process's; put it back
    marked, plain = speak(engines[model], job()), speak(plain_engine, job())
    assert watermark_of(engines[model], marked) > 0.95
    assert watermark_of(engines[model], plain) < 0.3
    assert marked.duration_s == pytest.approx(plain.duration_s, abs=0.001)
