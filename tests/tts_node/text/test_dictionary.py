"""The owner's pronunciations: whole words, by language and case; a bad file names its line."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_node.text import NO_DICTIONARY, Dictionary, DictionaryError, parse_dictionary, read_dictionary

WORDS = parse_dictionary(
    """
[any]
nginx = "engine x"
SQL = "sequel"
"C++" = "see plus plus"
New = "old"
"New York" = "the city"
[de]
"z. B." = "zum Beispiel"
SQL = "Es-Ku-Ell"
[zh]
"重庆" = "chong qing"
["pt-br"]
ok = "oquei"
""",
    "words.toml",
)


@pytest.mark.parametrize(
    ("language", "written", "said"),
    [
        ("en", "nginx, NGINX and Nginx", "engine x, engine x and engine x"),
        ("en", "SQL but not sql or MySQL", "sequel but not sql or MySQL"),
        ("en", "mynginx nginxes nginx2", "mynginx nginxes nginx2"),
        ("en", "I like C++.", "I like see plus plus."),
        ("en", "New York is New", "the city is old"),
        ("de", "SQL, z. B. nginx", "Es-Ku-Ell, zum Beispiel engine x"),
        ("en", "z. B.", "z. B."),
        ("zh", "我在重庆住", "我在chong qing住"),
        ("pt-BR", "ok", "oquei"),
        ("pt", "ok", "ok"),
        (None, "SQL", "sequel"),
    ],
)
def test_whole_words_are_replaced(language: str | None, written: str, said: str) -> None:
    """The longest entry wins, a language's own before the general one; small letters mean any case."""
    assert said == WORDS.applied(written, language)


def test_what_was_put_in_is_not_replaced_again() -> None:
    """One pass: two words may change places."""
    swap = parse_dictionary('[any]\na = "b"\nb = "a"', "x")
    assert "b a" == swap.applied("a b", "en")


@given(text=st.text(max_size=200))
def test_no_dictionary_changes_nothing(text: str) -> None:
    """Nor does one whose words do not occur."""
    assert text == NO_DICTIONARY.applied(text, "en")
    assert (
        text == Dictionary({"any": {"\x00\x00never\x00": "x"}}).applied(text.replace("\x00", ""), "en")
        or "\x00" in text
    )


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        ("[any]\nok = 'fine'\nbad = 3\nworse = true", ["line 3: what 'bad'", "line 4: what 'worse'"]),
        ("word = 'said'", ["line 1: 'word' stands in no table"]),
        ("[any]\na = 'b'\na = 'c'", ["line 3"]),
        ("[any]\n\n[de\n", ["line 3"]),
        ("[any]\nexample.com = 'x'", ["line 2: 'example' has dots"]),
        ("[any]\n[english]\na = 'b'", ["line 2: [english] is neither"]),
        ("[any]\n'' = 'b'", ["line 2: '' is not a word"]),
        ("[any]\n' a' = 'b'", ["line 2: ' a' is not a word"]),
    ],
)
def test_a_bad_file_names_its_lines(content: str, faults: list[str]) -> None:
    """All faults at once, as `file: line n: what`."""
    with pytest.raises(DictionaryError) as caught:
        parse_dictionary(content, "words.toml")
    lines = str(caught.value).splitlines()
    assert len(faults) == len(lines)
    assert all(line.startswith(f"words.toml: {fault}") for line, fault in zip(lines, faults, strict=True))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Not there, or not UTF-8: told as any other fault."""
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"[any]\ncaf\xe9 = 'x'")
    with pytest.raises(DictionaryError, match="line 2: not UTF-8"):
        read_dictionary(str(latin))
    with pytest.raises(DictionaryError, match="No such file"):
        read_dictionary(str(tmp_path / "none.toml"))


def test_a_large_dictionary_costs_little() -> None:
    """Looked up by length and not tried one by one: 20 000 entries on 100 000 characters."""
    entries = {f"word{number}": "x" for number in range(20_000)}
    started_s = time.process_time()
    said = Dictionary({"any": entries}).applied("word7 other " * 8_000, "en")
    assert 8_000 == said.count("x other")
    assert time.process_time() - started_s < 3
