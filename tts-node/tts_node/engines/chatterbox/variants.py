"""What tells the models of the package apart: their classes and how each makes speech tokens.

Everything after the tokens is the same for all (`voicebox.py`).
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from tts_node.domain import OptionValue
from tts_node.engines.chatterbox.package import import_part, torch
from tts_node.ports import Unspeakable

MIN_TEMPERATURE = (
    0.01  # zero divides logits by zero in the original; in Turbo it means 1.0. This is next to certain.
)
_COLDEST = 0.01  # logits divided by less are no numbers any more
MIN_CFG_WEIGHT = 1e-9  # zero makes the original stack one row on two; this has no effect on float32 logits
SPEECH_TOKENS = 6561  # ids from here on are signals, not sounds
TURBO_SILENCE = 3  # silent tokens that Turbo adds at the end


@dataclass(frozen=True, slots=True)
class Take:
    """What T3 gave for a text: ids of sounds, and whether it ended by itself."""

    tokens: Any  # LongTensor [n]
    has_stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant(ABC):
    """One model of the package."""

    id: str
    part: str  # module of the package
    class_name: str
    listening_files: tuple[str, ...]  # the weights that go into a voice's conditionals
    flow_steps: int | None = None  # None: the package's own number

    @abstractmethod
    def load(self, kind: Any, weights: Path) -> Any:
        """The package's object, on the CPU."""

    @abstractmethod
    def take(
        self, model: Any, cond: Any, text: str, language: str, options: Mapping[str, OptionValue], limit: int
    ) -> Take:
        """Speech tokens, at most about `limit`. Raises Unspeakable when the text is too long to read."""

    def variation(self, _options: Mapping[str, OptionValue]) -> dict[str, Any]:
        """Which options go into a voice's conditionals; exaggeration is added for each job instead."""
        return {}


def _load(kind: Any, weights: Path, **kwargs: bool) -> Any:
    return kind.from_local(weights, "cpu", **kwargs)


@dataclass(frozen=True, slots=True)
class _Sampling:
    """Zero divides by zero in the original and means 1.0 in Turbo; here it is the likeliest sound each time."""

    temperature: float
    is_surest: bool

    @classmethod
    def of(cls, options: Mapping[str, OptionValue]) -> Self:
        """As asked for."""
        temperature = float(options["temperature"])
        return cls(max(temperature, _COLDEST), temperature == 0)


def _sounds(tokens: Any) -> Any:
    return tokens[tokens < SPEECH_TOKENS]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurboVariant(Variant):
    """GPT-2 and two steps of flow. Nano is the same with a smaller T3."""

    is_nano: bool = False

    def load(self, kind: Any, weights: Path) -> Any:
        """Older packages do not know the word."""
        return _load(kind, weights, nano=True) if self.is_nano else _load(kind, weights)

    def take(
        self, model: Any, cond: Any, text: str, _language: str, options: Mapping[str, OptionValue], limit: int
    ) -> Take:
        """`inference_turbo` gives a first token, then up to `max_gen_len` more, without the one that stops it."""
        sampling = _Sampling.of(options)
        ids = model.tokenizer(text, return_tensors="pt", padding=True, truncation=True).input_ids
        tokens = model.t3.inference_turbo(
            t3_cond=cond,
            text_tokens=ids.to(model.device),
            temperature=sampling.temperature,
            top_k=1 if sampling.is_surest else int(options["top_k"]),
            top_p=float(options["top_p"]),
            repetition_penalty=float(options["repetition_penalty"]),
            max_gen_len=limit,
        )
        silence = torch.full((TURBO_SILENCE,), _silent_token(), device=tokens.device)
        return Take(torch.cat([_sounds(tokens), silence]), has_stopped=tokens.size(1) <= limit)

    def variation(self, options: Mapping[str, OptionValue]) -> dict[str, Any]:
        """The recording's loudness."""
        return {"norm_loudness": bool(options["norm_loudness"])}


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalVariant(Variant):
    """Llama with classifier-free guidance and ten steps of flow; English, or 23 languages."""

    is_multilingual: bool = False

    def load(self, kind: Any, weights: Path) -> Any:
        """The Chinese table is a file of the weights, where the package would look on the network."""
        model = _load(kind, weights)
        if self.is_multilingual:
            _read_cangjie(model.tokenizer.cangjie_converter, weights / "Cangjie5_TC.json")
        return model

    def take(
        self, model: Any, cond: Any, text: str, language: str, options: Mapping[str, OptionValue], limit: int
    ) -> Take:
        """The guidance is always on: without it the package fails (cfg_weight 0 is next to none here)."""
        sampling = _Sampling.of(options)
        tokens = model.t3.inference(
            t3_cond=cond,
            text_tokens=self._text_tokens(model, text, language),
            max_new_tokens=limit,
            temperature=sampling.temperature,
            cfg_weight=max(float(options["cfg_weight"]), MIN_CFG_WEIGHT),
            repetition_penalty=float(options["repetition_penalty"]),
            min_p=1.0 if sampling.is_surest else float(options["min_p"]),
            top_p=float(options["top_p"]),
        )[0]
        return Take(_sounds(tokens), has_stopped=int(tokens[-1]) == model.t3.hp.stop_speech_token)

    def _text_tokens(self, model: Any, text: str, language: str) -> Any:
        extra = {"language_id": language} if self.is_multilingual else {}
        ids = model.tokenizer.text_to_tokens(text, **extra)
        hp = model.t3.hp
        if ids.size(1) > hp.max_text_tokens:
            raise Unspeakable(
                f"The text has {ids.size(1)} tokens; {self.id} reads {hp.max_text_tokens} at once. Send less."
            )
        ids = torch.nn.functional.pad(ids, (1, 0), value=hp.start_text_token)
        ids = torch.nn.functional.pad(ids, (0, 1), value=hp.stop_text_token)
        return torch.cat([ids, ids]).to(model.device)


def _silent_token() -> int:
    return int(import_part("models.s3gen.const").S3GEN_SIL)


def _read_cangjie(converter: Any, table: Path) -> None:
    """Each entry is "glyph<tab>code"; several glyphs may share a code, in the table's order."""
    if converter.word2cj or not table.is_file():
        return
    for entry in json.loads(table.read_text(encoding="utf-8")):
        glyph, code = entry.split("\t")[:2]
        converter.word2cj[glyph] = code
        converter.cj2word.setdefault(code, []).append(glyph)


TURBO = TurboVariant(
    id="chatterbox-turbo",
    part="tts_turbo",
    class_name="ChatterboxTurboTTS",
    listening_files=("ve.safetensors", "s3gen_meanflow.safetensors"),
    flow_steps=2,
)
NANO = replace(TURBO, id="chatterbox-nano", is_nano=True)
ORIGINAL = OriginalVariant(
    id="chatterbox",
    part="tts",
    class_name="ChatterboxTTS",
    listening_files=("ve.safetensors", "s3gen.safetensors"),
)
MULTILINGUAL = OriginalVariant(
    id="chatterbox-multilingual",
    part="mtl_tts",
    class_name="ChatterboxMultilingualTTS",
    listening_files=("ve.pt", "s3gen.pt"),
    is_multilingual=True,
)
