"""Sound as servers without a contract send it, and what they say when they send none."""

import base64
import json
from typing import Any

import pytest
from fakes import head
from running import run
from vendors.sound import tone, wav

from router.errors import Malformed
from router.providers.asking import Complaint
from router.providers.parcel import Parcel, complaint_of, has_container, unpacked

SOUND = wav(tone(0.1))
ENCODED = base64.b64encode(SOUND).decode()
JSON = (b"Content-Type", b"application/json; charset=utf-8")


def _unpacked(document: Any) -> Parcel:
    return run(unpacked(head(200, JSON), json.dumps(document).encode()))


@pytest.mark.parametrize("key", ["audio", "audio_base64", "audio_content", "audio_data", "data"])
@pytest.mark.parametrize("prefix", ["", "data:audio/wav;base64,"])
def test_sound_in_json(key: str, prefix: str) -> None:
    """Whatever it is called."""
    assert SOUND == _unpacked({key: prefix + ENCODED}).sound


def test_sound_as_it_is() -> None:
    """Is not looked into, be it ever so like JSON."""
    assert Parcel(b'{"audio":1}') == run(unpacked(head(200, (b"Content-Type", b"audio/pcm")), b'{"audio":1}'))


@pytest.mark.parametrize(
    "document",
    [{}, [], None, 5, {"audio": 5}, {"audio": ""}, {"audio": {"x": 1}}, {"audio": "a"}, {"audio": "é" * 4}],
)
def test_json_without_sound(document: Any) -> None:
    """Is no answer."""
    with pytest.raises(Malformed):
        _unpacked(document)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"rtf": 0.5}, 0.5),
        ({"RTF": 1}, 1.0),
        ({"metadata": {"rtf": 0.25}}, 0.25),
        ({"metrics": {"RTF": 2}, "rtf": None}, 2.0),
        ({"metadata": "rtf"}, None),
        ({"rtf": True}, None),
        ({"rtf": "0.5"}, None),
        ({"rtf": -1}, None),
        ({"rtf": 1e9}, None),
        ({}, None),
    ],
)
def test_figures(told: dict[str, object], expected: float | None) -> None:
    """Those that can be; nothing is guessed."""
    assert expected == Parcel(b"", told).figure("rtf", "RTF")


@pytest.mark.parametrize(
    ("sound", "expected"),
    [
        (SOUND, True),
        (b"ID3\x04", True),
        (b"\xff\xfb\x90", True),
        (b"OggS", True),
        (b"fLaC", True),
        (b"\xff\x7f\xff\x7f", False),  # loud samples
        (b"\xff", False),
        (b"", False),
        (tone(0.1), False),
    ],
)
def test_files_and_bare_samples(sound: bytes, *, expected: bool) -> None:
    """By how they begin."""
    assert expected is has_container(sound)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"error": "no"}, Complaint("no")),
        ({"error": {"message": "no", "param": "text", "code": "bad"}}, Complaint("no", "text", "bad")),
        ({"error": {"message": "no", "param": 5}}, Complaint("no")),
        ({"detail": "no"}, Complaint("no")),
        ({"detail": [{"loc": ["body", "top_k"], "msg": "too large"}]}, Complaint("top_k: too large", "top_k")),
        ({"detail": [{"loc": [], "msg": "no"}, 5]}, Complaint("no")),
        ({"error": None, "message": "no"}, Complaint("no")),
        ({"error": True, "detail": []}, Complaint()),
        ([], Complaint()),
        ("no", Complaint()),
    ],
)
def test_what_errors_say(document: object, expected: Complaint) -> None:
    """FastAPI's, Flask's and others'."""
    assert expected == complaint_of(json.dumps(document).encode())


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"\xff", b"[" * 100_000])
def test_what_says_nothing(body: bytes) -> None:
    """A page, say."""
    assert Complaint() == complaint_of(body)
