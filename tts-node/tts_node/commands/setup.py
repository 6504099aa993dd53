"""`tts-node setup cpu|cuda`: installs Chatterbox, with the torch that fits, beside this very program."""

import argparse
import importlib.metadata
import importlib.util
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tts_node.install.installation import (
    LOCK,
    Machine,
    Step,
    Target,
    Torch,
    explain,
    faults,
    is_built_for,
    outstanding,
    steps,
    torch_for,
)
from tts_node.install.offer import PREFERENCE

_PIP = ("-m", "pip", "--disable-pip-version-check")


class SetupFailed(Exception):
    """A step went wrong; what was done stays, and the next run goes on from there. The message is one line."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`setup` and where torch comes from."""
    parser = commands.add_parser("setup", help="install Chatterbox with the right torch", description=__doc__)
    parser.add_argument("target", choices=[str(each) for each in Target], help="what it shall compute on")
    parser.add_argument("--dry-run", action="store_true", help="print the commands, run none")
    parser.add_argument("--system", action="store_true", help="into the system's Python too")
    parser.add_argument("--torch", metavar="REQUIREMENT", help="another torch, such as torch==2.7.1 for an RTX 50")
    parser.add_argument("--torch-index", metavar="URL", help="index that has it; empty: pip's own")
    parser.add_argument("--no-compile", action="store_true", help="leave compiling to the first start")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when Chatterbox is installed, 1 with one line per fault."""
    target = Target(args.target)
    torch = asked_torch(target, args.torch, args.torch_index)
    if found := faults(target, this_machine(), is_system_fine=args.system):
        for fault in found:
            print(f"tts-node: {fault}", file=sys.stderr)
        return 1
    is_wrong = has_wrong_torch(target)
    if not args.dry_run and not is_wrong and not outstanding(torch, LOCK.read_text(), version_of):
        print(f"Chatterbox is installed already: {told_versions()}.")
        return 0
    todo = steps(torch, is_wrong_build=is_wrong, is_compiled=not args.no_compile)
    if args.dry_run:
        for step in todo:
            print(shlex.join((sys.executable, *_PIP, *step.arguments)))
        return 0
    return install(todo)


def install(todo: tuple[Step, ...]) -> int:
    """Runs every step, with a line before each."""
    started_s = time.monotonic()
    try:
        for number, step in enumerate(todo, 1):
            print(f"==> {number}/{len(todo)} {step.title}", flush=True)
            run_pip(step)
    except SetupFailed as exc:
        print(f"tts-node: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tts-node: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    print(f"Installed in {time.monotonic() - started_s:.0f} s: {told_versions()}.")
    print(f"Next: `tts-node download {PREFERENCE[0]}`, then `tts-node doctor`.")
    return 0


def run_pip(step: Step) -> None:
    """Shows pip's progress on a terminal; raises SetupFailed with the reason when it fails."""
    quiet = () if sys.stdout.isatty() else ("--quiet",)
    progress = () if sys.stdout.isatty() or step.arguments[0] != "install" else ("--progress-bar", "off")
    command = (sys.executable, *_PIP, *quiet, *step.arguments, *progress)
    answer = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)  # noqa: S603
    if answer.returncode:
        raise SetupFailed(explain(answer.stderr))


def asked_torch(target: Target, requirement: str | None, index: str | None) -> Torch:
    """The target's own, with what the command line replaces."""
    usual = torch_for(target, sys.platform)
    return Torch(requirement or usual.requirement, usual.index if index is None else index or None)


def this_machine() -> Machine:
    """Where this program runs."""
    return Machine(
        python=sys.version_info[:2],
        platform=sys.platform,
        is_isolated=sys.prefix != sys.base_prefix or (Path(sys.prefix) / "conda-meta").is_dir(),
        has_pip=importlib.util.find_spec("pip") is not None,
        free_bytes=shutil.disk_usage(sys.prefix).free,
    )


def version_of(package: str) -> str | None:
    """Of what is installed here; imports nothing."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def has_wrong_torch(target: Target) -> bool:
    """Whether a torch for something else is here: pip would take it for good enough."""
    try:
        files = importlib.metadata.files("torch") or []
        version_file = next(Path(str(file.locate())) for file in files if str(file) == "torch/version.py")
        return not is_built_for(target, version_file.read_text())
    except (importlib.metadata.PackageNotFoundError, StopIteration, OSError):
        return False


def told_versions() -> str:
    """The packages that matter, for the last line."""
    return ", ".join(f"{name} {version_of(name)}" for name in ("chatterbox-tts", "torch", "torchaudio"))
