"""Every error, in every dialect, has the shape that the OpenAPI document gives it."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from router.api import dialects
from router.api.dialects import ANTHROPIC, OPENAI, Dialect
from router.api.documented.errors import SHAPES, errors, model_errors
from router.errors import NothingCanServe, Refusal, RouterError
from router.speech import library  # whose error is of the tree, too

NAMES = {id(value): name for name, value in vars(dialects).items() if isinstance(value, Dialect)}
MORE: dict[str, Any] = {  # what some of them need
    "allow": "POST",
    "retry_after_s": 1.5,
    "upstream_status": 500,
    "where": ("body", "text"),
    "kind": "missing",
}


def _every() -> Iterator[RouterError]:
    """One of each."""
    waiting: list[type[RouterError]] = [RouterError]
    assert issubclass(library.LibraryFull, RouterError)
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        yield _made(kind)


def _made(kind: type[RouterError]) -> RouterError:
    if issubclass(kind, NothingCanServe):
        return kind("this", [Refusal("a", "b")])
    names = [name for name in MORE if name in _parameters(kind)]
    return kind("No.", **{name: MORE[name] for name in names})


def _parameters(kind: type[RouterError]) -> set[str]:
    code = kind.__init__.__code__
    return set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])


def test_every_dialect_has_a_shape() -> None:
    """A new one without would fail as soon as it is documented; this says so first."""
    assert sorted(NAMES.values()) == sorted(NAMES[id(dialect)] for dialect in SHAPES)


@pytest.mark.parametrize("dialect", SHAPES, ids=lambda dialect: NAMES[id(dialect)])
@pytest.mark.parametrize("error", list(_every()), ids=lambda error: type(error).__name__)
def test_an_error_has_its_dialects_shape(dialect: Dialect, error: RouterError) -> None:
    """Every key that is promised, and no other."""
    body = dialect.body(error, "req-1")
    told = msgspec.json.decode(body, type=SHAPES[dialect])
    assert json.loads(msgspec.json.encode(told)) == json.loads(body)


def test_what_every_operation_may_answer_is_among_its_errors() -> None:
    """Its own beside, in order, each with a word on what it means."""
    told = errors(409, dialects=(ANTHROPIC,))
    assert [400, 401, 403, 408, 409, 431, 500, 508] == list(told)
    assert {SHAPES[ANTHROPIC]} == {spec.data_container for spec in told.values()}
    assert all(len(spec.description) > 10 for spec in told.values())
    assert {404, 413, 422, 429, 503} <= set(model_errors(422))


def test_where_two_dialects_share_a_path_both_shapes_are_told() -> None:
    """A header tells whose it is."""
    told = errors(dialects=(OPENAI, ANTHROPIC))
    assert SHAPES[OPENAI] | SHAPES[ANTHROPIC] == told[400].data_container
