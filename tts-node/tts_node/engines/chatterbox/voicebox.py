"""A loaded model: text and a voice in, a waveform out. One call at a time, on one thread.

Everything the package keeps between calls and should not is put right here: `model.conds`, leaked hooks,
the global random state. What comes out, with watermark and without trimming, is what the package's own
`generate()` gives for the same seed, bit for bit; a test compares.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tts_node.domain import TOKENS_PER_AUDIO_SECOND, Clip, EngineConfig, OptionValue
from tts_node.engines.chatterbox import device as devices
from tts_node.engines.chatterbox import economies, package, tiny
from tts_node.engines.chatterbox.conditionals import ConditionalsCache, cut_recording, fingerprint, for_one_job
from tts_node.engines.chatterbox.errors import ChatterboxError
from tts_node.engines.chatterbox.interruption import CONDITIONING, T3, WATERMARK, Steps, no_leaked_hooks, watched
from tts_node.engines.chatterbox.package import np, torch
from tts_node.engines.chatterbox.variants import Take, Variant
from tts_node.engines.descriptor import Cloning
from tts_node.install.weights import missing
from tts_node.ports import Unspeakable, VoiceGone

_NEUTRAL = 0.5
MIN_TOKENS = 3  # fewer make too few mel frames for the vocoder's filters
SAMPLE_RATE = 24_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What one take is made of."""

    text: str
    language: str
    options: Mapping[str, OptionValue]
    token_limit: int
    seed: int


class Voicebox:
    """One model on one device."""

    def __init__(self, model: Any, variant: Variant, cache: ConditionalsCache, cloning: Cloning) -> None:
        self._model = model
        self._variant = variant
        self._cache = cache
        self._cloning = cloning
        self._own_voice = model.conds
        part = package.import_part(variant.part)
        self.punctuated: Callable[[str], str] = part.punc_norm

    def conditionals(self, clip: Clip | None, options: Mapping[str, OptionValue], steps: Steps) -> Any:
        """The voice's: the model's own, a cached one, or computed now. Raises Unspeakable for a bad recording."""
        if clip is None:
            if self._own_voice is None:
                raise Unspeakable("This model has no voice of its own. Name a cloned one.", param="voice")
            return self._own_voice
        variation = self._variant.variation(options)
        return self._cache.get(clip, repr(variation), lambda: self._listen(clip, variation, steps))

    def take(self, wish: Wish, conditionals: Any, steps: Steps) -> Take:
        """Speech tokens. The seed decides everything random that follows, the waveform included."""
        torch.manual_seed(wish.seed)
        exaggeration = float(wish.options.get("exaggeration", _NEUTRAL))
        cond, _ = for_one_job(conditionals, exaggeration)
        steps.step(T3)
        with torch.inference_mode(), watched(self._model, steps), no_leaked_hooks(self._model):
            text = self.punctuated(wish.text)
            return self._variant.take(self._model, cond, text, wish.language, wish.options, wish.token_limit)

    def waveform(self, take: Take, conditionals: Any, steps: Steps) -> Any:
        """float32 samples of a take, before the watermark."""
        _, gen = for_one_job(conditionals, 0.0)
        with torch.inference_mode(), watched(self._model, steps):
            wav, _ = self._model.s3gen.inference(
                speech_tokens=enough(take.tokens), ref_dict=gen, n_cfm_timesteps=self._variant.flow_steps
            )
            samples = wav.squeeze(0).detach().cpu().numpy()
        if not np.isfinite(samples).all():
            raise ChatterboxError(
                "The model computed no numbers (NaN): its weights are damaged or its device is faulty."
            )
        return samples

    def watermarked(self, samples: Any, steps: Steps) -> Any:
        """With the package's inaudible mark, unless switched off at loading."""
        steps.step(WATERMARK)
        with torch.inference_mode():
            marked = self._model.watermarker.apply_watermark(samples, sample_rate=SAMPLE_RATE)
        steps.end()
        return marked

    def _listen(self, clip: Clip, variation: dict[str, Any], steps: Steps) -> Any:
        steps.step(CONDITIONING)
        recording = self._recording(clip)
        try:
            with torch.inference_mode(), watched(self._model, steps):
                self._model.prepare_conditionals(recording, **variation)
            found = self._model.conds
        except AssertionError as exc:
            needed = f"{self._variant.id} needs {self._cloning.min_s:g} s of speech"
            raise Unspeakable(f"The voice's recording is too short: {needed}.", param="voice") from exc
        finally:
            self._model.conds = self._own_voice
        return found

    def _recording(self, clip: Clip) -> Any:
        try:
            return cut_recording(Path(clip.path), self._cloning.best_s)
        except (OSError, RuntimeError) as exc:
            if not Path(clip.path).exists():
                raise VoiceGone from exc
            raise ChatterboxError(
                f"The voice's recording cannot be read ({type(exc).__name__}). Upload it again."
            ) from exc


def enough(tokens: Any) -> Any:
    """At least as many tokens as the vocoder can make into sound; what is added is silence."""
    lacking = MIN_TOKENS - tokens.numel()
    if lacking <= 0:
        return tokens
    silence = package.import_part("models.s3gen.const").S3GEN_SIL
    return torch.cat([tokens, torch.full((lacking,), silence, dtype=tokens.dtype, device=tokens.device)])


def duration_s(take: Take) -> float:
    """Of the audio that the tokens will be."""
    return float(take.tokens.numel()) / TOKENS_PER_AUDIO_SECOND


def open_voicebox(config: EngineConfig, variant: Variant, cloning: Cloning) -> tuple[Voicebox, str]:
    """Loads the model; gives the device it is on too. Raises ChatterboxError that says how to mend it."""
    device = devices.choose(config.device)
    weights = _weights(config, variant)
    package.use_watermarker(is_on=config.watermark)
    if config.threads:
        torch.set_num_threads(config.threads)
    with devices.enough_memory(device):
        model = _model(variant, weights)
        if device == "cpu" and config.quantise:
            economies.quantise(model)
        _move(model, device)
    economies.spare_attention(model)
    devices.return_freed_memory()
    folder = Path(config.cache) if config.cache else None
    kind = package.import_part(variant.part).Conditionals
    origin = f"{variant.id} {fingerprint(weights, variant.listening_files)}"
    return Voicebox(model, variant, ConditionalsCache(kind, folder, origin, device), cloning), device


def _weights(config: EngineConfig, variant: Variant) -> Path:
    remedy = f"Run: tts-node download {variant.id}"
    if not config.weights:
        raise ChatterboxError(f"{variant.id} has no folder of weights. {remedy}.")
    folder = Path(config.weights)
    if lacking := missing(variant.id, folder):
        raise ChatterboxError(f"{folder} lacks {', '.join(lacking)}. {remedy} (or copy the files there).")
    return folder


def _model(variant: Variant, weights: Path) -> Any:
    """Always on the CPU first: the package would open a context on cuda:0 too, whatever device was asked for."""
    kind = getattr(package.import_part(variant.part), variant.class_name)
    try:
        with tiny.sizes_of(weights):
            return variant.load(kind, weights)
    except Exception as exc:
        if devices.is_out_of_memory(exc):
            raise
        first_line = str(exc).strip().partition("\n")[0]
        raise ChatterboxError(
            f"The weights in {weights} cannot be loaded ({type(exc).__name__}: {first_line}): a file is "
            f"damaged or of another version. Run: tts-node download {variant.id}"
        ) from exc


def _move(model: Any, device: str) -> None:
    if device != "cpu":
        for part in (model.t3, model.s3gen, model.ve):
            part.to(device)
        if model.conds is not None:
            model.conds.to(device)
    model.device = device
