"""`python -m bench.voices`: what speech costs the router; writes docs/benchmarks/speech-path.md and .json.

About seven minutes. `--quick` only shows that it works.
"""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.contenders import REPOSITORY
from bench.machine import this_machine
from bench.voices.cases import CASES
from bench.voices.course import QUICK, Plan, run
from bench.voices.house import CannotMeasure
from bench.voices.page import as_json, as_markdown, tables


def main() -> int:
    """Exit status 1 when nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.voices", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round; printed, not written")
    parser.add_argument("--rounds", type=int, default=Plan().rounds, help="rounds; five at least give bounds")
    parser.add_argument("--only", choices=[case.name for case in CASES], help="one case; printed, not written")
    parser.add_argument("--out", type=Path, help="directory to write to (default: docs/benchmarks)")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else replace(Plan(), rounds=arguments.rounds)
    plan = replace(plan, cases=tuple(case for case in CASES if arguments.only in {None, case.name}))
    is_partial = arguments.quick or arguments.only is not None
    out = arguments.out or (None if is_partial else REPOSITORY / "docs" / "benchmarks")
    machine = this_machine()
    try:
        with tempfile.TemporaryDirectory(prefix="router-bench-") as name:
            course = run(plan, Path(name), lambda line: print(line, file=sys.stderr, flush=True))
    except CannotMeasure as error:
        print(error, file=sys.stderr)
        return 1
    print(tables(plan, course))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "speech-path.md").write_text(as_markdown(plan, machine, course))
        (out / "speech-path.json").write_text(as_json(plan, machine, course))
    return 0


if __name__ == "__main__":
    sys.exit(main())
