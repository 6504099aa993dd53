"""A claim: what a test says that it shows, and the marks that say it."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
RECORD: Final = ROOT / "docs" / "compatibility.json"
PAGE: Final = ROOT / "docs" / "compatibility.md"

# What each mark must say, in the order of the page's columns; the first is whom it is about.
MARKS: Final[Mapping[str, tuple[str, ...]]] = {
    "shows": ("client", "route", "what"),
    "proves": ("provider", "feature", "what"),
    "checks": ("fake", "client", "what"),
}
OPTIONAL: Final = frozenset({"release"})


class Claim(NamedTuple):
    """`words` are the mark's, in the order of `MARKS`; `release` is the one that recorded requests are of."""

    mark: str
    words: tuple[str, ...]
    release: str = ""

    @property
    def client(self) -> str:
        """The client that took part; empty in a claim about a provider."""
        names = MARKS[self.mark]
        return self.words[names.index("client")] if "client" in names else ""


class Passed(NamedTuple):
    """A claim whose tests passed, with the client's version and the files that show it."""

    claim: Claim
    version: str
    files: tuple[str, ...]


def claim_of(mark: str, said: Mapping[str, object]) -> Claim:
    """Raises ValueError for words that are missing, unknown or no text."""
    names = MARKS[mark]
    if wrong := (set(names) - set(said)) | (set(said) - set(names) - OPTIONAL):
        raise ValueError(
            f"@pytest.mark.{mark} takes {', '.join(names)}; missing or unknown: {', '.join(sorted(wrong))}"
        )
    words = {name: value for name, value in said.items() if isinstance(value, str) and value.strip()}
    if len(words) < len(said):
        raise ValueError(f"@pytest.mark.{mark}: every word is a text: {said}")
    return Claim(mark, tuple(words[name] for name in names), words.get("release", ""))


def read(record: Path = RECORD) -> list[Passed]:
    """What passed in the last full run. Raises OSError, ValueError."""
    return [_passed(row) for row in json.loads(record.read_text())]


def write(passed: Iterable[Passed], record: Path = RECORD) -> None:
    """The same, in an order of its own, a claim per line."""
    rows = [
        json.dumps({"mark": p.claim.mark, "words": p.claim.words, "release": p.claim.release}, ensure_ascii=False)[
            :-1
        ]
        + f', "version": {json.dumps(p.version)}, "files": {json.dumps(p.files)}}}'
        for p in sorted(passed)
    ]
    record.write_text("[\n" + ",\n".join(rows) + "\n]\n")


def _passed(row: Mapping[str, Any]) -> Passed:
    claim = Claim(row["mark"], tuple(row["words"]), row["release"])
    return Passed(claim, row["version"], tuple(row["files"]))
