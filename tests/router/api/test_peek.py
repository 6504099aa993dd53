"""What is read of an opaque body, and what may change in it."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from router.api.peek import peek
from router.errors import InvalidRequest

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=15,
)
_keys = st.sampled_from(["messages", "models", "Model", "model ", 'mo"del', "\u006dodels", "input"]) | _text
_spaces = st.text(" \t\r\n", max_size=3)


@st.composite
def _bodies(draw: st.DrawFn) -> tuple[bytes, str, bytes, bytes]:
    """A JSON object with one top-level model, in any spelling: the body, the model, and what stands around it."""
    others = draw(st.dictionaries(_keys.filter(lambda key: key not in {"model", "stream"}), _json, max_size=5))
    ascii_only = draw(st.booleans())

    def spelt(value: object) -> str:
        return json.dumps(value, ensure_ascii=ascii_only, indent=draw(st.sampled_from([None, 1])))

    def member(key: str, value: str) -> str:
        return f"{draw(_spaces)}{key}{draw(_spaces)}:{draw(_spaces)}{value}{draw(_spaces)}"

    members = [member(spelt(key), spelt(value)) for key, value in others.items()]
    at = draw(st.integers(0, len(members)))
    model = draw(_text.filter(bool))
    key = draw(st.sampled_from(['"model"', '"mod\\u0065l"', '"\\u006D\\u006Fdel"']))
    marked = member(key, "\x00")
    text = f"{draw(_spaces)}{{{','.join([*members[:at], marked, *members[at:]])}}}{draw(_spaces)}"
    before, after = text.split("\x00")
    return (before + spelt(model) + after).encode(), model, before.encode(), after.encode()


@given(_bodies(), _text)
@example((b'{"model":"a"}', "a", b'{"model":', b"}"), "b")
def test_only_the_models_value_changes(case: tuple[bytes, str, bytes, bytes], name: str) -> None:
    """Whatever JSON object and model name: the bytes around the model's value are the client's own."""
    body, model, before, after = case
    seen = peek(body)
    changed = seen.with_model(name)
    assert model == seen.model
    if name == model:
        assert body == changed
    else:
        assert (before, after) == (changed[: len(before)], changed[len(changed) - len(after) :])
        expected = json.loads(body)
        expected["model"] = name
        assert expected == json.loads(changed)


def _escaped(word: str, which: list[int]) -> str:
    return "".join(f"\\u{ord(c):04x}" if n % 5 in which else c for n, c in enumerate(word))


@given(
    st.sampled_from(["model", "stream"]),
    st.lists(st.integers(0, 4), max_size=5),
    st.lists(st.integers(0, 4), max_size=5),
    st.booleans(),
    _spaces,
    st.sampled_from([0, 10_000]),
)
def test_a_model_given_twice_is_refused_in_every_spelling(
    word: str,
    one: list[int],
    other: list[int],
    in_upper_case: bool,
    space: str,
    size: int,
) -> None:
    """RFC 8259 §4 leaves open which of two equal keys counts, so neither does, in a small body and a large one."""
    values = {"model": ('"a"', '"b"'), "stream": ("true", "false")}[word]
    second = _escaped(word, other)
    if in_upper_case:
        second = second.replace("\\u006d", "\\u006D").replace("\\u006f", "\\u006F").replace("\\u006c", "\\u006C")
    first, between = f'"{_escaped(word, one)}":{values[0]}', f'"x":[{{"model":1}}],"y":"{size * "y"}"'
    text = f'{{{first},{between},{space}"{second}"{space}:{values[1]}}}'
    with pytest.raises(InvalidRequest) as caught:
        peek(text.encode())
    assert (word, "duplicate_key") == (caught.value.param, caught.value.code)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a","messages":[{"model":"b"},{"model":"c"}]}',
        b'{"model":"a","messages":[{"content":"\\"model\\": \\"model\\""}]}',
        b'{"model":"a","metadata":{"model":"x","stream":"y"},"tools":[{"stream":1}]}',
        b'{"model":"a","x":"\\u006d\\u006f\\u0064\\u0065\\u006c"}',
    ],
)
def test_the_word_elsewhere_is_not_a_duplicate(body: bytes) -> None:
    """Only top-level keys count: a nested key or a text that says "model" is the client's own affair."""
    assert "a" == peek(body).model


@pytest.mark.parametrize(
    ("body", "model", "is_streamed"),
    [
        (b'{"model":"a"}', "a", False),
        (b'{"model":"a","stream":true}', "a", True),
        (b'{"model":"a","stream":false}', "a", False),
        (b'{"model":"a","stream":null}', "a", False),
        (b'{"model":null}', None, False),
        (b"{}", None, False),
        (b' \n{"stream" : true }\n', None, True),
        ('{"model":"größe"}'.encode(), "größe", False),
        (b'{"model":"a\\/b"}', "a/b", False),
        (b'{"model":"a","messages":["%b"],"stream":true}' % (10_000 * b"m"), "a", True),
        (b'{"model": "a", "messages": ["%b"], "stream": true}' % (10_000 * b"m"), "a", True),
        (b'{ "model":"a","model_":"model","x":"%b"}' % (10_000 * b"\\u006d"), "a", False),
    ],
)
def test_model_and_stream_are_read(body: bytes, model: str | None, is_streamed: bool) -> None:
    """Absent and null are the same; escapes are read."""
    seen = peek(body)
    assert (model, is_streamed, body) == (seen.model, seen.is_streamed, seen.body)


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b"", None, "invalid_json"),
        (b"{", None, "invalid_json"),
        (b'{"model":"a",}', None, "invalid_json"),
        (b'{"model":"a"} x', None, "invalid_json"),
        (b"{'model':'a'}", None, "invalid_json"),
        (b'{"model":"a","x":NaN}', None, "invalid_json"),
        (b'\xef\xbb\xbf{"model":"a"}', None, "invalid_json"),
        (b'{"model":"\xff"}', None, "invalid_json"),
        (b'{"model":"a","x":"\xc3"}', None, "invalid_json"),
        (b"[" * 100_000, None, "wrong_type"),
        (b'{"x":' * 100_000, None, "invalid_json"),
        (b"[]", None, "wrong_type"),
        (b'"model"', None, "wrong_type"),
        (b"null", None, "wrong_type"),
        (b'{"model":5}', "model", "wrong_type"),
        (b'{"model":["a"]}', "model", "wrong_type"),
        (b'{"model":"a","stream":"yes"}', "stream", "wrong_type"),
        (b'{"model":"a","stream":1}', "stream", "wrong_type"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else value,
)
def test_what_is_no_sane_object_is_refused(body: bytes, param: str | None, code: str) -> None:
    """A 400 that names the field, never an exception of the parser's."""
    with pytest.raises(InvalidRequest) as caught:
        peek(body)
    assert (400, param, code) == (caught.value.status, caught.value.param, caught.value.code)


@pytest.mark.parametrize(
    "rest",
    [b'"x":' + b"1" * 5000, b'"x":1e999', b'"x":-0.0', b'"x":123456789012345678901234567890'],
    ids=["5000 digits", "beyond a float", "minus zero", "30 digits"],
)
def test_numbers_are_not_the_routers_affair(rest: bytes) -> None:
    """Any number that JSON allows passes untouched beside a changed model."""
    body = b'{"model":"a",' + rest + b"}"
    assert b'{"model":"b",' + rest + b"}" == peek(body).with_model("b")


def test_deep_nesting_is_refused_or_passed_but_never_fails() -> None:
    """Depth is either the parser's limit, told as a 400, or none."""
    outcomes: set[Any] = set()
    for depth in (10, 500, 990, 5_000, 100_000):
        body = b'{"model":"a","x":' + b"[" * depth + b"]" * depth + b"}"
        try:
            outcomes.add(peek(body).with_model("b")[:13])
        except InvalidRequest as error:
            outcomes.add(error.code)
    assert {b'{"model":"b",', "invalid_json"} == outcomes


def test_a_body_without_a_model_is_passed_as_it_is() -> None:
    """There is nothing to rename."""
    assert b'{"x":1}' == peek(b'{"x":1}').with_model("b")
