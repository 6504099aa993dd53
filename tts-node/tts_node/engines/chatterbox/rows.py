"""Chatterbox's rows in the register of engines: what the node must know, with nothing imported.

Limits and defaults are read from chatterbox-tts 0.1.7 (`tts.py`, `tts_turbo.py`, `mtl_tts.py`); the bounds
of the sampling parameters are those within which the models still speak.
"""

import ast
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from tts_node.engines.descriptor import Cloning, EngineDescriptor, EngineOption

PACKAGE = "chatterbox"
_ENGINE = "tts_node.engines.chatterbox.engine"
_VOICES = "tts_node.engines.chatterbox.voices"
_PIECE_CHARS = 300  # beyond about 300 to 350 characters the models begin to skip and repeat

_TEMPERATURE = EngineOption(float, 0.8, 0.0, 2.0, "how varied the delivery is; 0: as little as possible")


def _repetition_penalty(default: float) -> EngineOption:
    return EngineOption(float, default, 1.0, 5.0, "how much sounds that came before are avoided; 1: not at all")


_TURBO_OPTIONS = {
    "temperature": _TEMPERATURE,
    "top_k": EngineOption(int, 1000, 1, 6561, "only so many of the likeliest sounds are considered"),
    "top_p": EngineOption(float, 0.95, 0.05, 1.0, "only sounds within this share of likelihood are considered"),
    "repetition_penalty": _repetition_penalty(1.2),
    "norm_loudness": EngineOption(bool, True, help="level a cloned voice's recording at -27 LUFS first"),
}


def _original_options(repetition_penalty: float) -> dict[str, EngineOption]:
    return {
        "exaggeration": EngineOption(float, 0.5, 0.0, 2.0, "how much feeling; 0.5 is neutral"),
        "cfg_weight": EngineOption(float, 0.5, 0.0, 1.0, "how closely the text's pace is kept; lower is slower"),
        "temperature": _TEMPERATURE,
        "min_p": EngineOption(
            float, 0.05, 0.0, 1.0, "sounds less likely than this share of the best are left out"
        ),
        "top_p": EngineOption(float, 1.0, 0.05, 1.0, "only sounds within this share of likelihood are considered"),
        "repetition_penalty": _repetition_penalty(repetition_penalty),
    }


# Turbo asserts more than 5 s; the others take any length, and below 3 s the voice is not recognisable.
# `best_s` is the longest of the package's ENC_COND_LEN and DEC_COND_LEN.
TURBO = EngineDescriptor(
    id="chatterbox-turbo",
    factory=f"{_ENGINE}:turbo",
    voices=f"{_VOICES}:TURBO",
    package=PACKAGE,
    needs_weights=True,
    uses_gpu=True,
    memory_mb=4000,
    piece_chars=_PIECE_CHARS,
    reads_numbers=False,
    keeps_tags=True,
    varies=True,
    has_speed=False,
    options=_TURBO_OPTIONS,
    cloning=Cloning(min_s=5.1, best_s=15.0),
)

ORIGINAL = replace(
    TURBO,
    id="chatterbox",
    factory=f"{_ENGINE}:original",
    voices=f"{_VOICES}:ORIGINAL",
    memory_mb=4500,
    keeps_tags=False,
    options=_original_options(1.2),
    cloning=Cloning(min_s=3.0, best_s=10.0),
)

MULTILINGUAL = replace(
    ORIGINAL,
    id="chatterbox-multilingual",
    factory=f"{_ENGINE}:multilingual",
    voices=f"{_VOICES}:MULTILINGUAL",
    options=_original_options(2.0),
)


def package_has_nano() -> bool:
    """Whether the package's Turbo class knows the word; the source is read, not imported."""
    spec = find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    return any(has_nano(Path(folder) / "tts_turbo.py") for folder in folders or ())


def has_nano(source: Path) -> bool:
    """Whether a `tts_turbo.py` offers `from_local(…, nano=…)`."""
    if not source.is_file():
        return False
    functions = (node for node in ast.walk(ast.parse(source.read_bytes())) if isinstance(node, ast.FunctionDef))
    loaders = (function for function in functions if function.name == "from_local")
    return any(argument.arg == "nano" for loader in loaders for argument in loader.args.args)


# The 110M model, which chatterbox-tts has in its repository since July 2026 and 0.1.7 has not.
NANO = replace(
    TURBO,
    id="chatterbox-nano",
    factory=f"{_ENGINE}:nano",
    voices=f"{_VOICES}:NANO",
    memory_mb=2500,
    is_in_package=package_has_nano,
)

ROWS = (TURBO, ORIGINAL, MULTILINGUAL, NANO)
