"""Complete checkpoints with random weights, in the layout that the package's `from_local` expects.

Full size has the true speed and memory of a model, with nothing downloaded: the bench measures on it. Tiny ones
(10 to 20 MB, see `tiny.py`) load and speak in a fraction of a second: tests and drills run on them. What they say
is noise that ends by itself after about two seconds.
"""

import argparse
import contextlib
import json
import math
from pathlib import Path
from typing import Any

from tts_node.engines.chatterbox.package import import_part, torch
from tts_node.engines.chatterbox.tiny import MARKER, tiny_sizes
from tts_node.engines.chatterbox.vocabulary import write_character_tokenizer, write_gpt2_tokenizer

SIZES = ("tiny", "full")
MODELS = ("chatterbox-turbo", "chatterbox", "chatterbox-multilingual")

_START, _STOP, _SOUNDS = 6561, 6562, 6561
_LIVE_SOUNDS = 64
_DULL = 0.05
# By size, and whether T3 is a GPT-2. Full ones are measured in pairs: int8 must choose the same sounds as float32.
_LIVELINESS = {("full", True): _DULL, ("full", False): _DULL, ("tiny", True): 1.0, ("tiny", False): 20.0}
_PROMPT_TOKENS = {"tiny": 50, "full": 250}  # of the built-in voice: 10 s of reference in the real one
_LISTENING, _TURBO_VOCABULARY = 256, 50276
_CHARACTERS = {"chatterbox": 704, "chatterbox-multilingual": 2454}


def build(model: str, size: str, folder: Path, *, stop_probability: float = 0.02, seed: int = 0) -> None:
    """Writes the checkpoint; the same arguments give the same bytes. Seconds for tiny, a minute for full."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]), tiny_sizes() if size == "tiny" else contextlib.nullcontext():
        torch.manual_seed(seed)
        parts = _Parts(model)
        _make_it_speak(parts.t3, stop_probability, _LIVELINESS[size, parts.t3.is_gpt])
        _make_it_audible(parts.s3gen)
        parts.save(folder)
        _own_voice(model, parts.t3.hp, _PROMPT_TOKENS[size], seed).save(folder / "conds.pt")
    (folder / MARKER).write_text(json.dumps({"model": model, "size": size, "seed": seed}))


class _Parts:
    """The networks of one model, and the files they go into."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.ve = import_part("models.voice_encoder").VoiceEncoder()
        self.t3 = import_part("models.t3").T3(_t3_config(model))
        self.s3gen = import_part("models.s3gen").S3Gen(meanflow=model == "chatterbox-turbo")

    def save(self, folder: Path) -> None:
        """Weights and tokenizer."""
        save_file = _safetensors().save_file
        ve, t3, s3gen = (_state(part) for part in (self.ve, self.t3, self.s3gen))
        match self.model:
            case "chatterbox-turbo":
                save_file(ve, folder / "ve.safetensors")
                save_file(t3, folder / "t3_turbo_v1.safetensors")
                save_file(s3gen, folder / "s3gen_meanflow.safetensors")
                write_gpt2_tokenizer(folder, _TURBO_VOCABULARY)
            case "chatterbox":
                save_file(ve, folder / "ve.safetensors")
                save_file(t3, folder / "t3_cfg.safetensors")
                save_file(s3gen, folder / "s3gen.safetensors")
                write_character_tokenizer(folder / "tokenizer.json", _CHARACTERS[self.model])
            case _:
                torch.save(ve, folder / "ve.pt")
                torch.save(s3gen, folder / "s3gen.pt")
                save_file(t3, folder / "t3_mtl23ls_v2.safetensors")
                languages = tuple(import_part("mtl_tts").SUPPORTED_LANGUAGES)
                vocabulary = folder / "grapheme_mtl_merged_expanded_v1.json"
                write_character_tokenizer(vocabulary, _CHARACTERS[self.model], languages)


def _safetensors() -> Any:
    import safetensors.torch  # after package.py

    return safetensors.torch


def _state(module: Any) -> dict[str, Any]:
    return {name: tensor.contiguous().clone() for name, tensor in module.state_dict().items()}


def _t3_config(model: str) -> Any:
    """As the package's own loaders set it."""
    kind = import_part("models.t3.modules.t3_config").T3Config
    if model == "chatterbox-multilingual":
        return kind.multilingual()
    if model == "chatterbox":
        return kind.english_only()
    config = kind(text_tokens_dict_size=_TURBO_VOCABULARY)
    config.llama_config_name = "GPT2_medium"
    config.speech_tokens_dict_size = 6563
    config.input_pos_emb = None
    config.speech_cond_prompt_len = 375
    config.use_perceiver_resampler = False
    config.emotion_adv = False
    return config


def _make_it_speak(t3: Any, stop_probability: float, liveliness: float) -> None:
    """A few dozen sounds about equally likely, the stop now and then, all else next to impossible.

    Over all 6561 sounds min_p and top_p would leave nothing but the stop. `liveliness` is how much text and voice
    move the choice of sounds.
    """
    with torch.no_grad():
        weight = t3.speech_head.weight
        logits = torch.full((weight.size(0),), -12.0)
        live = torch.linspace(40, _SOUNDS - 40, _LIVE_SOUNDS).long()
        logits[live] = 0.0
        logits[_START:] = -40.0
        logits[_STOP] = math.log(stop_probability / (1 - stop_probability) * _LIVE_SOUNDS)
        weight.mul_(_DULL)
        weight[live] *= liveliness / _DULL
        if t3.speech_head.bias is not None:  # GPT-2's head has a bias …
            t3.speech_head.bias.copy_(logits)
        else:  # … Llama's has none: channel 0 carries a constant, which RMSNorm makes the root of the width
            t3.speech_pos_emb.emb.weight[:, 0] = 50.0
            weight[:, 0] = logits / weight.size(1) ** 0.5


def _make_it_audible(s3gen: Any) -> None:
    """A voiced source at about 140 Hz, and a vocoder that does not overflow."""
    with torch.no_grad():
        pitch = s3gen.mel2wav.f0_predictor.classifier
        pitch.weight.mul_(0.01)
        pitch.bias.fill_(140.0)
        s3gen.mel2wav.conv_post.parametrizations.weight.original0.mul_(0.05)
        s3gen.flow.decoder.estimator.final_proj.weight.mul_(0.1)


def _own_voice(model: str, config: Any, prompt_tokens: int, seed: int) -> Any:
    """Shapes as `prepare_conditionals` makes them."""
    part = {"chatterbox-turbo": "tts_turbo", "chatterbox": "tts"}.get(model, "mtl_tts")
    source = torch.Generator().manual_seed(seed + 1)
    speaker = torch.nn.functional.normalize(torch.rand(1, _LISTENING, generator=source), dim=1)
    prompt = torch.randint(0, _SOUNDS, (1, config.speech_cond_prompt_len), generator=source)
    cond = import_part("models.t3.modules.cond_enc").T3Cond(
        speaker_emb=speaker, cond_prompt_speech_tokens=prompt, emotion_adv=0.5 * torch.ones(1, 1, 1)
    )
    gen = {
        "prompt_token": torch.randint(0, _SOUNDS, (1, prompt_tokens), generator=source),
        "prompt_token_len": torch.tensor([prompt_tokens]),
        "prompt_feat": torch.randn(1, 2 * prompt_tokens, 80, generator=source) - 4,
        "prompt_feat_len": None,
        "embedding": torch.randn(1, 192, generator=source),
    }
    return import_part(part).Conditionals(cond, gen)


def main() -> None:
    """`python -m tts_node.engines.chatterbox.random_weights chatterbox-turbo tiny FOLDER`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    build(args.model, args.size, args.folder)


if __name__ == "__main__":
    main()
