"""`python -m bench.growth`: how cost grows; writes docs/benchmarks/growth.md, growth.png and growth.json.

Ten minutes. `--quick` only shows that it works.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from bench.contenders import REPOSITORY
from bench.growth.asking import NotAnswered
from bench.growth.house import CannotMeasure
from bench.growth.page import as_json, as_markdown, table, verdict_of
from bench.growth.picture import as_png
from bench.growth.results import results_of
from bench.growth.rounds import Plan, run
from bench.growth.scenes import SCENES
from bench.machine import this_machine


def main() -> int:
    """Exit status 1 when nothing could be measured; growth that is worse than it may be is told, not failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of the two smallest sizes; printed only")
    parser.add_argument("--rounds", type=int, default=Plan().rounds, help="rounds; five at least give bounds")
    parser.add_argument("--only", choices=[scene.name for scene in SCENES], help="one scene; printed only")
    parser.add_argument("--out", type=Path, help="directory to write to (default: docs/benchmarks)")
    arguments = parser.parse_args()
    scenes = tuple(scene for scene in SCENES if arguments.only in {None, scene.name})
    if arguments.quick:
        scenes = tuple(replace(scene, sizes=scene.sizes[:2]) for scene in scenes)
    plan = Plan(1 if arguments.quick else arguments.rounds, scenes=scenes)
    is_partial = arguments.quick or arguments.only is not None
    out = arguments.out or (None if is_partial else REPOSITORY / "docs" / "benchmarks")
    machine = this_machine()
    try:
        samples = run(plan, lambda line: print(line, file=sys.stderr, flush=True))
    except (CannotMeasure, NotAnswered) as error:
        print(error, file=sys.stderr)
        return 1
    results = results_of(samples)
    print(table(results), verdict_of(results), sep="\n")
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "growth.md").write_text(as_markdown(plan, machine, results))
        (out / "growth.json").write_text(as_json(plan, machine, results))
        (out / "growth.png").write_bytes(as_png(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
