"""What docs/guides says to type: the python blocks that are to be run, and the requests of the curl lines."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from curls import Curl, request_of
from processes import ROOT

GUIDES: Final = ROOT / "docs" / "guides"
URL: Final = "http://127.0.0.1:8700"  # as the guides have it
_MARK: Final = "<!-- run by tests/e2e/test_guides.py -->\n"
_BLOCK: Final = re.compile(rf"({_MARK})?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced piece of a guide."""

    guide: str
    number: int
    language: str
    text: str
    is_run: bool

    def __str__(self) -> str:
        return f"{self.guide}-{self.number}"


@dataclass(frozen=True, slots=True)
class Request:
    """That of a guide's curl line."""

    guide: str
    curl: Curl

    def __str__(self) -> str:
        return f"{self.guide}-{self.curl.url.removeprefix(URL)}"


def blocks() -> list[Block]:
    """Of all guides."""
    return [
        Block(path.stem, number, match[2], match[3], match[1] is not None)
        for path in sorted(GUIDES.glob("*.md"))
        for number, match in enumerate(_BLOCK.finditer(path.read_text()), 1)
    ]


def requests() -> list[Request]:
    """Of every curl line, whatever its output is piped into."""
    return [
        _request(block.guide, line)
        for block in blocks()
        if block.language == "sh"
        for line in block.text.replace("\\\n", " ").splitlines()
        if line.startswith("curl ")
    ]


def _request(guide: str, line: str) -> Request:
    found = Request(guide, request_of(shlex.split(line)))
    assert found.curl.url.startswith(URL), line
    return found


def at(text: str, base_url: str) -> str:
    """The text, for a router that is elsewhere."""
    return text.replace(URL, base_url)


def folder_of(path: Path) -> list[Path]:
    """The sound that a block left behind."""
    return [each for each in sorted(path.iterdir()) if each.suffix in {".wav", ".mp3", ".pcm"}]
