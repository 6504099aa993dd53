"""Programs that play 24 kHz s16le mono, the quickest to begin first. Each command is as its manual says:
pw-cat(1), pacat(1), aplay(1), ffplay(1) with FFmpeg's demuxer `pcm`, sox(1); afplay's own help; Python's winsound.
"""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from router.domain import SAMPLE_RATE_HZ

RATE: Final = str(SAMPLE_RATE_HZ)
_WINSOUND: Final = "import sys, winsound; winsound.PlaySound(sys.argv[1], winsound.SND_FILENAME)"
Which = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Program:
    """`command` reads sound from its input; unless it `can_stream`: from a WAV file, its last argument."""

    name: str
    command: tuple[str, ...]
    can_stream: bool = True


PIPEWIRE: Final = ("--playback", "--raw", "--format", "s16", "--rate", RATE, "--channels", "1", "-")
PULSE: Final = ("--raw", "--format=s16le", f"--rate={RATE}", "--channels=1", "--latency-msec=100")
ALSA: Final = ("-q", "-t", "raw", "-f", "S16_LE", "-r", RATE, "-c", "1", "-")
# Without -ac and -ch_layout: versions know one or the other, and all take mono when none is said.
FFPLAY: Final = ("-nodisp", "-autoexit", "-loglevel", "error", "-probesize", "32", "-f", "s16le")
FFPLAY_INPUT: Final = ("-sample_rate", RATE, "-i", "pipe:0")
SOX: Final = ("-q", "-t", "raw", "-r", RATE, "-e", "signed-integer", "-b", "16", "-c", "1", "-L", "-")

STREAMING: Final = (
    Program("pw-cat", PIPEWIRE),
    Program("pw-play", PIPEWIRE),
    Program("paplay", PULSE),
    Program("aplay", ALSA),
    Program("ffplay", (*FFPLAY, *FFPLAY_INPUT)),
    Program("play", SOX),
)


def found(which: Which = shutil.which, platform: str = sys.platform) -> list[Program]:
    """Those that are here, in the order in which they are tried."""
    here = [
        Program(program.name, (path, *program.command))
        for program in STREAMING
        if (path := which(program.name)) is not None
    ]
    if platform == "darwin" and (path := which("afplay")) is not None:
        here.append(Program("afplay", (path,), can_stream=False))
    if platform == "win32":
        here.append(Program("winsound", (sys.executable, "-c", _WINSOUND), can_stream=False))
    return here


def suggestion(platform: str = sys.platform) -> str:
    """How to get one."""
    if platform == "darwin":
        return "brew install ffmpeg"
    if platform == "win32":
        return "install ffmpeg, so that ffplay is on the PATH"
    return "sudo apt install alsa-utils (aplay), pulseaudio-utils (paplay) or pipewire-bin (pw-cat)"
