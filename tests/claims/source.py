"""Which claims the tests make, read from their source: nothing is run, and no client's package is needed."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from claims.claim import MARKS, ROOT, Claim, claim_of

FOLDERS: Final = ("clients", "e2e", "faults", "router", "soak")


def claimed(tests: Path = ROOT / "tests") -> dict[Claim, tuple[str, ...]]:
    """Every claim, with the files that make it. Raises ValueError for words that cannot be read, or are wrong."""
    found: dict[Claim, set[str]] = {}
    for folder in FOLDERS:
        for file in sorted((tests / folder).rglob("test_*.py")):
            for claim in _of(file):
                found.setdefault(claim, set()).add(str(file.relative_to(tests.parent)))
    return {claim: tuple(sorted(files)) for claim, files in found.items()}


def _of(file: Path) -> Iterator[Claim]:
    source = file.read_text()
    if not any(f"mark.{mark}(" in source for mark in MARKS):
        return
    tree = ast.parse(source)
    constants = _constants(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                yield from _said(decorator, constants, file)


def _said(decorator: ast.expr, constants: Mapping[str, str], file: Path) -> Iterator[Claim]:
    if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute)):
        return
    if decorator.func.attr not in MARKS or "pytest.mark" not in ast.unparse(decorator.func):
        return
    try:
        said = {word.arg or "**": _text(word.value, constants) for word in decorator.keywords}
        yield claim_of(decorator.func.attr, said)
    except ValueError as exc:
        raise ValueError(f"{file.name}:{decorator.lineno}: {exc}") from None


def _constants(tree: ast.Module) -> dict[str, str]:
    """The texts that the module itself has names for."""
    found: dict[str, str] = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[target.id] = value.value
    return found


def _text(node: ast.expr, constants: Mapping[str, str]) -> str:
    """Literal, a constant of the module, or made of both. Raises ValueError."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.Name(id=name) if name in constants:
            return constants[name]
        case ast.JoinedStr(values=parts):
            return "".join(_text(part, constants) for part in parts)
        case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
            return _text(inner, constants)
    raise ValueError(f"{ast.unparse(node)} is neither a text nor a constant of its module")
