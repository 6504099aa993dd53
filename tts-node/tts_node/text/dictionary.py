"""The owner's pronunciations: whole words and phrases that are written one way and said another.

A TOML file: table `[any]` for every language, `[de]`, `[pt-br]` … for one, which then counts more.

    [any]
    nginx = "engine x"      # small letters: found in any case
    SQL = "sequel"          # with a capital: found only as written
    [de]
    "z. B." = "zum Beispiel"
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

_EVERY_LANGUAGE = "any"
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


class DictionaryError(ValueError):
    """The file cannot be used; the message names the line."""


@dataclass(frozen=True)
class Entries:
    """One table, ready to be looked up."""

    said: Mapping[str, str]

    @cached_property
    def lengths(self) -> Mapping[str, tuple[int, ...]]:
        """How long the entries are that begin with a character, the longest first."""
        found: dict[str, set[int]] = {}
        for written in self.said:
            found.setdefault(written[0].lower(), set()).add(len(written))
        return {first: tuple(sorted(lengths, reverse=True)) for first, lengths in found.items()}

    def replaced(self, text: str) -> str:
        """The text with every entry said. One pass: what was put in is not looked up again."""
        parts: list[str] = []
        position = taken = 0
        while position < len(text):
            if written := self._at(text, position):
                parts += [text[taken:position], self._said(written)]
                position = taken = position + len(written)
            else:
                position += 1
        return "".join(parts) + text[taken:]

    def _at(self, text: str, start: int) -> str | None:
        for length in self.lengths.get(text[start].lower(), ()):
            found = text[start : start + length]
            if (found in self.said or found.lower() in self.said) and _is_whole(text, start, start + length):
                return found
        return None

    def _said(self, written: str) -> str:
        return self.said[written] if written in self.said else self.said[written.lower()]


def _is_whole(text: str, start: int, end: int) -> bool:
    return not (_is_inside(text, start) or _is_inside(text, end))


def _is_inside(text: str, position: int) -> bool:
    """Whether a place lies within a word; scripts without spaces have no such places."""
    if not 0 < position < len(text):
        return False
    before, after = text[position - 1], text[position]
    return before.isalnum() and after.isalnum() and not (_UNSPACED.match(before) or _UNSPACED.match(after))


@dataclass(frozen=True)
class Dictionary:
    """All tables of a file."""

    tables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    _entries: dict[str, Entries] = field(default_factory=dict, compare=False, repr=False)

    def applied(self, text: str, language: str | None) -> str:
        """The text with this language's words and the general ones said as the owner wants."""
        if not self.tables:
            return text
        tag = (language or "en").lower().replace("_", "-")
        if tag not in self._entries:
            self._entries[tag] = Entries(self._table(tag))
        return self._entries[tag].replaced(text)

    def _table(self, tag: str) -> dict[str, str]:
        merged: dict[str, str] = {}
        for name in (_EVERY_LANGUAGE, tag.partition("-")[0], tag):
            merged |= self.tables.get(name, {})
        return merged


NO_DICTIONARY = Dictionary()


def read_dictionary(path: str) -> Dictionary:
    """Raises DictionaryError; also for a file that is not there."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as exc:
        raise DictionaryError(f"{path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise DictionaryError(f"{path}: line {line}: not UTF-8") from exc
    return parse_dictionary(text, path)


def parse_dictionary(text: str, source: str) -> Dictionary:
    """Raises DictionaryError with every fault, one a line, as `file: line 3: …`."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        found = re.search(r"\(at line (\d+), column \d+\)", str(exc))
        line = int(found[1]) if found else text.count("\n") + 1
        message = re.sub(r" \(at .*\)$", "", str(exc))
        raise DictionaryError(f"{source}: line {line}: {message}") from exc
    faults = [f"{source}: line {_line_of(text, table, word)}: {fault}" for table, word, fault in _faults(tables)]
    if faults:
        raise DictionaryError("\n".join(faults))
    return Dictionary({name.lower(): dict(entries) for name, entries in tables.items()})


def _faults(tables: Mapping[str, object]) -> list[tuple[str, str | None, str]]:
    faults: list[tuple[str, str | None, str]] = []
    for name, entries in tables.items():
        if not isinstance(entries, dict):
            faults.append((name, None, f"{name!r} stands in no table such as [any] or [de]"))
        elif name != _EVERY_LANGUAGE and not _LANGUAGE.fullmatch(name.lower()):
            faults.append((name, None, f"[{name}] is neither [any] nor a language such as [de]"))
        else:
            faults += [(name, word, fault) for word, said in entries.items() if (fault := _fault(word, said))]
    return faults


def _fault(word: str, said: object) -> str | None:
    if not word.strip() or word != word.strip():
        return f"{word!r} is not a word: it is empty, or begins or ends with a space"
    if isinstance(said, dict):
        return f"{word!r} has dots and stands without quotes"
    return None if isinstance(said, str) else f"what {word!r} becomes must be a text in quotes"


def _line_of(text: str, table: str, word: str | None) -> int:
    """Where a key of a table stands; the parser does not tell."""
    is_in_table = False
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.strip()
        if re.match(rf"\[\s*[\"']?{re.escape(table)}[\"']?\s*\]|[\"']?{re.escape(table)}[\"']?\s*=", plain):
            if word is None:
                return number
            is_in_table = True
        elif plain.startswith("["):
            is_in_table = False
        elif is_in_table and word is not None and re.match(rf"[\"']?{re.escape(word)}[\"']?\s*[=.]", plain):
            return number
    return 1
