"""espeak-ng through ctypes: the voice of last resort. Import this in the child process only (GPL-3+ library).

espeak-ng keeps state in C globals: the flutter and phase of the last utterance colour the next, and
Terminate plus Initialize do not reset them (measured on 1.52.0). Unloading the shared library does, and
costs about 1 ms; so every utterance gets a fresh library, and the same job gives the same bytes.
"""

import _ctypes
import ctypes
import ctypes.util
import importlib.util
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tts_node.domain import Clip, EngineConfig, Job, Memory
from tts_node.engines.espeak_voices import IDENTIFIERS, TIMBRES
from tts_node.ports import Outlet
from tts_node.sound.audio import Resampler, Tempo

# From speak_lib.h
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_ENDPAUSE = 0x1000
_POS_CHARACTER = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_MAX_DATA_PATH = 140  # the library copies the path into a buffer of 160 bytes and adds to it

_CALLBACK_MS = 60
_NORMAL_WPM = 175
_SLOWEST_WPM = 80  # below this espeak ignores the rate …
_SLOWEST_SPEED = 0.477  # … and this is how slow it then is, measured
_SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class EspeakError(Exception):
    """The library is missing or refuses; the message says how to mend it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a speed is reached: espeak's own rate, and a stretch (1.0: none) where that ends."""

    wpm: int
    tempo: float


def pace_of(speed: float) -> Pace:
    """OpenAI's 0.25 to 4 as words a minute; slower than espeak can, the audio is stretched at its pitch."""
    wpm = round(_NORMAL_WPM * speed)
    if wpm >= _SLOWEST_WPM:
        return Pace(wpm, 1.0)
    return Pace(_SLOWEST_WPM, max(0.5, speed / _SLOWEST_SPEED))


@dataclass(frozen=True, slots=True)
class Recipe:
    """What espeak is told about a voice."""

    name: str
    pitch: int
    pitch_range: int


def recipe_of(job: Job) -> Recipe:
    """A named voice speaks the asked language with its timbre; a language's voice keeps to its language.

    A seed picks the take: it moves pitch and intonation a little, the same way each time.
    """
    timbre = TIMBRES.get(job.voice)
    if timbre is None:
        name, pitch = IDENTIFIERS[job.voice], 50
    else:
        name, pitch = f"{IDENTIFIERS[job.language or timbre.language]}+{timbre.variant}", timbre.pitch
    if job.seed is None:
        return Recipe(name, pitch, 50)
    spread = (job.seed * 0x9E3779B97F4A7C15) % 2**64 >> 48  # Fibonacci hashing: neighbours land far apart
    return Recipe(name, pitch + spread % 9 - 4, 50 + (spread // 9) % 21 - 10)


def find_library() -> tuple[str, Path | None]:
    """The shared library and its data folder: the packaged one, else the system's (which knows its data).

    Loads nothing. Raises EspeakError with what to install.
    """
    if importlib.util.find_spec("espeakng_loader") is not None:
        import espeakng_loader

        data = Path(espeakng_loader.get_data_path())
        if len(str(data)) > _MAX_DATA_PATH:
            raise EspeakError(
                f"The path of espeak-ng's data is longer than the library can hold ({_MAX_DATA_PATH} characters): "
                "install this project in a folder with a shorter path."
            )
        return str(espeakng_loader.get_library_path()), data
    found = ctypes.util.find_library("espeak-ng")
    if found is None:
        raise EspeakError(
            "espeak-ng is not installed. pip install 'tts-node[espeak]', or your system's package libespeak-ng1."
        )
    return found, None


class Library:
    """One loading of libespeak-ng, from dlopen to dlclose."""

    def __init__(self) -> None:
        path, data = find_library()
        try:
            self._lib = ctypes.CDLL(path)
        except OSError as exc:
            raise EspeakError(f"espeak-ng cannot be loaded: {exc}. Reinstall espeakng-loader.") from exc
        self._lib.espeak_Info.restype = ctypes.c_char_p
        self.rate: int = self._lib.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, _CALLBACK_MS, str(data).encode() if data else None, _INITIALIZE_DONT_EXIT
        )
        if self.rate <= 0:
            self.close()
            raise EspeakError("espeak-ng finds no data. Reinstall espeakng-loader (or espeak-ng-data).")

    @property
    def version(self) -> str:
        """Such as "1.52.0"."""
        return str(self._lib.espeak_Info(None).decode())

    def speak(self, text: str, recipe: Recipe, wpm: int, seed: int, on_pcm: Callable[[bytes], bool]) -> None:
        """Calls `on_pcm` with audio at `rate` until the end, or until it returns False. Raises what it raised."""
        raised: list[BaseException] = []

        def on_audio(wav: "ctypes._Pointer[ctypes.c_short]", samples: int, _events: int | None) -> int:
            if not wav or samples <= 0:
                return 0
            try:
                return 0 if on_pcm(ctypes.string_at(wav, 2 * samples)) else 1
            except BaseException as exc:
                raised.append(exc)
                return 1

        callback = _SynthCallback(on_audio)  # kept alive by this frame until the library is done with it
        self._lib.espeak_SetSynthCallback(callback)
        if self._lib.espeak_SetVoiceByName(recipe.name.encode()) != 0:
            raise EspeakError(f"espeak-ng does not know its voice {recipe.name!r}. Reinstall espeakng-loader.")
        if hasattr(self._lib, "espeak_ng_SetRandSeed"):
            self._lib.espeak_ng_SetRandSeed(ctypes.c_long(seed & 0x7FFFFFFF))
        for parameter, value in ((_RATE, wpm), (_PITCH, recipe.pitch), (_RANGE, recipe.pitch_range)):
            self._lib.espeak_SetParameter(parameter, value, 0)
        data = text.replace("\0", " ").encode()
        self._lib.espeak_Synth(data, len(data) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8 | _ENDPAUSE, None, None)
        self._lib.espeak_Synchronize()
        if raised:
            raise raised[0]

    def close(self) -> None:
        """Terminates and unloads; the object is of no use afterwards."""
        self._lib.espeak_Terminate()
        if sys.platform == "win32":
            _ctypes.FreeLibrary(self._lib._handle)  # noqa: SLF001  ctypes offers no public way to unload
        else:
            _ctypes.dlclose(self._lib._handle)  # noqa: SLF001


class EspeakEngine:
    """The `Engine` of this library."""

    def __init__(self, _config: EngineConfig) -> None:
        """Every device is the CPU here."""

    def load(self) -> None:
        """Opens the library once, so that what is missing shows now and not in the first sentence."""
        Library().close()

    def speak(self, job: Job, outlet: Outlet) -> None:
        """Speaks through a fresh library; stops within one callback (60 ms of audio) when cancelled."""
        with closing(Library()) as library:
            pace = pace_of(job.speed)
            resampler = Resampler(library.rate)
            tempo = Tempo(library.rate, pace.tempo) if pace.tempo != 1.0 else None

            def on_pcm(pcm: bytes) -> bool:
                outlet.write(resampler.feed(tempo.feed(pcm) if tempo else pcm))
                return not outlet.is_cancelled

            library.speak(job.text, recipe_of(job), pace.wpm, job.seed or 0, on_pcm)
        if tempo:
            outlet.write(resampler.feed(tempo.flush()))
        outlet.write(resampler.flush())

    def prepare(self, _clip: Clip, _outlet: Outlet) -> None:
        """espeak copies no voices; the node never asks it to."""
        raise EspeakError("espeak-ng has voices of its own only.")

    def memory(self) -> Memory | None:
        """It has no device."""
        return None
