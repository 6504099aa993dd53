"""How a client's name finds its voice; and the static tables against the real library."""

import json
import subprocess
import sys

import pytest

from tts_node.engines.espeak_voices import CATALOGUE, IDENTIFIERS, TIMBRES
from tts_node.errors import BadRequest, NotFound

OPENAI = [
    "alloy",
    "ash",
    "ballad",
    "coral",
    "echo",
    "fable",
    "onyx",
    "nova",
    "sage",
    "shimmer",
    "verse",
    "marin",
    "cedar",
]

# Runs in its own process: the library belongs in children only.
_ASK_THE_LIBRARY = """
import ctypes, json
from tts_node.engines.espeak import Library

class Voice(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("languages", ctypes.c_void_p), ("identifier", ctypes.c_char_p)]

library = Library()
lib = library._lib
lib.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(Voice))
def identifiers(spec):
    found, number = lib.espeak_ListVoices(spec), 0
    while found[number]:
        yield found[number].contents.identifier.decode()
        number += 1
class Spec(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("languages", ctypes.c_char_p), ("rest", ctypes.c_char * 64)]
spec = Spec(languages=b"variant")
print(json.dumps([list(identifiers(None)), list(identifiers(ctypes.byref(spec)))]))
"""


def test_tables_match_the_library() -> None:
    """Every language of the library is listed and no other; every variant in use exists."""
    answer = subprocess.run([sys.executable, "-c", _ASK_THE_LIBRARY], capture_output=True, check=True, text=True)
    languages, variants = json.loads(answer.stdout)
    assert sorted(languages) == sorted(IDENTIFIERS.values())
    assert {f"!v/{timbre.variant}" for timbre in TIMBRES.values()} <= set(variants)


def test_openai_names_are_thirteen_timbres() -> None:
    """All of OpenAI's names, no two alike, before the languages."""
    assert OPENAI == [voice.id for voice in CATALOGUE.voices[:13]]
    assert 13 == len({(timbre.language, timbre.variant) for timbre in TIMBRES.values()})


def test_ids_are_unique_and_findable() -> None:
    """Every listed voice answers to its id."""
    ids = [voice.id for voice in CATALOGUE.voices]
    assert len(ids) == len(set(ids))
    assert ids == [CATALOGUE.voice(name.upper()).id for name in ids]


def test_aliases_lead_to_voices() -> None:
    """Nobody is sent to a voice that does not exist."""
    assert {CATALOGUE.voice(alias).id for alias in CATALOGUE.aliases} <= set(IDENTIFIERS)


@pytest.mark.parametrize(
    ("wanted", "expected"), [(None, "alloy"), ("", "alloy"), (" Nova ", "nova"), ("de", "de"), ("EN", "en-us")]
)
def test_voices_are_found(wanted: str | None, expected: str) -> None:
    """In any case; none is the default."""
    assert expected == CATALOGUE.voice(wanted).id


def test_an_unknown_voice_lists_close_ones() -> None:
    """The 404 says what was probably meant."""
    with pytest.raises(NotFound, match="shimmer") as caught:
        CATALOGUE.voice("shimer")
    assert ("voice", "voice_missing") == (caught.value.param, caught.value.code)
    with pytest.raises(NotFound, match="alloy, ash"):
        CATALOGUE.voice("zzzzzzzz")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, None),
        ("", None),
        ("de", "de"),
        ("de-AT", "de"),
        ("pt_BR", "pt-br"),
        ("en", "en-us"),
        ("EN-GB", "en-gb"),
        ("en-AU", "en-us"),
        ("zh-Hant-TW", "cmn"),
        ("fr", "fr-fr"),
    ],
)
def test_languages_are_found(wanted: str | None, expected: str | None) -> None:
    """The closest tag that is spoken."""
    assert expected == CATALOGUE.language(wanted)


def test_an_unspoken_language_is_the_callers_fault() -> None:
    """A 400 that names the field."""
    with pytest.raises(BadRequest) as caught:
        CATALOGUE.language("xx-YY")
    assert "language" == caught.value.param


def test_the_revision_is_stable() -> None:
    """The same voices, the same revision."""
    assert CATALOGUE.revision == CATALOGUE.revision
    assert 16 == len(CATALOGUE.revision)
