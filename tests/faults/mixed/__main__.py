"""`python -m mixed --out FOLDER`: the whole drill, into FOLDER/mixed-chain.md; 1 when a promise does not hold."""

import argparse
import asyncio
import sys
from pathlib import Path

from mixed.drill import drilled
from mixed.page import as_markdown
from router.drill.live import Live
from router.drill.surroundings import these


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m mixed")
    parser.add_argument("--out", type=Path, required=True)
    out: Path = parser.parse_args().out
    where = these()
    with Live() as live:
        found = asyncio.run(drilled(live))
    (out / "mixed-chain.md").write_text(as_markdown(found, where, "make drill"))
    return 0 if all(one.holds for held in found for one in held.verdict) else 1


if __name__ == "__main__":
    sys.exit(main())
