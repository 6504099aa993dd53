"""Voices of the library through a real node and the real package: whose voice it is can be heard and read."""

from collections.abc import Iterator
from typing import Any

import pytest

import recordings
from nodes import RunningNode
from spoken import MODELS

ROUTE = "/v1/audio/voices"


@pytest.fixture(scope="module")
def voices(chatterbox_node: RunningNode) -> Iterator[list[Any]]:
    """Two recordings uploaded as clients do; deleted afterwards."""
    rows = []
    for name, pitch_hz in (("Low", 110), ("High", 230)):
        files = {"audio_sample": (f"{name}.wav", recordings.voice(pitch_hz), "audio/wav")}
        answer = chatterbox_node.client.post(ROUTE, data={"name": name}, files=files)
        assert 200 == answer.status_code, answer.text
        rows.append(answer.json())
    yield rows
    for row in rows:
        chatterbox_node.client.delete(f"{ROUTE}/{row['id']}")


@pytest.mark.parametrize("model", MODELS)
def test_every_model_speaks_with_them(chatterbox_node: RunningNode, voices: list[Any], model: str) -> None:
    """By turns, each sounds like itself, bit by bit, and the headers say whose it is."""
    assert all(model in row["engines"] for row in voices)
    wish = {"input": "Good evening.", "model": model, "response_format": "pcm", "seed": 5}
    answers = [chatterbox_node.speak(**wish, voice=row["id"]) for row in (*voices, *voices)]
    assert [200] * 4 == [answer.status_code for answer in answers]
    assert [row["hash"] for row in (*voices, *voices)] == [
        answer.headers["x-tts-voice-hash"] for answer in answers
    ]
    low, high, low_again, high_again = (answer.content for answer in answers)
    assert (low, high) == (low_again, high_again)
    own = chatterbox_node.speak(**wish).content
    assert 3 == len({low, high, own})


def test_a_voice_is_prepared_ahead(chatterbox_node: RunningNode, voices: list[Any]) -> None:
    """By the model that is up."""
    chatterbox_node.speak(model="chatterbox-turbo", input="Hi.")
    answer = chatterbox_node.client.post(
        f"{ROUTE}/{voices[0]['id']}/prepare", params={"model": "chatterbox-turbo"}
    )
    assert (200, True) == (answer.status_code, answer.json()["prepared"])


def test_a_recording_serves_the_models_it_is_long_enough_for(chatterbox_node: RunningNode) -> None:
    """Four seconds: enough for the original, told for Turbo."""
    files = {"audio_sample": recordings.voice(150, 4.0)}
    row = chatterbox_node.client.post(ROUTE, data={"name": "Short"}, files=files).json()
    assert ("chatterbox" in row["engines"], "chatterbox-turbo" in row["engines"]) == (True, False)
    assert row["warnings"]
    served = chatterbox_node.speak(model="chatterbox", voice="short", input="Hi.")
    refused = chatterbox_node.speak(model="chatterbox-turbo", voice="short", input="Hi.")
    assert (200, 400) == (served.status_code, refused.status_code)
    assert "clip_too_short" == refused.json()["error"]["code"]
    chatterbox_node.client.delete(f"{ROUTE}/{row['id']}")
