"""`python -m bench`: measure, print, and write docs/benchmarks/gateway.md and gateway.json."""

import argparse
import sys
from pathlib import Path

from bench import command
from bench.cases import CASES
from bench.contenders import NAMES
from bench.machine import this_machine
from bench.paired import Figures
from bench.plan import Plan
from bench.report import as_json, as_markdown, tables
from bench.rounds import run
from bench.servers import Cores
from bench.tables import headline
from bench.targets import TARGETS
from bench.verdicts import verdicts


def main() -> int:
    """Raises CannotMeasure."""
    arguments = _arguments()
    cases = tuple(case for case in CASES if not arguments.only or case.name in arguments.only)
    who = frozenset(arguments.contenders) if arguments.contenders else None
    rounds, sample_s = (2, 1.0) if arguments.quick else (arguments.rounds, 1.5)
    plan = Plan(rounds, sample_s, cases, who, arguments.python)
    folder = command.folder_of(arguments, bool(arguments.quick or arguments.only or who))
    gateway_core, machine = Cores.of_this_machine().gateway, this_machine()
    outcome = run(plan, command.tell)
    targets = tuple(target for target in TARGETS if target.case in {case.name for case in cases})
    print(headline(verdicts(Figures(outcome.samples), targets)))
    print(tables(plan, outcome))
    command.write(
        folder,
        {
            "gateway.md": lambda: as_markdown(plan, machine, outcome, gateway_core),
            "gateway.json": lambda: as_json(plan, machine, outcome),
        },
    )
    return 0


def _arguments() -> argparse.Namespace:
    parser = command.parser_of("bench", __doc__, "two short rounds")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; five at least give bounds")
    names = [case.name for case in CASES]
    parser.add_argument("--only", action="append", choices=names, help="a case, or several; printed, not written")
    parser.add_argument(
        "--contenders", nargs="+", choices=NAMES, help="these gateways alone; printed, not written"
    )
    parser.add_argument(
        "--python",
        type=lambda path: str(Path(path).absolute()),  # not resolved: an environment's interpreter is a link
        default=sys.executable,
        metavar="PATH",
        help="run the router and the plain proxies with this interpreter, of an environment with their packages",
    )
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
