"""`tts-node bench`: what every engine costs on this machine, and what each economy saves."""

import argparse
import asyncio
import contextlib
import importlib.metadata
import os
import platform
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator
from pathlib import Path

from tts_node.bench.benchmark import TEXT, Benchmark, BenchmarkError, Setup
from tts_node.bench.report import Machine, Report, as_json, as_markdown
from tts_node.domain import BYTES_PER_SAMPLE, SAMPLE_RATE, EngineConfig
from tts_node.engines import REGISTRY, EngineDescriptor
from tts_node.install.offer import absence
from tts_node.settings import Settings, SettingsError, add_flags, read_settings

_SETTINGS = ("device", "weights_dir", "threads")
_RECORDING_S = 10
_VERSIONS = ("torch", "chatterbox-tts", "transformers", "espeakng-loader")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`bench`, which engines and on which weights."""
    parser = commands.add_parser("bench", help="measure speed and memory", description=__doc__)
    parser.add_argument("--engine", action="append", choices=sorted(REGISTRY), help="default: all there are")
    parser.add_argument(
        "--random-weights",
        choices=("tiny", "full"),
        help="measure on random weights: full ones have a model's true speed and memory, with no download",
    )
    parser.add_argument("--rounds", type=int, default=3, help="utterances of which the median is told (default 3)")
    parser.add_argument("--text", default=TEXT, help="what is spoken")
    parser.add_argument("--no-switches", action="store_true", help="do not measure what each economy saves")
    parser.add_argument("-o", "--out", type=Path, help="write the report too: .md, or .json")
    add_flags(parser, *_SETTINGS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0, or 1 when no engine could be measured."""
    try:
        settings = read_settings({name: getattr(args, name) for name in _SETTINGS}, os.environ)
    except SettingsError as exc:
        print(f"tts-node: {exc}", file=sys.stderr)
        return 1
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tts-node-bench-")))
        try:
            report = asyncio.run(measure(args, settings, folder))
        except KeyboardInterrupt:
            return 130
    text = as_markdown(report)
    print(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(as_json(report) if args.out.suffix == ".json" else text, encoding="utf-8")
    return 0 if report.engines else 1


async def measure(args: argparse.Namespace, settings: Settings, folder: Path) -> Report:
    """Engine after engine; one that cannot be measured is told and left out."""
    machine = describe(args)
    recording = folder / "voice.wav"
    write_recording(recording)
    figures = []
    for descriptor in (REGISTRY[name] for name in args.engine or REGISTRY):
        try:
            with weights_for(descriptor, args.random_weights, settings, folder) as weights:
                config = config_of(descriptor, settings, weights, folder)
                benchmark = Benchmark(
                    descriptor, Setup(config), rounds=args.rounds, text=args.text, recording=recording, tell=tell
                )
                figures.append(await benchmark.run(with_switches=not args.no_switches))
        except BenchmarkError as exc:
            tell(f"{descriptor.id}: {exc}")
    return Report(machine, figures)


def config_of(
    descriptor: EngineDescriptor, settings: Settings, weights: Path | None, folder: Path
) -> EngineConfig:
    """As the node would start it, with an empty cache."""
    return EngineConfig(
        model=descriptor.id,
        device=settings.device if descriptor.uses_gpu else "cpu",
        weights=str(weights) if weights else None,
        cache=str(folder / "cache" / descriptor.id),
        threads=settings.threads,
    )


@contextlib.contextmanager
def weights_for(
    descriptor: EngineDescriptor, random_size: str | None, settings: Settings, folder: Path
) -> Iterator[Path | None]:
    """The folder, made now if they shall be random, and gone afterwards: full ones have gigabytes."""
    if not descriptor.is_installed:
        raise BenchmarkError(absence(descriptor, settings.weights_dir) or "not installed")
    if not descriptor.needs_weights:
        yield None
        return
    if not random_size:
        if reason := absence(descriptor, settings.weights_dir):
            raise BenchmarkError(reason)
        yield settings.weights_dir / descriptor.id
        return
    with tempfile.TemporaryDirectory(dir=folder) as made:
        build_random_weights(descriptor.id, random_size, Path(made))
        yield Path(made)


def build_random_weights(model: str, size: str, folder: Path) -> None:
    """In a process of its own: this one stays without torch. Raises BenchmarkError."""
    tell(f"{model}: making random weights ({size})")
    command = [sys.executable, "-P", "-m", "tts_node.engines.chatterbox.random_weights", model, size, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own words
    if done.returncode:
        raise BenchmarkError(done.stderr.strip().rpartition("\n")[2])


def write_recording(path: Path) -> None:
    """Something to copy a voice from: a square wave with pauses."""
    period = SAMPLE_RATE // 120
    buzz = b"".join(
        (6000 if number % period < period // 2 else -6000).to_bytes(2, "little", signed=True)
        for number in range(SAMPLE_RATE)
    )
    pause = bytes(SAMPLE_RATE * BYTES_PER_SAMPLE // 4)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(BYTES_PER_SAMPLE)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((buzz + pause) * round(_RECORDING_S / 1.25))


def describe(args: argparse.Namespace) -> Machine:
    """The machine, before it is put under load."""
    return Machine(
        processor=processor_name(),
        cores=len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1,
        system=f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        versions=dict(_installed()),
        weights=f"random, {args.random_weights} size" if args.random_weights else "real",
        text=args.text,
        rounds=args.rounds,
        load_average=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )


def _installed() -> Iterator[tuple[str, str]]:
    for name in _VERSIONS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            yield name, importlib.metadata.version(name)


def processor_name() -> str:
    """As Linux names it, else as Python does."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def tell(line: str) -> None:
    """Progress, beside the report."""
    print(line, file=sys.stderr, flush=True)
