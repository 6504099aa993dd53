"""docs/benchmarks/instructions.md."""

from typing import Final

from bench.instructions.cases import CASES
from bench.instructions.record import TOLERANCE, YARDSTICK_TOLERANCE, Record

_INTRO: Final = """\
# Instructions per request

Written by `python -m bench.instructions --record`. How many instructions the router executes for a request, in
all its threads and with everything on that ships on (keys, metrics, the log, health): a count and not a time, so
it is the same on a busy machine. `make guard` counts again, in CI too, and fails when a figure is more than
{tolerance} above this record.

| case | instructions | for each |
|---|---|---|
"""

_HOW: Final = """
**How.** One router under valgrind's callgrind. Counting begins when it has started and has had a hundred requests
of the case; given is the middle one of five counts. Eight clients ask at once, and again when all have their
answers; they and the mock upstream are another process, and the kernel's work is not counted. *Events that come
apart* are sent one by one, each when the client has the one before; the large answer comes in pieces in the same
way, for how many reads it takes is otherwise the kernel's whim. Valgrind makes a request forty times slower and
leaves the clock as it is, so what the router does by the clock is made slower too
(`bench/instructions/slowed.py`); what it does so in a second in which nobody asks is counted first, and taken off.

**What it does not see.** A system call is one instruction here, and a cache miss or a mispredicted branch nothing
at all. The guard holds what was won; what it is worth in time says [gateway.md](gateway.md).

**When it fails.** `make guard DUMPS=folder` keeps callgrind's files: `callgrind_annotate folder/json.callgrind`
(or KCachegrind) names the C functions that the instructions are in. A change that is worth its price records it in
the same commit, with the reason in its message: `python -m bench.instructions --record`. What became better by
more than {tolerance} is recorded too, or it may be lost again unnoticed.

"""


def as_markdown(record: Record) -> str:
    """The page of `record`."""
    titles = {case.name: case for case in CASES}
    rows = [
        f"| {titles[name].title} (`{name}`) | {figure:,} | {titles[name].unit} |"
        for name, figure in record.instructions.items()
    ]
    setting = record.setting
    packages = ", ".join(f"{name} {number}" for name, number in setting.packages.items())
    where = (
        f"**Where.** {record.taken_at}. Python {setting.python} ({setting.compiler}), {setting.machine}, "
        f"{setting.libc}, valgrind {setting.valgrind};\n{packages}.\nThe interpreter takes {setting.yardstick:,} "
        "instructions for its yardstick (`bench/instructions/yardstick.py`): with one that\nis more than "
        f"{_percent(YARDSTICK_TOLERANCE)} off, or on another kind of machine, figures are shown and not judged.\n"
    )
    return (
        _INTRO.format(tolerance=_percent(TOLERANCE))
        + "\n".join(rows)
        + "\n"
        + _HOW.format(tolerance=_percent(TOLERANCE))
        + where
    )


def _percent(share: float) -> str:
    return f"{share * 100:g} %"
