"""`python -m bench.growth`: how cost grows; writes docs/benchmarks/growth.md, growth.png and growth.json.

Ten minutes. `--quick` only shows that it works.
"""

from dataclasses import replace

from bench import command
from bench.growth.page import as_json, as_markdown, table_of, verdict_of
from bench.growth.picture import as_png
from bench.growth.results import results_of
from bench.growth.rounds import Plan, run
from bench.growth.scenes import SCENES
from bench.machine import this_machine


def main() -> int:
    """Growth that is worse than it may be is told, not failed. Raises CannotMeasure."""
    parser = command.parser_of("bench.growth", __doc__, "one round of the two smallest sizes")
    parser.add_argument("--rounds", type=int, default=Plan().rounds, help="rounds; five at least give bounds")
    parser.add_argument("--only", choices=[scene.name for scene in SCENES], help="one scene; printed, not written")
    arguments = parser.parse_args()
    scenes = tuple(scene for scene in SCENES if arguments.only in {None, scene.name})
    if arguments.quick:
        scenes = tuple(replace(scene, sizes=scene.sizes[:2]) for scene in scenes)
    plan = Plan(1 if arguments.quick else arguments.rounds, scenes=scenes)
    folder = command.folder_of(arguments, arguments.quick or arguments.only is not None)
    machine = this_machine()
    results = results_of(run(plan, command.tell))
    print(table_of(results), verdict_of(results), sep="\n")
    command.write(
        folder,
        {
            "growth.md": lambda: as_markdown(plan, machine, results),
            "growth.json": lambda: as_json(plan, machine, results),
            "growth.png": lambda: as_png(results),
        },
    )
    return 0


if __name__ == "__main__":
    command.run(main)
