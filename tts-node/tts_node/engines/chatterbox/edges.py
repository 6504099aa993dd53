"""A finished waveform to the node's PCM: silent ends cut off, then faded, so that pieces join without clicks.

ffmpeg's filters do the work. The end of a waveform is reached by turning it round.
"""

from fractions import Fraction
from typing import Any

from av.audio.frame import AudioFrame

from tts_node.domain import SAMPLE_RATE
from tts_node.engines.chatterbox.package import np
from tts_node.sound.audio import graph_of, passed, pcm_of

_SILENCE = 10 ** (-45 / 20)  # of the peak: room noise lies lower, the softest consonants higher
_KEPT_S = 0.03  # of what is silent, so that breath and reverberation are not cut hard
_FADE_S = 0.004


def finished(samples: Any) -> bytes:
    """float32 mono at 24 kHz to s16; nothing when all is silent. What is not a number counts as silence."""
    samples = np.nan_to_num(samples, posinf=0.0, neginf=0.0).astype("float32")
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < 1e-4:  # below the last three bits of s16
        return b""
    frame = AudioFrame.from_ndarray(samples.clip(-1.0, 1.0)[None, :], format="flt", layout="mono")
    frame.sample_rate, frame.time_base, frame.pts = SAMPLE_RATE, Fraction(1, SAMPLE_RATE), 0
    graph = graph_of(SAMPLE_RATE, *_filters(peak * _SILENCE), sample_format="flt")
    return pcm_of(passed(graph, (frame,)))


def _filters(threshold: float) -> list[tuple[str, str]]:
    one_end = [
        (
            "silenceremove",
            f"start_periods=1:start_threshold={threshold:.7f}:start_silence={_KEPT_S}:detection=rms",
        ),
        ("asetpts", "N/SR/TB"),  # or the fade would lie where the silence was
        ("afade", f"t=in:st=0:d={_FADE_S}"),
        ("areverse", ""),
    ]
    return [*one_end, *one_end, ("aformat", "sample_fmts=s16:channel_layouts=mono")]
