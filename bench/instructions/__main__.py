"""`python -m bench.instructions`: count the instructions of a request, and hold them to the record."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench import command
from bench.instructions.callgrind import CannotCount
from bench.instructions.cases import CASES
from bench.instructions.counting import count
from bench.instructions.page import as_markdown
from bench.instructions.record import Comparison, Record
from bench.instructions.setting import this_setting

_RECORD = command.PAGES / "instructions.json"


def main() -> int:
    """Exit status 1 when --check finds a figure above the record, or nothing could be counted."""
    arguments = _arguments()
    cases = [case for case in CASES if arguments.only is None or case.name in arguments.only]
    try:
        counted = count(cases, command.tell, arguments.dumps)
        setting = this_setting()
    except CannotCount as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.record:
        record = Record(datetime.now(UTC).strftime("%Y-%m-%d"), setting, counted)
        _RECORD.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n")
        _RECORD.with_suffix(".md").write_text(as_markdown(record))
        print(f"recorded in {_RECORD}")
        return 0
    try:
        record = msgspec.json.decode(_RECORD.read_bytes(), type=Record)
    except FileNotFoundError:
        print("nothing is recorded yet: python -m bench.instructions --record", file=sys.stderr)
        return 1
    comparison = Comparison.of(record, setting, counted)
    print("\n".join(comparison.lines()))
    return 1 if arguments.check and comparison.is_failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="exit status 1 when a figure is above the record")
    what.add_argument(
        "--record", action="store_true", help="write the figures into docs/benchmarks/instructions.*"
    )
    parser.add_argument("--only", choices=[case.name for case in CASES], nargs="+", help="some cases")
    parser.add_argument(
        "--dumps", type=Path, metavar="FOLDER", help="keep callgrind's files, for callgrind_annotate"
    )
    arguments = parser.parse_args()
    if arguments.record and arguments.only:
        parser.error("a record has all cases: --record without --only")
    return arguments


if __name__ == "__main__":
    command.run(main)
