"""`python -m bench`: measure, print, and write docs/benchmarks/gateway.md and gateway.json."""

import argparse
import signal
import sys
from pathlib import Path

from bench.cases import CASES
from bench.contenders import NAMES, REPOSITORY, CouldNotStart
from bench.house import CannotMeasure, Cores
from bench.machine import this_machine
from bench.paired import Figures
from bench.plan import Plan
from bench.report import as_json, as_markdown, tables
from bench.rounds import run
from bench.tables import headline
from bench.targets import TARGETS
from bench.verdicts import verdicts


def main() -> int:
    """Exit status 1 when nothing could be measured."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that nobody is left running
    cases = tuple(case for case in CASES if not arguments.only or case.name in arguments.only)
    who = frozenset(arguments.contenders) if arguments.contenders else None
    rounds, sample_s = (2, 1.0) if arguments.quick else (arguments.rounds, 1.5)
    plan = Plan(rounds, sample_s, cases, who, arguments.python)
    is_partial = arguments.quick or arguments.only or who
    out = arguments.out or (None if is_partial else REPOSITORY / "docs" / "benchmarks")
    try:
        gateway_core = Cores.of_this_machine().gateway
        machine = this_machine()
        outcome = run(plan, lambda line: print(line, file=sys.stderr, flush=True))
    except (CannotMeasure, CouldNotStart) as error:
        print(error, file=sys.stderr)
        return 1
    targets = tuple(target for target in TARGETS if target.case in {case.name for case in cases})
    print(headline(verdicts(Figures(outcome.samples), targets)))
    print(tables(plan, outcome))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "gateway.md").write_text(as_markdown(plan, machine, outcome, gateway_core))
        (out / "gateway.json").write_text(as_json(plan, machine, outcome))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short rounds; printed, not written")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; five at least give bounds")
    names = [case.name for case in CASES]
    parser.add_argument("--only", action="append", choices=names, help="a case, or several; printed, not written")
    parser.add_argument(
        "--contenders", nargs="+", choices=NAMES, help="these gateways alone; printed, not written"
    )
    parser.add_argument(
        "--python",
        type=_command,
        default=sys.executable,
        metavar="PATH",
        help="run the router and the plain proxies with this interpreter, of an environment with their packages",
    )
    parser.add_argument("--out", type=Path, help="directory to write to (default: docs/benchmarks)")
    return parser.parse_args()


def _command(path: str) -> str:
    """For the router runs elsewhere. Not resolved: an environment's interpreter is a link."""
    return str(Path(path).absolute())


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that no gateway is left running
    sys.exit(main())
