"""`tts-node say "text" -o out.wav`: one utterance into a file, with no server."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tts_node.api.replies import heard
from tts_node.app import App
from tts_node.domain import AudioFormat, Speech, SpeechRequest
from tts_node.errors import NodeError
from tts_node.install.offer import NotOffered
from tts_node.settings import Settings, SettingsError, add_flags, read_settings
from tts_node.sound.rendering import rendering_of

_SETTINGS = (
    *("engine", "device", "weights_dir", "cache_dir", "threads", "quantise", "watermark"),
    *("dictionary", "simulate", "watchdog_s", "load_timeout_s"),
)


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`say`, its text and its voice."""
    parser = commands.add_parser("say", help="speak one text into a file", description=__doc__)
    parser.add_argument("text", help="what to say; - reads it from standard input")
    parser.add_argument("-o", "--output", type=Path, required=True, help="file to write; its suffix is the format")
    parser.add_argument(
        "--format", choices=[str(each) for each in AudioFormat], help="if the suffix does not tell"
    )
    parser.add_argument("--model", help="default: the node's engine")
    parser.add_argument("--voice", help="default: the engine's own")
    parser.add_argument("--speed", type=float, default=1.0, help="0.25 to 4")
    parser.add_argument("--language", help="such as de or pt-BR; default: the voice's own")
    parser.add_argument("--seed", type=int, help="picks the take")
    add_flags(parser, *_SETTINGS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0, or 1 with one line that says why not."""
    try:
        settings = read_settings({name: getattr(args, name) for name in _SETTINGS}, os.environ)
        request = request_of(args)
        speech = asyncio.run(say(settings, request, args.output, show_progress if sys.stderr.isatty() else quiet))
    except (SettingsError, NotOffered, ValueError, OSError, NodeError) as exc:
        print(f"tts-node: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tts-node: interrupted, nothing written", file=sys.stderr)
        return 130
    rtf = speech.realtime_factor
    print(
        f"{args.output}: {speech.audio_duration_s:.2f} s of audio in {speech.generation_time_s:.2f} s "
        f"(RTF {'-' if rtf is None else format(rtf, '.4f')})"
    )
    return 0


def request_of(args: argparse.Namespace) -> SpeechRequest:
    """The arguments as a request. Raises ValueError."""
    text = sys.stdin.read() if args.text == "-" else args.text
    if not text.strip():
        raise ValueError("there is nothing to say")
    if not 0.25 <= args.speed <= 4:
        raise ValueError("--speed must be from 0.25 to 4")
    return SpeechRequest(
        text=text,
        model=args.model,
        voice=args.voice,
        format=format_of(args.output, args.format),
        speed=args.speed,
        language=args.language,
        seed=args.seed,
    )


def format_of(output: Path, wanted: str | None) -> AudioFormat:
    """The asked format, else the suffix's. Raises ValueError."""
    name = wanted or {"ogg": "opus", "raw": "pcm"}.get(output.suffix.lower()[1:], output.suffix.lower()[1:])
    try:
        return AudioFormat(name)
    except ValueError:
        known = ", ".join(AudioFormat)
        raise ValueError(f"{output}: the suffix tells no format; use one of {known}, or --format") from None


async def say(
    settings: Settings, request: SpeechRequest, output: Path, progress: Callable[[float], None]
) -> Speech:
    """Speaks into a file beside the output, which it replaces only when all is well."""
    part = output.with_name(output.name + ".part")
    try:
        async with App(settings, is_adopting=False) as app:
            order = app.node.scripted(app.node.order(request))
            has_speed = order.model.descriptor.has_speed
            with closing(rendering_of(request, has_speed=has_speed, is_whole=True)) as rendering:
                async with app.node.speaking(order) as utterance:
                    with part.open("wb") as file:
                        async for pcm in utterance.pieces():
                            file.write(rendering.feed(pcm))
                            progress(rendering.heard_s)
                        file.write(rendering.finish())
                    part.replace(output)
                    return heard(utterance, rendering)
    finally:
        part.unlink(missing_ok=True)


def show_progress(audio_s: float) -> None:
    """One line on the terminal that is written over."""
    print(f"\r{audio_s:7.1f} s spoken", end="\r", file=sys.stderr, flush=True)


def quiet(_audio_s: float) -> None:
    """For logs and pipes: the final line is enough."""
