"""Sound that is as long as its text and as loud as a voice. It is computed once and cut to size.

What an encoder does depends on what it hears: silence is next to free, and white noise dearer than any voice. This
has a voice's harmonics under a falling spectrum, its syllables, and the hiss of consonants between them.
"""

import array
import math
import random
from typing import Final

from router.domain import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ

CHARS_PER_S: Final = 15.0  # how fast a text is read
_LOOP_S: Final = 4
_LONGEST_S: Final = 60
_PITCH_HZ: Final = 130.0
_HARMONICS: Final = 14
_SYLLABLES_PER_S: Final = 4.0
_LOUD: Final = 5000.0  # of 32767


def duration_s(text: str) -> float:
    """How long `text` takes."""
    return max(0.2, len(text) / CHARS_PER_S)


class Voice:
    """Speaks at once."""

    def __init__(self) -> None:
        self._pcm = memoryview(_loop() * (_LONGEST_S // _LOOP_S))

    def speak(self, text: str) -> memoryview:
        """24 kHz s16le mono."""
        size = int(min(duration_s(text), _LONGEST_S) * SAMPLE_RATE_HZ) * BYTES_PER_SAMPLE
        return self._pcm[:size]


def _loop() -> bytes:
    chance, samples, phase = random.Random(1), array.array("h"), 0.0  # noqa: S311  hiss
    for number in range(_LOOP_S * SAMPLE_RATE_HZ):
        at_s = number / SAMPLE_RATE_HZ
        phase += _PITCH_HZ * (1 + 0.12 * math.sin(math.tau * 0.5 * at_s)) / SAMPLE_RATE_HZ
        open_share = max(0.0, math.sin(math.tau * _SYLLABLES_PER_S * at_s)) ** 0.5
        voiced = sum(math.sin(math.tau * phase * k) / k for k in range(1, _HARMONICS))
        hiss = chance.gauss(0, 0.15) * (1 - open_share)
        samples.append(int(_LOUD * (open_share * voiced + hiss)))
    return samples.tobytes()
