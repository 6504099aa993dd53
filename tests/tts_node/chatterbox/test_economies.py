"""What is saved, and how far the result may differ for it: tolerances as measured on tiny random weights."""

from pathlib import Path
from typing import Any

import pytest

from spoken import FACTORIES, MODELS, TEXT, Heard, job, speak
from tts_node.domain import EngineConfig
from tts_node.engines.chatterbox import economies, package
from tts_node.engines.chatterbox.engine import ChatterboxEngine
from tts_node.engines.chatterbox.interruption import Steps
from tts_node.engines.chatterbox.plausibility import bounds_of

torch = package.torch
STATES_TOLERANCE = 0.005  # relative RMS; measured 0.0002 to 0.0006
MEL_TOLERANCE = 0.01  # measured 0.002 to 0.003


@pytest.fixture(scope="module")
def quantised(weights: Path) -> dict[str, ChatterboxEngine]:
    """Every model in int8."""
    loaded = {}
    for model, factory in FACTORIES.items():
        loaded[model] = factory(EngineConfig(model=model, weights=str(weights / model), threads=1))
        loaded[model].load()
    return loaded


def difference(one: Any, other: Any) -> float:
    """RMS of the difference, relative to the first."""
    return float((one - other).pow(2).mean().sqrt() / one.pow(2).mean().sqrt())


def hidden_of(engine: ChatterboxEngine) -> Any:
    """T3's hidden states, from which tokens are chosen, for one fixed input."""
    t3 = engine._box._model.t3
    inputs = torch.randn(1, 40, t3.dim, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        return t3.tfmr(inputs_embeds=inputs).last_hidden_state


def mel_of(engine: ChatterboxEngine) -> Any:
    """The flow's spectrogram for the same tokens and the same noise."""
    model = engine._box._model
    tokens = torch.arange(0, 6000, 100)
    torch.manual_seed(4)
    with torch.inference_mode():
        return model.s3gen.flow_inference(tokens, ref_dict=dict(model.conds.gen), finalize=True)


@pytest.mark.parametrize("model", MODELS)
def test_int8_stays_close(
    model: str, engines: dict[str, ChatterboxEngine], quantised: dict[str, ChatterboxEngine]
) -> None:
    """T3's states and the flow's spectrogram, within the tolerances stated above."""
    exact, small = engines[model], quantised[model]
    assert 0 < difference(hidden_of(exact), hidden_of(small)) < STATES_TOLERANCE
    assert 0 < difference(mel_of(exact), mel_of(small)) < MEL_TOLERANCE


@pytest.mark.parametrize("model", MODELS)
def test_int8_speaks(model: str, quantised: dict[str, ChatterboxEngine]) -> None:
    """Finite, plausible, the same bytes for a seed."""
    heard = speak(quantised[model], job(seed=3))
    bounds = bounds_of(TEXT, None)
    assert 0 < heard.duration_s < bounds.longest_s + 0.5
    assert heard.pcm == speak(quantised[model], job(seed=3)).pcm


@pytest.mark.parametrize("model", MODELS)
def test_int8_covers_t3_and_flow(model: str, quantised: dict[str, ChatterboxEngine]) -> None:
    """No float layer is left in either; the head that chooses and the vocoder stay as they were."""
    built = quantised[model]._box._model
    kinds = {type(module).__name__ for part in (built.t3.tfmr, built.s3gen.flow) for module in part.modules()}
    assert "DynamicQuantizedLinear" in {kind.replace("Linear", "DynamicQuantizedLinear") for kind in kinds}
    assert "Conv1D" not in kinds
    assert not any(type(module) is torch.nn.Linear for module in built.t3.tfmr.modules())
    assert torch.nn.Linear is type(built.t3.speech_head)


def test_attention_is_not_asked_for(
    engines: dict[str, ChatterboxEngine], weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The original says the same bytes with and without its attention weights."""
    monkeypatch.setenv(economies.KEEP_ATTENTION, "1")
    config = EngineConfig(model="chatterbox", weights=str(weights / "chatterbox"), quantise=False, threads=1)
    lavish = FACTORIES["chatterbox"](config)
    lavish.load()
    assert speak(lavish, job()).pcm == speak(engines["chatterbox"], job()).pcm


def test_the_analyser_keeps_its_attention(engines: dict[str, ChatterboxEngine]) -> None:
    """Multilingual looks at it at every token, to force or forbid the end."""
    engine = engines["chatterbox-multilingual"]
    seen: list[bool] = []
    layer = engine._box._model.t3.tfmr.layers[0].self_attn
    handle = layer.register_forward_hook(lambda _module, _args, output: seen.append(output[1] is not None))
    try:
        own = engine._box.conditionals(None, engine._defaults, Steps(Heard()))
        assert own is not None
        speak(engine, job("Hi there."))
    finally:
        handle.remove()
    assert {True} == set(seen)
