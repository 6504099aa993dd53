"""Between two steps of the model: has the listener left, does the watchdog starve, what is being computed.

Forward hooks on the package's own modules; they are always removed, also when one of them raises.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from tts_node.engines.chatterbox.errors import Interrupted
from tts_node.ports import Outlet

_PROGRESS_S = 0.5

CONDITIONING, T3, FLOW, VOCODER, WATERMARK = "conditioning", "t3", "flow", "vocoder", "watermark"


class Steps:
    """One job's course: told of each step, it raises Interrupted when nobody listens any more."""

    def __init__(self, outlet: Outlet, clock: Callable[[], float] = time.monotonic) -> None:
        self.stages: dict[str, float] = {}  # seconds
        self.counts: dict[str, int] = {}
        self._outlet = outlet
        self._clock = clock
        self._stage: str | None = None
        self._since_s = self._told_s = clock()

    def step(self, stage: str) -> None:
        """At the beginning of a step of that stage."""
        if self._outlet.is_cancelled:
            raise Interrupted
        now_s = self._clock()
        self.counts[stage] = self.counts.get(stage, 0) + 1
        if stage != self._stage:
            self._book(now_s)
            self._stage = stage
        if now_s - self._told_s >= _PROGRESS_S:
            self._told_s = now_s
            self._outlet.progress()

    def end(self) -> None:
        """Nothing is computed from here on."""
        self._book(self._clock())
        self._stage = None

    def _book(self, now_s: float) -> None:
        if self._stage:
            self.stages[self._stage] = self.stages.get(self._stage, 0.0) + now_s - self._since_s
        self._since_s = now_s


@contextlib.contextmanager
def watched(model: Any, steps: Steps) -> Iterator[None]:
    """While entered, every token, every block of the flow and every layer of the vocoder is a step."""
    with contextlib.ExitStack() as hooks:
        for stage, modules in _modules(model).items():
            for module in modules:
                handle = module.register_forward_pre_hook(lambda _module, _args, stage=stage: steps.step(stage))
                hooks.callback(handle.remove)
        try:
            yield
        finally:
            steps.end()


def _modules(model: Any) -> dict[str, list[Any]]:
    """The solver calls the estimator's `forward` directly, so its hooks never run; its blocks' do."""
    s3gen = model.s3gen
    estimator = s3gen.flow.decoder.estimator
    blocks = [*estimator.down_blocks, *estimator.mid_blocks, *estimator.up_blocks]
    return {
        CONDITIONING: [model.ve.lstm, s3gen.speaker_encoder.head, *s3gen.tokenizer.encoder.blocks],
        T3: [model.t3.tfmr],
        FLOW: [s3gen.flow.encoder, *(block[0] for block in blocks)],
        VOCODER: [s3gen.mel2wav.f0_predictor, *s3gen.mel2wav.ups, *s3gen.mel2wav.resblocks],
    }


@contextlib.contextmanager
def no_leaked_hooks(model: Any) -> Iterator[None]:
    """Removes the forward hooks that were added meanwhile.

    The multilingual model's AlignmentStreamAnalyzer registers three a call and keeps no handle: each one holds
    its analyser, and every token copies its attention to the CPU once more for each.
    """
    layers = [layer.self_attn for layer in getattr(model.t3.tfmr, "layers", ())]
    before = [set(layer._forward_hooks) for layer in layers]  # noqa: SLF001  torch offers no list of them
    try:
        yield
    finally:
        for layer, known in zip(layers, before, strict=True):
            for leaked in set(layer._forward_hooks) - known:  # noqa: SLF001
                del layer._forward_hooks[leaked]  # noqa: SLF001
