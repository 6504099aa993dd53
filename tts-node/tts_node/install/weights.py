"""Which files a model needs, and where they lie. Reads the disk's directory only; downloads nothing.

A model's folder is `<weights-dir>/<model>/` with the files as their makers publish them, so that a copy from
another machine, a download by hand or a fine-tune of one's own serves as well as `tts-node download`.
Names and repositories: `from_local` and `from_pretrained` of chatterbox-tts 0.1.7 (tts.py, tts_turbo.py,
mtl_tts.py), and for Nano of its git head (5de7a54).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

_APP = "tts-node"
_GPT2_TOKENIZER = ("vocab.json", "merges.txt", "tokenizer_config.json")
_GPT2_EXTRAS = ("added_tokens.json", "special_tokens_map.json")  # the tags; newer tokenizer files carry them too


@dataclass(frozen=True, slots=True)
class Weights:
    """One model's files on the hub. `revision` is a branch: what it means is settled once per download."""

    repository: str
    required: tuple[str, ...]  # without one of them the model does not load, or has no voice of its own
    extras: tuple[str, ...] = ()  # fetched where the repository has them
    revision: str = "main"

    @property
    def files(self) -> tuple[str, ...]:
        """Everything worth fetching; the repositories hold gigabytes of other models' files beside it."""
        return self.required + self.extras


WEIGHTS: Mapping[str, Weights] = {
    "chatterbox-turbo": Weights(
        "ResembleAI/chatterbox-turbo",
        ("ve.safetensors", "t3_turbo_v1.safetensors", "s3gen_meanflow.safetensors", "conds.pt", *_GPT2_TOKENIZER),
        _GPT2_EXTRAS,
    ),
    "chatterbox-multilingual": Weights(
        "ResembleAI/chatterbox",
        ("ve.pt", "t3_mtl23ls_v2.safetensors", "s3gen.pt", "conds.pt", "grapheme_mtl_merged_expanded_v1.json"),
        ("Cangjie5_TC.json",),  # Chinese only
    ),
    "chatterbox": Weights(
        "ResembleAI/chatterbox",
        ("ve.safetensors", "t3_cfg.safetensors", "s3gen.safetensors", "conds.pt", "tokenizer.json"),
    ),
    "chatterbox-nano": Weights(
        "ResembleAI/chatterbox-nano",
        ("ve.safetensors", "t3_nano_v1.safetensors", "s3gen_meanflow.safetensors", "conds.pt", *_GPT2_TOKENIZER),
        _GPT2_EXTRAS,
    ),
}


def default_weights_dir() -> Path:
    """The user's own, by the platform's custom: ~/.local/share, AppData/Local, Library/Application Support."""
    return user_data_path(_APP, appauthor=False) / "weights"


def default_cache_dir() -> Path:
    """Likewise, for what can be computed anew."""
    return user_cache_path(_APP, appauthor=False)


def missing(model: str, folder: Path) -> tuple[str, ...]:
    """The required files that are not in the folder, or are empty; none for a model that needs none."""
    weights = WEIGHTS.get(model)
    return tuple(name for name in weights.required if not _is_there(folder / name)) if weights else ()


def _is_there(file: Path) -> bool:
    try:
        return file.is_file() and file.stat().st_size > 0
    except OSError:  # a folder that may not be read, a drive that is gone
        return False
