"""`python -m bench.voices`: what speech costs the router; writes docs/benchmarks/speech-path.md and .json.

About seven minutes. `--quick` only shows that it works.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from bench import command
from bench.machine import this_machine
from bench.voices.cases import CASES
from bench.voices.course import QUICK, Plan, run
from bench.voices.page import as_json, as_markdown, tables


def main() -> int:
    """Raises CannotMeasure."""
    parser = command.parser_of("bench.voices", __doc__, "one short round")
    parser.add_argument("--rounds", type=int, default=Plan().rounds, help="rounds; five at least give bounds")
    parser.add_argument("--only", choices=[case.name for case in CASES], help="one case; printed, not written")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else replace(Plan(), rounds=arguments.rounds)
    plan = replace(plan, cases=tuple(case for case in CASES if arguments.only in {None, case.name}))
    folder = command.folder_of(arguments, arguments.quick or arguments.only is not None)
    machine = this_machine()
    with tempfile.TemporaryDirectory(prefix="router-bench-") as name:
        course = run(plan, Path(name), command.tell)
    print(tables(plan, course))
    command.write(
        folder,
        {
            "speech-path.md": lambda: as_markdown(plan, machine, course),
            "speech-path.json": lambda: as_json(plan, machine, course),
        },
    )
    return 0


if __name__ == "__main__":
    command.run(main)
