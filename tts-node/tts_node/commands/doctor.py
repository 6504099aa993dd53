"""`tts-node doctor`: what is wrong on this machine, and how to mend it."""

import argparse
import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av

from tts_node.app import App
from tts_node.commands.serve import PortTaken, bind
from tts_node.domain import AudioFormat, SpeechRequest
from tts_node.engines import ESPEAK, REGISTRY
from tts_node.errors import NodeError
from tts_node.install.diagnosis import Finding, diagnose
from tts_node.install.installation import PYTHONS
from tts_node.install.offer import AUTO, NotOffered, make_offer
from tts_node.install.probe import Facts, ProbeFailed, look
from tts_node.install.weights import missing
from tts_node.settings import Settings, SettingsError, add_flags, read_settings
from tts_node.sound.encoding import CODINGS, encoder_for

_LEAST_FREE_BYTES = 1_000_000_000  # below this a cache or an upload soon meets a full disk
_WEIGHTS_BYTES = 4_000_000_000  # of the largest model


class Fault(Exception):
    """What is wrong and how to mend it, in one line."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`doctor`, with the settings it should examine."""
    parser = commands.add_parser("doctor", help="say what is wrong and how to mend it", description=__doc__)
    add_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """One line per check, as soon as it is known; 1 when any found a fault."""
    try:
        settings = read_settings(vars(args), os.environ)
    except SettingsError as exc:
        for fault in exc.faults:
            print(f"FAULT settings: {fault}")
        return 1
    is_healthy = True
    for finding in findings(settings):
        print(f"{'ok   ' if finding.is_ok else 'FAULT'} {finding.name}: {finding.text}", flush=True)
        is_healthy &= finding.is_ok
    return 0 if is_healthy else 1


def findings(settings: Settings) -> Iterator[Finding]:
    """Every check in order, from what everything stands on to what a listener hears."""
    yield checked("interpreter", check_interpreter, settings)
    yield checked("codecs", check_codecs, settings)
    yield checked("library", check_library, settings)
    try:
        facts = look()
    except ProbeFailed as exc:
        yield Finding(
            "chatterbox", False, f"{exc}. Run `tts-node setup cuda` (or cpu) again, and see `nvidia-smi`."
        )
    else:
        yield from diagnose(facts, settings.device)
        yield from check_weights(facts, settings)
    yield checked("disk", check_disk, settings)
    yield checked("port", check_port, settings)
    yield checked("speech", check_speech, settings)


def checked(name: str, check: Callable[[Settings], str], settings: Settings) -> Finding:
    """A check's line."""
    try:
        return Finding(name, True, check(settings))
    except Fault as exc:
        return Finding(name, False, str(exc))


def check_interpreter(_settings: Settings) -> str:
    """New enough to run, or these lines would not; whether Chatterbox would run too."""
    version = platform.python_version()
    note = "" if sys.version_info[:2] in PYTHONS else "; Chatterbox needs an environment with 3.11 or 3.12"
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
    """espeak-ng is where the child will look for it; without it another engine must be there."""
    from tts_node.engines.espeak import EspeakError, find_library  # here: the node itself never imports engines

    try:
        path, _ = find_library()
    except EspeakError as exc:
        offered = make_offer(REGISTRY, AUTO, settings.weights_dir).models
        if settings.engine == ESPEAK.id or offered == (ESPEAK.id,):
            raise Fault(str(exc)) from exc
        return f"espeak-ng, the voice of last resort, is not here: {exc}"
    return f"espeak-ng is {path}"


def check_weights(facts: Facts, settings: Settings) -> Iterator[Finding]:
    """Of every installed engine; a fault when the wanted engine lacks them, or all do."""
    rows = [row for row in REGISTRY.values() if row.needs_weights and row.is_installed]
    lacking = {row.id: missing(row.id, settings.weights_dir / row.id) for row in rows}
    if not facts.is_installed or not lacking:
        return
    if there := [name for name, files in lacking.items() if not files]:
        text = f"{', '.join(there)} in {settings.weights_dir}"
        if settings.engine not in lacking or settings.engine in there:
            yield Finding("weights", True, text)
            return
    wanted = settings.engine if settings.engine in lacking else next(iter(lacking))
    files = ", ".join(lacking[wanted])
    yield Finding(
        "weights",
        False,
        f"{settings.weights_dir / wanted} lacks {files}. Run `tts-node download {wanted}`, or copy them there.",
    )


def check_disk(settings: Settings) -> str:
    """Room for what will be written: weights not yet fetched, and caches."""
    rows = [row for row in REGISTRY.values() if row.needs_weights and row.is_installed]
    is_fetching = rows and all(missing(row.id, settings.weights_dir / row.id) for row in rows)
    needed = {
        settings.weights_dir: _WEIGHTS_BYTES if is_fetching else 0,
        settings.cache_dir: _LEAST_FREE_BYTES,
    }
    told = []
    for folder, least in needed.items():
        free = shutil.disk_usage(_nearest(folder)).free
        told.append(f"{free / 1e9:.0f} GB free for {folder}")
        if free < least:
            flag = "--weights-dir" if folder == settings.weights_dir else "--cache-dir"
            raise Fault(
                f"{told[-1]}, {least / 1e9:.0f} are wanted. Make room, or choose another place with {flag}."
            )
    return ", ".join(told)


def check_port(settings: Settings) -> str:
    """Free to bind."""
    try:
        bind(settings.host, settings.port).close()
    except PortTaken as exc:
        raise Fault(str(exc)) from exc
    return f"{settings.port} on {settings.host} is free"


def check_speech(settings: Settings) -> str:
    """A child process starts, loads and speaks."""
    return asyncio.run(_speak(settings))


async def _speak(settings: Settings) -> str:
    request = SpeechRequest(text="All is well.")
    try:
        app = App(settings)
    except NotOffered as exc:
        raise Fault(str(exc)) from exc
    async with app:
        engine = app.node.default_model
        try:
            async with app.node.speaking(app.node.order(request)) as utterance:
                loud = any([any(pcm) async for pcm in utterance.pieces()])
                speech = utterance.speech
        except NodeError as exc:
            raise Fault(exc.message) from exc
    if not loud:
        raise Fault(f"{engine} gives silence. Reinstall it.")
    return f"{engine} spoke {speech.audio_duration_s:.2f} s in {speech.generation_time_s * 1000:.0f} ms"


def _nearest(folder: Path) -> Path:
    """The folder, or the first above it that exists."""
    return next((each for each in (folder, *folder.parents) if os.path.exists(each)), Path())
