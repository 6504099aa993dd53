"""YAML with variables: values, lines, and every fault at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config.source import Fault, dotted, read, retyped


def _faults(text: str, **environment: str) -> list[tuple[int, str, str]]:
    return [(f.line, f.path, f.message) for f in read(text, "f.yaml", environment).faults]


_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
_plain = st.text(
    st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"], exclude_characters='$}\\"'), max_size=12
)


@given(
    st.lists(st.tuples(_plain, _names, st.none() | _plain), max_size=5), _plain, st.dictionaries(_names, _plain)
)
def test_variables_are_replaced_as_a_shell_does(
    parts: list[tuple[str, str, str | None]], tail: str, environment: dict[str, str]
) -> None:
    """`${NAME}` and `${NAME:-default}` anywhere in a text; `:-` also replaces an empty value."""
    text, expected, missing = "", "", []
    for before, name, default in parts:
        text += before + (f"${{{name}}}" if default is None else f"${{{name}:-{default}}}")
        value = environment.get(name) or default
        if value is None:
            missing.append(name)
        expected += before + (value or "")
    source = read(f'key: "{text}{tail}"', "f.yaml", environment)
    assert {"key": expected + tail} == source.values
    assert missing == [fault.message.split()[2] for fault in source.faults]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: $$", "$"),
        ("a: $${B}", "${B}"),
        ("a: x$$y$$", "x$y$"),
        ("a: $B", "$B"),
        ("a: costs 5$", "costs 5$"),
        ("a: ${B}${B}", "22"),
        ("a: ${B:-}", "2"),
        ("a: ${EMPTY:-d}", "d"),
        ("a: ${NO:-}", ""),
        ("a: ${NO:-http://h:1/x?y=z}", "http://h:1/x?y=z"),
        ("a: '${NO:-a b}'", "a b"),
    ],
)
def test_interpolation(text: str, expected: str) -> None:
    """`$$` is a plain dollar; a dollar with nothing behind it is one too."""
    source = read(text, "f", {"B": "2", "EMPTY": ""})
    assert ({"a": expected}, []) == (source.values, source.faults)


def test_a_value_is_not_read_again() -> None:
    """What a variable holds is data, also when it looks like a variable."""
    assert {"a": "${B}"} == read("a: ${A}", "f", {"A": "${B}", "B": "no"}).values


@pytest.mark.parametrize("broken", ["${}", "${A", "${1A}", "${A:=x}", "${A-x}", "${ A}", "${A:-${B}}"])
def test_a_variable_that_cannot_be_read_is_a_fault_or_told(broken: str) -> None:
    """Nothing is silently taken for text that was meant as a variable; nesting is not supported."""
    source = read(f"a: '{broken}'", "f", {"A": ""})
    is_told = [fault.path for fault in source.faults] == ["a"]
    is_nested = broken == "${A:-${B}}"
    assert is_told is not is_nested


def test_every_missing_variable_is_told_with_its_line() -> None:
    """All at once, in words that say what to do."""
    assert [
        (2, "a.b", "the variable ONE is not set and has no default (${ONE:-…})"),
        (4, "c[1]", "the variable TWO is not set and has no default (${TWO:-…})"),
    ] == _faults("a:\n  b: ${ONE}\nc: [x,\n  '${TWO}']\n")


def test_duplicate_keys_are_faults_on_any_level() -> None:
    """YAML's own loader keeps the last one without a word."""
    assert [
        (3, "a", "duplicate key, first given on line 1"),
        (5, "c.d", "duplicate key, first given on line 5"),
    ] == _faults("a: 1\nb: 2\na: 3\nc:\n  {d: 1, d: 2}\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1", 2),
        ("a: 1\n b: 2", 2),
        ("\ta: 1", 1),
        ("a: 'x", 1),
        ("a: *nobody", 1),
        ("a: 1\n--- \nb: 2", 2),
        ("a: \x00", 0),
        ("'", 1),
    ],
    ids=repr,
)
def test_what_is_not_yaml_is_a_fault_with_a_line(text: str, line: int) -> None:
    """Syntax is the only fault then, because nothing else can be known."""
    faults = _faults(text)
    assert 1 == len(faults)
    assert faults[0][2].startswith("not YAML: ")
    assert abs(faults[0][0] - line) <= 1


@pytest.mark.parametrize(
    "text",
    [
        "a: !!int abc",
        "a: !!float abc",
        "a: !!bool maybe",
        "a: 0x_",
        "a: 0b_",
        "a: " + "1" * 5000,
        "a: !!timestamp x",
    ],
    ids=lambda text: text[:16],
)
def test_a_scalar_that_is_not_what_it_says_is_no_crash(text: str) -> None:
    """A value, or a fault; never a traceback."""
    source = read(text, "f", {})
    assert isinstance(source.values, dict)


def test_nesting_beyond_reason_is_a_fault() -> None:
    """Told, not a traceback."""
    assert 1 == len(_faults("[" * 5000))


@pytest.mark.parametrize(
    ("text", "values"), [("", {}), ("# nothing\n", {}), ("null", None), ("[1, 2]", [1, 2]), ("x", "x")]
)
def test_a_file_may_hold_anything(text: str, values: object) -> None:
    """What it must hold is decided by the types."""
    assert values == read(text, "f", {}).values


def test_scalars_have_yamls_types_and_dates_stay_text() -> None:
    """Only what the settings know."""
    text = "a: 1\nb: 1.5\nc: true\nd: null\ne: x\nf: 2026-01-01\ng: '1'\nh: 0x10\n"
    expected = {"a": 1, "b": 1.5, "c": True, "d": None, "e": "x", "f": "2026-01-01", "g": "1", "h": 16}
    assert expected == read(text, "f", {}).values


def test_anchors_are_followed_and_cycles_are_faults() -> None:
    """An anchor that contains itself would never end."""
    assert {"a": {"x": 1}, "b": {"x": 1}} == read("a: &n {x: 1}\nb: *n\n", "f", {}).values
    assert [(1, "a.x", "an anchor that contains itself")] == _faults("a: &n {x: *n}\n")


def test_keys_that_are_no_text_are_faults() -> None:
    """A list as a key names nothing."""
    assert [(2, "", "a key must be plain text")] == _faults("a: 1\n[x]: 2\n")


def test_lines_are_known_for_every_key_and_borrowed_from_above() -> None:
    """A fault about something missing is shown where it is missing."""
    source = read("a:\n  b:\n    - x\n    - y: 1\n", "f", {})
    places = [("a",), ("a", "b"), ("a", "b", 1, "y"), ("a", "b", 1, "z"), ("a", "q", "r"), ("n",), ()]
    assert [1, 2, 4, 4, 1, 1, 1] == [source.line_of(path) for path in places]


def test_what_came_from_variables_is_known() -> None:
    """Only such text may become a number."""
    source = read("a: ${X}\nb: '1'\nc: 1\nd: x${X}\n", "f", {"X": "5"})
    assert {("a",), ("d",)} == source.from_variables


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", 5),
        ("5.5", 5.5),
        ("true", True),
        ("no", False),
        ("x", "x"),
        ("", ""),
        ("[1]", "[1]"),
        ("'5'", "'5'"),
        ("{", "{"),
        ("null", "null"),
    ],
)
def test_retyped(text: str, expected: object) -> None:
    """Numbers and switches; anything else stays what it is."""
    assert (expected if text != "'5'" else text) == retyped(text)


@pytest.mark.parametrize(
    ("path", "expected"), [((), ""), (("a",), "a"), (("a", "b", 0, "c"), "a.b[0].c"), ((0, "a"), "[0].a")]
)
def test_dotted(path: tuple[str | int, ...], expected: str) -> None:
    """As a person would point at it."""
    assert expected == dotted(path)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(3, "a.b", "wrong", "f.yaml"), "f.yaml:3: a.b: wrong"),
        (Fault(0, "a.b", "wrong", "f.yaml"), "f.yaml: a.b: wrong"),
        (Fault(3, "", "wrong", "f.yaml"), "f.yaml:3: wrong"),
    ],
)
def test_a_fault_reads_like_a_compilers(fault: Fault, expected: str) -> None:
    """So that an editor can jump there."""
    assert expected == str(fault)
