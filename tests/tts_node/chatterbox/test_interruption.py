"""A listener that leaves stops the model at its next step; the watchdog is fed meanwhile."""

import itertools

import pytest

from spoken import Heard, hooks_of, job, speak
from tts_node.domain import Clip
from tts_node.engines.chatterbox.engine import ChatterboxEngine
from tts_node.engines.chatterbox.errors import Interrupted
from tts_node.engines.chatterbox.interruption import Steps


@pytest.mark.parametrize("step", [1, 2, 5, 9])
def test_it_stops_at_the_next_token(engine: ChatterboxEngine, step: int) -> None:
    """After the look that saw the listener gone nothing more is computed, and nothing is heard."""
    hooks = hooks_of(engine)
    heard = speak(engine, job(), cancel_at=step)
    assert (step, b"") == (heard.looks, heard.pcm)
    assert hooks == hooks_of(engine)


def test_it_stops_in_the_flow_and_in_the_vocoder(engine: ChatterboxEngine) -> None:
    """Each of their layers is a step; half way through their steps it ends there."""
    whole = speak(engine, job())
    for looks in (whole.looks - 2, whole.looks - 10, whole.looks - 30):
        assert looks == speak(engine, job(), cancel_at=looks).looks


def test_the_next_request_hears_nothing_of_it(engine: ChatterboxEngine) -> None:
    """Cut anywhere, then asked again: the same bytes as ever."""
    expected = speak(engine, job()).pcm
    for looks in (3, 12, 40):
        speak(engine, job(seed=9), cancel_at=looks)
        assert expected == speak(engine, job()).pcm


def test_preparing_a_voice_can_be_stopped(engine: ChatterboxEngine, clips: dict[str, Clip]) -> None:
    """Half a voice is not kept."""
    clip = Clip(hash="left half-way", path=clips["low"].path)
    engine.prepare(clip, Heard(cancel_at=3))
    heard = Heard()
    engine.prepare(clip, heard)
    assert "conditioning" in engine.stages
    assert heard.looks > 3


def test_the_watchdog_is_fed_every_half_second() -> None:
    """Not at every token: each sign of life is a frame on a pipe."""
    ticks = itertools.count()
    heard = Heard()
    steps = Steps(heard, lambda: next(ticks) * 0.1)
    for _ in range(50):
        steps.step("t3")
    assert 10 == heard.signs_of_life


def test_steps_measure_stages() -> None:
    """Each stage's own time, also when it comes twice."""
    times = iter([0.0, 1.0, 2.0, 4.0, 5.0, 7.0])
    steps = Steps(Heard(), lambda: next(times))
    for stage in ("t3", "flow", "flow", "t3"):
        steps.step(stage)
    steps.end()
    assert {"t3": 3.0, "flow": 3.0} == steps.stages


def test_a_step_after_the_leaving_raises() -> None:
    """So that the model unwinds by itself."""
    with pytest.raises(Interrupted):
        Steps(Heard(cancel_at=1)).step("t3")
