"""argv to one command."""

import argparse
import sys
from collections.abc import Callable, Sequence

from tts_node import __version__
from tts_node.commands import bench, doctor, download, say, serve, setup


def build_parser() -> argparse.ArgumentParser:
    """Every command with its flags."""
    parser = argparse.ArgumentParser(prog="tts-node", description="Speech from this machine, over HTTP.")
    parser.add_argument("--version", action="version", version=f"tts-node {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (serve, say, setup, download, doctor, bench):
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """The command's exit status."""
    args = build_parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.run
    return run(args)


if __name__ == "__main__":
    sys.exit(main())
