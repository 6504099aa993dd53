"""Models and voices, in the shapes clients ask for; none of it needs a child."""

import pytest

from nodes import RunningNode


def test_models_are_openais_list(node: RunningNode) -> None:
    """Each with state, languages and sample rate; one of them alone likewise."""
    listing = node.client.get("/v1/models").json()
    (row,) = listing["data"]
    assert ("list", "espeak", "model", 24000) == (listing["object"], row["id"], row["object"], row["sample_rate"])
    assert {"state", "languages", "created", "owned_by"} <= set(row)
    assert {"de", "en-us", "cmn"} <= set(row["languages"])
    assert "espeak" == node.client.get("/v1/models/espeak").json()["id"]
    assert "espeak" == node.client.get("/v1/models/tts-1").json()["id"]


@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_audio_lists_are_objects(node: RunningNode, prefix: str) -> None:
    """With and without /v1."""
    assert {"models": [{"id": "espeak"}]} == node.client.get(f"{prefix}/audio/models").json()
    voices = node.client.get(f"{prefix}/audio/voices").json()["voices"]
    assert {
        "id": "alloy",
        "name": "Alloy",
        "language": "en-us",
        "gender": "neutral",
        "engine": "espeak",
        "builtin": True,
    } == voices[0]
    assert len(voices) > 140


def test_lists_need_no_child() -> None:
    """A cold node lists, and stays cold."""
    with RunningNode() as fresh:
        for path in ("/v1/models", "/v1/audio/voices", "/metrics", "/health"):
            assert 200 == fresh.client.get(path).status_code
        health = fresh.health()
    expected = {
        "status": "healthy",
        "state": "cold",
        "engine": "espeak",
        "engines": ["espeak"],
        "queue": {"depth": 0, "limit": 8, "busy": False, "batch": 0, "eta_s": 0.0},
        "vram": None,
        "eta_s": None,
        "rtf": None,
        "version": "0.1.0",
    }
    assert expected.items() <= health.items()
    assert {"voices_revision", "uptime_s", "models"} == set(health) - set(expected)
    assert ["espeak"] == list(health["models"])
