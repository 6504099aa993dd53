"""Whether a recording will do as a voice, in words that say what to do about it. Pure decisions.

The thresholds come from trying: espeak's speech with noise, gain and clipping added, and what listeners of
cloned voices complain about. A copied voice keeps the room, the noise and the distortion of its recording.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tts_node.engines.descriptor import EngineDescriptor
from tts_node.errors import BadRequest
from tts_node.voices.recording import MAX_HEARD_S, Measures

_SHORTEST_S = 3.0  # where no engine that copies voices is installed: what the least demanding one needs
_ADVISED_S = 6.0
_SILENT_LUFS = -69.0  # ebur128 says -70 when nothing passes its gate
_INAUDIBLE_LUFS = -55.0
_QUIET_LUFS = -40.0
_RUINED_SHARE, _CLIPPED_SHARE = 0.05, 0.001
_NO_VOICE_DB, _NOISY_DB = 6.0, 18.0
_MOSTLY_SILENT = 0.6


@dataclass(frozen=True, slots=True)
class Demand:
    """What the engines of this node need of a recording."""

    shortest_s: float = _SHORTEST_S  # below it nobody can use it
    advised_s: float = _ADVISED_S  # from it on everybody can

    @classmethod
    def of(cls, descriptors: Iterable[EngineDescriptor]) -> "Demand":
        """The installed ones that copy voices."""
        needs = [each.cloning.min_s for each in descriptors if each.cloning]
        return cls(min(needs), max(_ADVISED_S, math.floor(max(needs)) + 1.0)) if needs else cls()


def judge(measures: Measures, demand: Demand) -> tuple[str, ...]:
    """What could be better about it. Raises BadRequest when it cannot be used at all."""
    if fault := _fault(measures, demand):
        code, message = fault
        raise BadRequest(message, param="audio_sample", code=code)
    return tuple(_flaws(measures, demand))


def _fault(measures: Measures, demand: Demand) -> tuple[str, str] | None:
    speech_s, advised_s = measures.speech_s, demand.advised_s
    if measures.loudness_lufs <= _SILENT_LUFS:
        return "clip_silent", "The recording is silent. Check the microphone, and record again."
    if measures.loudness_lufs < _INAUDIBLE_LUFS:
        return "clip_quiet", (
            f"The recording is hardly audible ({measures.loudness_lufs:.0f} LUFS). Speak closer to the microphone,"
            " or raise its level."
        )
    if measures.snr_db < _NO_VOICE_DB:
        return "clip_noisy", (
            "No voice stands out: the recording is equally loud throughout, like noise or a tone. Record speech "
            "in a quiet room."
        )
    if measures.clipped_share > _RUINED_SHARE:
        return "clip_clipped", (
            f"The recording is overdriven ({measures.clipped_share:.0%} of it is cut off at full scale). Lower "
            "the microphone's level, or move away from it."
        )
    if speech_s < demand.shortest_s:
        return "clip_too_short", f"{speech_s:.1f} s; record at least {advised_s:g} s of continuous speech."
    return None


def _flaws(measures: Measures, demand: Demand) -> Iterable[str]:
    if measures.is_cut:
        yield f"Only the first {MAX_HEARD_S:g} s are used."
    if measures.speech_s < demand.advised_s:
        yield f"{measures.speech_s:.1f} s of speech; {demand.advised_s:g} s serve every engine."
    if measures.loudness_lufs < _QUIET_LUFS:
        yield f"Quiet ({measures.loudness_lufs:.0f} LUFS): its noise was raised together with the voice."
    if measures.clipped_share > _CLIPPED_SHARE:
        yield f"Overdriven: {measures.clipped_share:.1%} of it is cut off at full scale."
    if measures.snr_db < _NOISY_DB:
        yield f"Noisy: the voice stands only {measures.snr_db:.0f} dB above the room. The copy keeps the noise."
    if measures.silence_share > _MOSTLY_SILENT:
        yield f"{measures.silence_share:.0%} of it was silence, and was cut out."
