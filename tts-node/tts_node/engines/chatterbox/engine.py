"""The `Engine` of the Chatterbox models. Import this in the child process only.

A take that runs on or breaks off is made once more with another seed, derived from the first: the same
seed gives the same speech, whichever take is kept.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from tts_node.domain import BYTES_PER_SAMPLE, SAMPLE_RATE, Clip, EngineConfig, Job, Memory, OptionValue
from tts_node.engines.chatterbox import device as devices
from tts_node.engines.chatterbox import rows, variants
from tts_node.engines.chatterbox.edges import finished
from tts_node.engines.chatterbox.errors import Interrupted
from tts_node.engines.chatterbox.interruption import Steps
from tts_node.engines.chatterbox.plausibility import LONGEST_S, Bounds, Fault, bounds_of, other_seed
from tts_node.engines.chatterbox.tags import without_tags
from tts_node.engines.chatterbox.variants import Take, Variant
from tts_node.engines.chatterbox.voicebox import Voicebox, Wish, duration_s, open_voicebox
from tts_node.engines.descriptor import EngineDescriptor
from tts_node.ports import RETRIED, Outlet, Unspeakable

_PIECE_BYTES = SAMPLE_RATE * BYTES_PER_SAMPLE // 2  # half a second


class ChatterboxEngine:
    """One model of the package."""

    def __init__(self, config: EngineConfig, variant: Variant, descriptor: EngineDescriptor) -> None:
        assert descriptor.cloning
        self._config = config
        self._variant = variant
        self._descriptor = descriptor
        self._cloning = descriptor.cloning
        self._defaults = {name: option.default for name, option in descriptor.options.items()}
        self._voicebox: Voicebox | None = None
        self._device = "cpu"
        self.stages: Mapping[str, float] = {}  # seconds of the last utterance, by what was computed

    def load(self) -> None:
        """Raises ChatterboxError; its message is the remedy."""
        self._voicebox, self._device = open_voicebox(self._config, self._variant, self._cloning)

    def speak(self, job: Job, outlet: Outlet) -> None:
        """One waveform, computed whole, then handed over. Stops at the next token when cancelled."""
        text = job.text if self._descriptor.keeps_tags else without_tags(job.text)
        if not any(character.isalnum() for character in text):
            return  # the package would speak a sentence of its own
        steps = Steps(outlet)
        try:
            with devices.enough_memory(self._device):
                samples = self._waveform(text, job, outlet, steps)
        except Interrupted:
            return
        finally:
            steps.end()
            self.stages = steps.stages
        pcm = finished(samples)
        if not pcm:
            outlet.note("the speech was silent")
        for start in range(0, len(pcm), _PIECE_BYTES):
            outlet.write(pcm[start : start + _PIECE_BYTES])

    def prepare(self, clip: Clip, outlet: Outlet) -> None:
        """Computes the voice's conditionals unless they are cached."""
        steps = Steps(outlet)
        try:
            with devices.enough_memory(self._device):
                self._box.conditionals(clip, self._defaults, steps)
        except Interrupted:
            return
        finally:
            self.stages = steps.stages

    def memory(self) -> Memory | None:
        """A GPU's."""
        return devices.memory_of(self._device)

    @property
    def _box(self) -> Voicebox:
        assert self._voicebox, "speak before load"
        return self._voicebox

    def _waveform(self, text: str, job: Job, outlet: Outlet, steps: Steps) -> Any:
        bounds = bounds_of(text, job.language)
        if not bounds.can_be_spoken:
            raise Unspeakable(
                f"The text has {len(text)} characters; the model speaks at most {LONGEST_S:g} s at once. "
                "Send shorter pieces."
            )
        options: dict[str, OptionValue] = self._defaults | {
            name: value for name, value in job.options.items() if name in self._defaults
        }
        conditionals = self._box.conditionals(job.clip, options, steps)
        seed = secrets.randbits(63) if job.seed is None else job.seed
        wish = Wish(text, job.language or "en", options, bounds.token_limit, seed)
        take = self._best_take(wish, bounds, conditionals, outlet, steps)
        return self._box.watermarked(self._box.waveform(take, conditionals, steps), steps)

    def _best_take(self, wish: Wish, bounds: Bounds, conditionals: Any, outlet: Outlet, steps: Steps) -> Take:
        """The first good one of two, else the second; the log is told."""
        take = self._box.take(wish, conditionals, steps)
        fault = _fault(take, bounds)
        if fault is None:
            return take
        outlet.note(f"{RETRIED} with another seed: {fault}")
        again = Wish(wish.text, wish.language, wish.options, wish.token_limit, other_seed(wish.seed))
        take = self._box.take(again, conditionals, steps)
        if fault := _fault(take, bounds):
            outlet.note(f"kept the second take although {fault}")
        return take


def _fault(take: Take, bounds: Bounds) -> Fault | None:
    return bounds.fault_of(duration_s(take), has_stopped=take.has_stopped)


def turbo(config: EngineConfig) -> ChatterboxEngine:
    """350M, English, tags such as [laugh]."""
    return ChatterboxEngine(config, variants.TURBO, rows.TURBO)


def nano(config: EngineConfig) -> ChatterboxEngine:
    """110M, English; for CPUs."""
    return ChatterboxEngine(config, variants.NANO, rows.NANO)


def original(config: EngineConfig) -> ChatterboxEngine:
    """500M, English, with a dial for feeling."""
    return ChatterboxEngine(config, variants.ORIGINAL, rows.ORIGINAL)


def multilingual(config: EngineConfig) -> ChatterboxEngine:
    """500M, 23 languages."""
    return ChatterboxEngine(config, variants.MULTILINGUAL, rows.MULTILINGUAL)
