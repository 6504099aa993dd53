"""`tts-node download MODEL`: fetches a model's weights, resumes what broke off, verifies what arrived."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from tts_node.install.hub import PART, HubError, Listing, RemoteFile, alone, fetch, look_up
from tts_node.install.weights import WEIGHTS, missing
from tts_node.settings import SettingsError, add_flags, read_settings

_SETTINGS = ("weights_dir",)
_SPARE_BYTES = 200_000_000  # left free beside what is fetched


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`download` and where to."""
    parser = commands.add_parser("download", help="fetch a model's weights", description=__doc__)
    parser.add_argument("model", choices=list(WEIGHTS), metavar="MODEL", help=", ".join(WEIGHTS))
    parser.add_argument(
        "--if-missing", action="store_true", help="ask nobody and verify nothing when every file is there"
    )
    add_flags(parser, *_SETTINGS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when every file is there and whole, 1 with one line that says why not, 130 when interrupted."""
    try:
        settings = read_settings({name: getattr(args, name) for name in _SETTINGS}, os.environ)
        folder = settings.weights_dir / args.model
        if args.if_missing and not missing(args.model, folder):
            print(f"{args.model} is in {folder}")
            return 0
        download(args.model, folder)
    except (SettingsError, HubError) as exc:
        print(f"tts-node: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tts-node: interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    return 0


def download(model: str, folder: Path) -> None:
    """One line per file. Raises HubError."""
    listing = look_up(WEIGHTS[model])
    total = sum(file.size_bytes for file in listing.files)
    print(f"{model}: {told_size(total)} from {listing.repository} at {listing.commit[:12]}", flush=True)
    wanting = [file for file in listing.files if not is_there(file, folder)]
    make_room(folder, sum(file.size_bytes for file in wanting))
    with alone(folder):
        for file in wanting:
            print(f"  {file.name}: fetching {told_size(file.size_bytes)}", flush=True)
            fetch(listing, file, folder)
            print(f"  {file.name}: verified", flush=True)
    print(f"{model} is complete in {folder}{hint(listing)}")


def is_there(file: RemoteFile, folder: Path) -> bool:
    """Whether an earlier download, or anybody, brought exactly this file."""
    is_whole = file.is_whole(folder / file.name)
    if is_whole:
        print(f"  {file.name}: is there, verified", flush=True)
    return is_whole


def make_room(folder: Path, needed_bytes: int) -> None:
    """Makes the folder. Raises HubError when it cannot be, or its disk is too full (half files count as free)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        begun = sum(file.stat().st_size for file in folder.glob(f"*{PART}"))
        free = shutil.disk_usage(folder).free + begun
    except OSError as exc:
        raise HubError(f"{folder} cannot be made ({exc.strerror}): choose another with --weights-dir.") from exc
    if needed_bytes and free < needed_bytes + _SPARE_BYTES:
        raise HubError(
            f"{told_size(needed_bytes)} are to be fetched and {told_size(free)} are free in {folder}: make "
            "room, or choose another place with --weights-dir."
        )


def hint(listing: Listing) -> str:
    """Nothing, for a pipe; on a terminal what comes next."""
    return f" ({len(listing.files)} files). `tts-node serve` speaks with it." if sys.stdout.isatty() else ""


def told_size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 10**9 else f"{count / 1e6:.1f} MB"
