"""YAML with `${NAME}` in it, read so that every later complaint can name file, line and key.

YAML's own loaders keep the last of two equal keys and forget the lines; so this walks PyYAML's node tree
(which keeps both) and builds plain values beside a map from key path to line. Knows nothing of what the keys
mean, and touches neither the network nor the environment it is not handed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import yaml

KeyPath = tuple[str | int, ...]

_VARIABLE: Final = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|(\{[^}]*\}?))")
_SCALARS: Final = {
    "tag:yaml.org,2002:null",
    "tag:yaml.org,2002:bool",
    "tag:yaml.org,2002:int",
    "tag:yaml.org,2002:float",
    "tag:yaml.org,2002:str",
}


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong, and where: `line` counts from 1, 0 means the whole file."""

    line: int
    path: str
    message: str
    file: str = field(compare=False, default="")

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


@dataclass(slots=True)
class Source:
    """A file's values, the line of every key, and the faults found while reading.

    `from_variables` are the keys whose value came out of the environment. Such a value is text until a key
    wants a number: `api_key: ${KEY}` must stay text when the key happens to be 12345.
    """

    file: str
    values: object = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    from_variables: set[KeyPath] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)

    def line_of(self, path: KeyPath) -> int:
        """The line of `path`, or of the nearest key above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)

    def complain(self, path: KeyPath, message: str) -> None:
        """Note a fault at `path`."""
        self.faults.append(Fault(self.line_of(path), dotted(path), message, self.file))


def dotted(path: KeyPath) -> str:
    """`("models", "a", "routes", 0)` as `models.a.routes[0]`."""
    out = ""
    for part in path:
        out += f"[{part}]" if isinstance(part, int) else (f".{part}" if out else part)
    return out


def read(text: str, file: str, environment: Mapping[str, str]) -> Source:
    """Read YAML `text`; faults of syntax, variables and duplicate keys are in the result, none is raised."""
    source = Source(file)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line = mark.line + 1 if mark else 0
        source.faults.append(Fault(line, "", f"not YAML: {exc.problem or exc.context}", file))
        return source
    except RecursionError:
        source.faults.append(Fault(0, "", "nested too deeply", file))
        return source
    except yaml.YAMLError as exc:  # an undecodable character carries no mark
        source.faults.append(Fault(0, "", f"not YAML: {exc}", file))
        return source
    try:
        source.values = _Builder(source, environment).build(root, ()) if root is not None else {}
    except RecursionError:
        source.faults.append(Fault(0, "", "nested too deeply", file))
    return source


def retyped(text: str) -> object:
    """What YAML makes of `text` when it stands unquoted: a number, a switch, or the text itself."""
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return text
    return value if isinstance(value, bool | int | float) else text


class _Builder:
    """Turns nodes into values, filling in the lines and faults of its source."""

    def __init__(self, source: Source, environment: Mapping[str, str]) -> None:
        self._source = source
        self._environment = environment
        self._resolver = yaml.SafeLoader("")
        self._open: set[int] = set()  # nodes being built: an anchor that contains itself would never end

    def build(self, node: yaml.Node, path: KeyPath) -> object:
        self._source.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self._open:
            self._source.complain(path, "an anchor that contains itself")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return dict(self._pairs(node, path))
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._scalar(node, path)
        finally:
            self._open.discard(id(node))

    def _pairs(self, node: yaml.MappingNode, path: KeyPath) -> Iterator[tuple[str, object]]:
        first_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._source.faults.append(
                    Fault(line, dotted(path), "a key must be plain text", self._source.file)
                )
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in first_lines:
                fault = Fault(
                    line,
                    dotted(here),
                    f"duplicate key, first given on line {first_lines[key]}",
                    self._source.file,
                )
                self._source.faults.append(fault)
                continue
            first_lines[key] = line
            self._source.lines[here] = line
            yield key, self.build(value_node, here)

    def _scalar(self, node: yaml.Node, path: KeyPath) -> object:
        raw = str(node.value)
        text = self._interpolated(raw, path)
        if text != raw:
            self._source.from_variables.add(path)
            return text
        if node.tag not in _SCALARS:  # dates and the like: nothing here has such a type
            return text
        try:
            return self._resolver.construct_object(node, deep=True)
        except (KeyError, ValueError, yaml.YAMLError):  # `!!bool maybe`, `!!int abc`, or thousands of digits
            self._source.complain(path, f"cannot be read as {node.tag.rpartition(':')[2]}: {raw[:40]!r}")
            return None

    def _interpolated(self, raw: str, path: KeyPath) -> str:
        def value_of(match: re.Match[str]) -> str:
            name, default, broken = match.groups()
            if match.group() == "$$":
                return "$"
            if broken is not None:
                self._source.complain(
                    path, f"cannot read ${broken}: write ${{NAME}} or ${{NAME:-default}}, or $$ for a plain $"
                )
                return ""
            value = self._environment.get(name) or default  # as in a shell, `:-` also replaces an empty value
            if value is None:
                self._source.complain(path, f"the variable {name} is not set and has no default (${{{name}:-…}})")
                return ""
            return value

        return _VARIABLE.sub(value_of, raw)
