"""docs/compatibility.md, from what passed: `python -m claims.page CLAIMS`, after a full run that wrote CLAIMS."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from claims.claim import PAGE, ROOT, Claim, Passed, write
from claims.source import claimed

_SOAK: Final = "tests/soak/"
_HEAD: Final = """\
# What works with what

Written by the tests: a line is here because a test of that name passed, with that version, on the day of the last
full run (`make compatibility`). `make test` runs every line again, but for those with ◆, which `make soak` does;
it fails when this page and the tests' marks differ. A vendor whose server cannot run here is a fake made from its
published contract (`tests/vendors/`); the last table says what held each fake to the vendor's own words.
"""
_TABLES: Final = (
    ("shows", "In front: clients", ("client", "route", "what passed", "by")),
    ("proves", "Behind: providers", ("provider", "feature", "what passed", "by")),
    ("checks", "The fakes", ("fake", "held to", "what passed", "by")),
)


def passed_of(rows: Iterable[Mapping[str, Any]]) -> list[Passed]:
    """Claims of which every test passed, from the lines of a run."""
    versions: dict[Claim, str] = {}
    files: dict[Claim, set[str]] = {}
    failed: set[Claim] = set()
    for row in rows:
        claim = Claim(row["mark"], tuple(row["words"]), row["release"])
        versions[claim] = max(versions.get(claim, ""), row["version"])
        files.setdefault(claim, set()).add(row["file"])
        if not row["passed"]:
            failed.add(claim)
    return [Passed(c, versions[c], tuple(sorted(files[c]))) for c in versions if c not in failed]


def rendered(passed: Sequence[Passed]) -> str:
    """The page."""
    parts = [_HEAD]
    for mark, title, columns in _TABLES:
        rows = _rows([one for one in sorted(passed) if one.claim.mark == mark])
        if rows:
            head = [f"## {title}", "", _line(columns), _line(["---"] * len(columns))]
            parts.append("\n".join([*head, *rows, ""]))
    return "\n".join(parts)


def _rows(passed: Sequence[Passed]) -> list[str]:
    """A row for each client and route, or provider and feature, as each file shows it."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for one in passed:
        first, second, what = one.claim.words
        if one.claim.client and one.version:
            named = f"{one.claim.client} {one.version}"
            first, second = (named, second) if one.claim.mark == "shows" else (first, named)
        found.setdefault((first, second, ", ".join(map(_by, one.files))), []).append(what)
    return [_line([first, second, " · ".join(whats), by]) for (first, second, by), whats in found.items()]


def _by(file: str) -> str:
    name = Path(file).stem.removeprefix("test_")
    return f"[{name}](../{file})" + (" ◆" if file.startswith(_SOAK) else "")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main(record: Path) -> int:
    """1 when a claim of the tests did not pass, or did not run; the page has the others."""
    passed = passed_of(json.loads(line) for line in record.read_text().splitlines())
    write(passed)
    PAGE.write_text(rendered(passed))
    lost = sorted(set(claimed()) - {one.claim for one in passed})
    for claim in lost:
        print(f"not passed, or not run: {claim.mark} {' · '.join(claim.words)}", file=sys.stderr)  # noqa: T201
    print(f"{PAGE.relative_to(ROOT)}: {len(passed)} claims", file=sys.stderr)  # noqa: T201
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
