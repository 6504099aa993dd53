"""`python -m bench.aloud`: how soon a reply is heard while it is written; writes docs/benchmarks/chat-aloud.md.

About half an hour. `--quick` only shows that it works.
"""

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

from bench import command
from bench.aloud.course import QUICK, Plan, run
from bench.aloud.model import REPLIES
from bench.aloud.page import as_markdown, tables
from bench.machine import this_machine


def main() -> int:
    """Exit status 1 when an answer failed. Raises CannotMeasure."""
    parser = command.parser_of("bench.aloud", __doc__, "five replies")
    parser.add_argument("--replies", type=int, default=Plan().replies, help="replies, one after the other")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else replace(Plan(), replies=arguments.replies)
    machine = this_machine()
    with tempfile.TemporaryDirectory(prefix="router-bench-") as name:
        course = asyncio.run(run(plan, Path(name), command.tell))
    print(tables(plan, course))
    page = {"chat-aloud.md": lambda: as_markdown(plan, machine, course, len(REPLIES))}
    command.write(command.folder_of(arguments, arguments.quick), page)
    return 1 if course.failed else 0


if __name__ == "__main__":
    command.run(main)
