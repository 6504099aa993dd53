"""`local-ai-router`: argv becomes one command."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from router import __version__
from router.commands import cache, check, explain, keys, serve, up


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` names; its exit status."""
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    return run(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="local-ai-router",
        description="One base URL for every AI client in the house: chat and speech, on whatever is awake.",
    )
    parser.add_argument("--version", action="version", version=f"local-ai-router {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    sub = command("up", up.run, "the router and, beside it, a supervised local tts-node")
    _add_config(sub)
    _add_address(sub)
    sub.add_argument("--lan", action="store_true", help="serve the house: bind every address; makes the first key")
    sub.add_argument("--tts-port", type=_port, help="port of the local tts-node (TTS_NODE_PORT, 8006)")

    sub = command("serve", serve.run, "the router alone")
    _add_config(sub)
    _add_address(sub)

    sub = command(
        "check", check.run, "validate the configuration; every fault with file and line; status 2 on any"
    )
    _add_config(sub)
    sub.add_argument("--schema", type=Path, help="also compare this file with the generated JSON schema")
    sub.add_argument("--write", action="store_true", help="with --schema: write the file first")

    sub = command("explain", explain.run, "dry run: where a request would go now, each candidate with its reason")
    _add_config(sub)
    sub.add_argument("--model", help="the model a client would ask for (none: the default for speech)")
    sub.add_argument("--voice", help="the voice a client would ask for")

    sub = commands.add_parser("keys", help="client keys", description="Client keys.")
    key_commands = sub.add_subparsers(required=True, metavar="COMMAND")
    new = key_commands.add_parser("new", help="make a key; prints it once, and its hash for the configuration")
    new.add_argument("name", metavar="NAME", help="the client's name")
    new.add_argument("--admin", action="store_true", help="may use /admin")
    new.set_defaults(run=keys.run)

    sub = commands.add_parser("cache", help="speech that is kept", description="Speech that is kept.")
    cache_commands = sub.add_subparsers(required=True, metavar="COMMAND")
    text = "how much of what was spoken is on the disk, and where"
    sub = cache_commands.add_parser("show", help=text, description=text)
    _add_config(sub)
    sub.set_defaults(run=cache.show)
    text = (
        "forget everything that was spoken; a router that runs with this configuration sees it within a second "
        "and forgets what it has in memory (POST /admin/cache/purge does both at once)"
    )
    sub = cache_commands.add_parser("purge", help=text, description=text)
    _add_config(sub)
    sub.set_defaults(run=cache.purge)

    _add_talk(commands)
    _add_drill(commands)
    return parser


def _add_talk(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "ask a running router, hear the answer, and see how long everything took"
    more = (
        "Without a question: a conversation, a line a turn; Ctrl-C stops an answer, Ctrl-D or `exit` ends. "
        "Figures are told after each answer: the first word and the first sound after the question, who gave "
        "them, and the longest silence that was heard within the answer."
    )
    sub = commands.add_parser("talk", help=text, description=f"{text.capitalize()}. {more}")
    sub.set_defaults(run=_run_talk)
    sub.add_argument("question", nargs="*", help="one turn")
    sub.add_argument("--file", metavar="FILE", help="a turn per line (-: standard input)")
    sub.add_argument("--whole", action="store_true", help="with --file: all of it is one turn")
    sub.add_argument("--url", help="the router (ROUTER_URL, http://127.0.0.1:8700)")
    sub.add_argument("--key", help="its key for you (better in ROUTER_API_KEY: others see command lines)")
    sub.add_argument("--model", help="who answers (the first chat model that is up or cold, else demo)")
    sub.add_argument("--voice", help="who speaks (the router's default)")
    sub.add_argument("--speech-model", metavar="MODEL", help="what speaks (the router's default)")
    sub.add_argument("--speed", type=float, help="how fast, 0.25 to 4 (1)")
    sub.add_argument("--system", metavar="TEXT", help="what the model is told before everything")
    sub.add_argument("--save", type=Path, metavar="FILE", help="keep the sound of all turns in one WAV file")
    sub.add_argument("--no-play", action="store_true", help="play nothing")
    sub.add_argument("--plain", action="store_true", help="whole lines, nothing that moves")


def _run_talk(arguments: argparse.Namespace) -> int:
    from router.commands import talk  # as with the drill

    return talk.run(arguments)


def _add_drill(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "unplug a machine under load, and see whether anybody noticed"
    sub = commands.add_parser("drill", help=text, description=text)
    drills = sub.add_subparsers(required=True, metavar="DRILL")
    text = "faults under load at two machines of the drill's own, or (--provider) at one of your own providers"
    unplug = drills.add_parser("unplug", help=text, description=text)
    unplug.set_defaults(run=_run_drill)
    unplug.add_argument("--quick", action="store_true", help="three faults, shorter texts; half a minute")
    unplug.add_argument(
        "--engine",
        choices=["espeak", "chatterbox-tiny", "both"],
        default="espeak",
        help="what the nodes speak with",
    )
    unplug.add_argument("--faults", metavar="A,B", help="only these (an unknown one lists them all)")
    unplug.add_argument("--seconds", type=float, help="how long a fault holds (5; with --provider 30)")
    unplug.add_argument("--rounds", type=int, default=1, help="how often each fault strikes (1)")
    unplug.add_argument("--seed", type=int, default=1, help="of the random moments (1)")
    unplug.add_argument(
        "--out", type=Path, metavar="DIR", help="where to write drill.md, drill.json and the picture"
    )
    unplug.add_argument("--provider", metavar="NAME", help="your own configuration: this provider falls silent")
    unplug.add_argument(
        "--host", dest="whole_host", action="store_true", help="with --provider: its whole machine"
    )
    unplug.add_argument("--before", type=float, default=10.0, help="with --provider: seconds before it (10)")
    _add_config(unplug)


def _run_drill(arguments: argparse.Namespace) -> int:
    from router.commands import drill  # what no other command needs is loaded only now

    return drill.run(arguments)


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", help="configuration file (ROUTER_CONFIG, config/providers.yaml)")


def _add_address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to bind (ROUTER_HOST, 127.0.0.1)")
    parser.add_argument("--port", type=_port, help="TCP port (ROUTER_PORT, 8700)")


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65_536:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 1 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
