"""What makes the model cheaper without making it another: switches, measured by the bench."""

import os
import warnings
from typing import Any

from tts_node.engines.chatterbox.package import torch

KEEP_ATTENTION = "TTS_NODE_KEEP_ATTENTION"  # for the bench: leave the package's own way to be compared with


def quantise(model: Any) -> None:
    """int8 weights, and activations quantised as they come, in T3's and the flow's linear layers. CPU only.

    The head that chooses tokens and everything that makes the waveform stay float32.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces since 2.8 that torchao will take this over
        _linear_for_conv1d(model.t3.tfmr)
        for part in (model.t3.tfmr, model.s3gen.flow):
            torch.ao.quantization.quantize_dynamic(part, {torch.nn.Linear}, dtype=torch.qint8, inplace=True)


def _linear_for_conv1d(module: Any) -> None:
    """GPT-2's Conv1D is a linear layer with its weight transposed, which quantisation does not know."""
    for name, child in module.named_children():
        if type(child).__name__ == "Conv1D":
            setattr(module, name, _as_linear(child))
        else:
            _linear_for_conv1d(child)


def _as_linear(conv: Any) -> Any:
    inputs, outputs = conv.weight.shape
    with torch.device("meta"):
        linear = torch.nn.Linear(inputs, outputs)
    linear.weight = torch.nn.Parameter(conv.weight.data.t().contiguous(), requires_grad=False)
    linear.bias = torch.nn.Parameter(conv.bias.data, requires_grad=False)
    return linear


def spare_attention(model: Any) -> None:
    """The original asks every layer for its attention and never looks; only multilingual's analyser does."""
    if model.t3.hp.is_multilingual or os.environ.get(KEEP_ATTENTION):
        return

    def without_attention(_module: Any, args: Any, kwargs: Any) -> Any:
        return args, kwargs | {"output_attentions": False}

    model.t3.tfmr.register_forward_pre_hook(without_attention, with_kwargs=True)
