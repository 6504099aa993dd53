"""`tts-node doctor`: what is wrong on this machine, and how to mend it."""

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Callable

import av

from tts_node.app import App
from tts_node.commands.serve import PortTaken, bind
from tts_node.domain import AudioFormat, SpeechRequest
from tts_node.encoding import CODINGS, encoder_for
from tts_node.errors import NodeError
from tts_node.settings import Settings, SettingsError, add_flags, read_settings

_NEWEST_FOR_CHATTERBOX = (3, 12)


class Fault(Exception):
    """What is wrong and how to mend it, in one line."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`doctor`, with the settings it should examine."""
    parser = commands.add_parser("doctor", help="say what is wrong and how to mend it", description=__doc__)
    add_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """One line per check; 1 when any found a fault."""
    try:
        settings = read_settings(vars(args), os.environ)
    except SettingsError as exc:
        for fault in exc.faults:
            print(f"FAULT settings: {fault}")
        return 1
    checks: dict[str, Callable[[Settings], str]] = {
        "interpreter": check_interpreter,
        "codecs": check_codecs,
        "library": check_library,
        "port": check_port,
        "speech": check_speech,
    }
    return 1 if [name for name, check in checks.items() if not is_healthy(name, check, settings)] else 0


def is_healthy(name: str, check: Callable[[Settings], str], settings: Settings) -> bool:
    """Runs one check and prints its line."""
    try:
        print(f"ok    {name}: {check(settings)}", flush=True)
    except Fault as exc:
        print(f"FAULT {name}: {exc}", flush=True)
        return False
    return True


def check_interpreter(_settings: Settings) -> str:
    """New enough to run, or these lines would not; whether Chatterbox would run too."""
    version = platform.python_version()
    note = "" if sys.version_info[:2] <= _NEWEST_FOR_CHATTERBOX else "; Chatterbox will need 3.11 or 3.12"
    return f"Python {version}{note}"


def check_codecs(_settings: Settings) -> str:
    """Every format really encodes."""
    for audio_format in AudioFormat:
        try:
            encoder = encoder_for(audio_format, is_whole=True)
            encoder.feed(bytes(4800))
            encoder.finish()
        except (av.FFmpegError, ValueError) as exc:
            codec = CODINGS[audio_format].codec
            raise Fault(
                f"{audio_format} cannot be made ({codec}: {exc}). Reinstall PyAV from a wheel: "
                "pip install --force-reinstall --only-binary :all: av"
            ) from exc
    return f"PyAV {av.__version__} makes {', '.join(AudioFormat)}"


def check_library(settings: Settings) -> str:
    """espeak-ng is installed where the child will look for it."""
    if settings.engine != "espeak":
        return "espeak-ng is not the engine"
    from tts_node.engines.espeak import EspeakError, find_library  # here: the node itself never imports engines

    try:
        path, _ = find_library()
    except EspeakError as exc:
        raise Fault(str(exc)) from exc
    return f"espeak-ng is {path}"


def check_port(settings: Settings) -> str:
    """Free to bind."""
    try:
        bind(settings.host, settings.port).close()
    except PortTaken as exc:
        raise Fault(str(exc)) from exc
    return f"{settings.port} on {settings.host} is free"


def check_speech(settings: Settings) -> str:
    """A child process starts, finds its library and speaks."""
    return asyncio.run(_speak(settings))


async def _speak(settings: Settings) -> str:
    request = SpeechRequest(text="All is well.")
    async with App(settings) as app:
        try:
            async with app.node.speaking(app.node.order(request)) as utterance:
                loud = any([any(pcm) async for pcm in utterance.pieces()])
                speech = utterance.speech
        except NodeError as exc:
            raise Fault(exc.message) from exc
    if not loud:
        raise Fault(f"{settings.engine} gives silence. Reinstall it.")
    return f"{settings.engine} spoke {speech.audio_duration_s:.2f} s in {speech.generation_time_s * 1000:.0f} ms"
