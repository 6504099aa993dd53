"""`python -m bench`: measure, print, and write docs/benchmarks/gateway.md and gateway.json."""

import argparse
import sys
from pathlib import Path

from bench.cases import CASES
from bench.contenders import REPOSITORY
from bench.machine import this_machine
from bench.report import as_json, as_markdown, table
from bench.rounds import CannotMeasure, Cores, Plan, run
from bench.wrk import LoadFailed


def main() -> int:
    """Exit status 1 when nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two short rounds; printed, not written")
    parser.add_argument("--rounds", type=int, default=5, help="rounds; five at least give bounds")
    parser.add_argument("--only", choices=[case.name for case in CASES], help="one case; printed, not written")
    parser.add_argument("--out", type=Path, help="directory to write to (default: docs/benchmarks)")
    arguments = parser.parse_args()
    cases = tuple(case for case in CASES if arguments.only in {None, case.name})
    plan = Plan(2, 1, cases) if arguments.quick else Plan(arguments.rounds, 2, cases)
    is_partial = arguments.quick or arguments.only is not None
    out = arguments.out or (None if is_partial else REPOSITORY / "docs" / "benchmarks")
    try:
        gateway_core = Cores.of_this_machine().gateway
        machine = this_machine()
        samples = run(plan, lambda line: print(line, file=sys.stderr, flush=True))
    except (CannotMeasure, LoadFailed) as error:
        print(error, file=sys.stderr)
        return 1
    print(table(samples))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "gateway.md").write_text(as_markdown(plan, machine, samples, gateway_core))
        (out / "gateway.json").write_text(as_json(plan, machine, samples))
    return 0


if __name__ == "__main__":
    sys.exit(main())
