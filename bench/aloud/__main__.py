"""`python -m bench.aloud`: how soon a reply is heard while it is written; writes docs/benchmarks/chat-aloud.md.

About half an hour. `--quick` only shows that it works.
"""

import argparse
import asyncio
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bench.aloud.course import QUICK, Plan, run
from bench.aloud.house import CannotMeasure
from bench.aloud.model import REPLIES
from bench.aloud.page import as_markdown, tables
from bench.contenders import REPOSITORY
from bench.machine import this_machine


def main() -> int:
    """Exit status 1 when nothing could be measured or an answer failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.aloud", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="five replies; printed, not written")
    parser.add_argument("--replies", type=int, default=Plan().replies, help="replies, one after the other")
    parser.add_argument("--out", type=Path, help="directory to write to (default: docs/benchmarks)")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else replace(Plan(), replies=arguments.replies)
    machine = this_machine()
    try:
        with tempfile.TemporaryDirectory() as name:
            course = asyncio.run(run(plan, Path(name), lambda line: print(line, file=sys.stderr, flush=True)))
    except CannotMeasure as error:
        print(error, file=sys.stderr)
        return 1
    print(tables(plan, course))
    out = arguments.out or (None if arguments.quick else REPOSITORY / "docs" / "benchmarks")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "chat-aloud.md").write_text(as_markdown(plan, machine, course, len(REPLIES)))
    return 1 if course.failed else 0


if __name__ == "__main__":
    sys.exit(main())
