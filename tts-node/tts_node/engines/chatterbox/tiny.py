"""The package's real classes at a hundredth of their size, for checkpoints whose folder says that they are tiny.

Nothing is written anew: the same classes, names of weights, loaders and inference run; only sizes that the package
fixes in its code are replaced, while a model is built. Tests and the unplug drill run on such checkpoints
(`random_weights.py` makes them); speech is noise.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tts_node.engines.chatterbox.package import import_part

MARKER = "random_weights.json"
_LAYERS = 2
_WIDTH = 32
_HEADS = 2


@contextlib.contextmanager
def sizes_of(weights: Path) -> Iterator[None]:
    """While entered, models are built in the size of the checkpoint: full, unless its marker says tiny."""
    marker = weights / MARKER
    is_tiny = marker.is_file() and json.loads(marker.read_text())["size"] == "tiny"
    with tiny_sizes() if is_tiny else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def tiny_sizes() -> Iterator[None]:
    """Replaces sizes, and puts them back; the analyser's layers stay, since they are asked for at each call."""
    with contextlib.ExitStack() as undo:
        _shrink_t3(undo)
        _shrink_s3gen(undo)
        _shrink_listeners(undo)
        yield


def _set(undo: contextlib.ExitStack, owner: Any, name: str, value: object) -> None:
    undo.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)


def _resized(kind: Callable[..., Any], **sizes: object) -> Callable[..., Any]:
    """A constructor whose caller's sizes are overruled."""
    return lambda *args, **kwargs: kind(*args, **(kwargs | sizes))


def _shrink_t3(undo: contextlib.ExitStack) -> None:
    configs = import_part("models.t3.llama_configs").LLAMA_CONFIGS
    undo.callback(configs.update, dict(configs))
    configs["Llama_520M"] = configs["Llama_520M"] | {
        "hidden_size": _WIDTH,
        "intermediate_size": 2 * _WIDTH,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": _HEADS,
        "num_key_value_heads": _HEADS,
        "head_dim": _WIDTH // _HEADS,
    }
    for name in configs.keys() & {"GPT2_medium", "GPT2_small"}:
        small = {"n_embd": _WIDTH, "hidden_size": _WIDTH, "n_head": _HEADS, "n_layer": _LAYERS, "vocab_size": 8}
        configs[name] = configs[name] | small
    conditioning = import_part("models.t3.modules.cond_enc")
    perceiver = _resized(
        conditioning.Perceiver,
        pre_attention_query_token=4,
        pre_attention_query_size=_WIDTH,
        embedding_dim=_WIDTH,
        num_attn_heads=_HEADS,
    )
    _set(undo, conditioning, "Perceiver", perceiver)
    analyser = import_part("models.t3.inference.alignment_stream_analyzer")
    analyser.LLAMA_ALIGNED_HEADS[:] = [(number % _LAYERS, number % _HEADS) for number in range(3)]


def _shrink_s3gen(undo: contextlib.ExitStack) -> None:
    s3gen = import_part("models.s3gen.s3gen")
    encoder_sizes = {
        "output_size": _WIDTH,
        "input_size": _WIDTH,
        "attention_heads": _HEADS,
        "linear_units": 2 * _WIDTH,
        "num_blocks": 1,
    }
    _set(undo, s3gen, "UpsampleConformerEncoder", _resized(s3gen.UpsampleConformerEncoder, **encoder_sizes))
    decoder_sizes = {
        "channels": [_WIDTH],
        "attention_head_dim": 16,
        "n_blocks": 1,
        "num_mid_blocks": 1,
        "num_heads": _HEADS,
    }
    _set(undo, s3gen, "ConditionalDecoder", _resized(s3gen.ConditionalDecoder, **decoder_sizes))
    _set(undo, s3gen, "CausalMaskedDiffWithXvec", _resized(s3gen.CausalMaskedDiffWithXvec, input_size=_WIDTH))
    _set(undo, s3gen, "HiFTGenerator", _resized(s3gen.HiFTGenerator, base_channels=_WIDTH))
    _set(undo, s3gen, "ConvRNNF0Predictor", _resized(s3gen.ConvRNNF0Predictor, cond_channels=16))
    encoder = import_part("models.s3gen.transformer.upsample_encoder")
    _set(undo, encoder, "PreLookaheadLayer", _resized(encoder.PreLookaheadLayer, channels=_WIDTH))
    _set(undo, encoder, "Upsample1D", _resized(encoder.Upsample1D, channels=_WIDTH, out_channels=_WIDTH))


def _shrink_listeners(undo: contextlib.ExitStack) -> None:
    s3gen = import_part("models.s3gen.s3gen")
    _set(undo, s3gen, "CAMPPlus", _resized(s3gen.CAMPPlus, growth_rate=2, init_channels=8))
    tokenizer = import_part("models.s3tokenizer.s3tokenizer")
    shared = tokenizer.S3TokenizerV2.__init__.__defaults__[0]  # one ModelConfig for every S3TokenizerV2()
    for name, value in {"n_audio_state": 64, "n_audio_head": 1, "n_audio_layer": 1}.items():
        _set(undo, shared, name, value)
    _set(undo, import_part("models.voice_encoder.config").VoiceEncConfig, "ve_hidden_size", _WIDTH)
