"""What ElevenLabs' clients ask for besides speech."""

from typing import Any

import pytest
from elevens import CLIENTS, KEY, VOICES, detail_of, eleven_house
from houses import Answer, FakeHouse
from running import run

from router.api.admission import key_hash
from router.api.elevenlabs_lists import SETTINGS, UNLIMITED
from router.domain import Modality

# What its SDK 2.78.0 says of a voice, a model and a subscription is there, "required" in its types.
VOICE = {"voice_id", "name", "category", "labels", "settings", "available_for_tiers"}
MODEL = {"model_id", "name", "can_do_text_to_speech", "languages", "maximum_text_length_per_request"}
SUBSCRIPTION = {"tier", "status", "character_count", "character_limit", "next_character_count_reset_unix"}


def _get(path: str, *headers: tuple[bytes, bytes], house: FakeHouse | None = None, query: str = "") -> Answer:
    asked = house or eleven_house(has_rest=True)
    return run(asked.ask("GET", path, headers=headers, query=query))


def test_all_voices_at_once() -> None:
    """Each with what its SDK takes for granted."""
    voices = _get("/v1/voices").json["voices"]
    assert list(VOICES) == [voice["voice_id"] for voice in voices]
    for voice in voices:
        assert set(voice) >= VOICE
        assert ("premade", False, None) == (voice["category"], voice["is_owner"], voice["preview_url"])


def test_voices_say_what_the_house_knows_of_them() -> None:
    """Language and gender, as labels."""
    anna = {"use": {"gpu": "Anna"}, "language": "de-AT", "gender": "female"}
    house = FakeHouse(settings={"voices": {"frida": anna}}, has_rest=True)
    (voice,) = _get("/v1/voices", house=house).json["voices"]
    assert {"language": "de-AT", "gender": "female"} == voice["labels"]
    assert [{"language": "de", "model_id": "speech"}] == voice["verified_languages"]


def test_voices_in_pages() -> None:
    """With the token of the next one."""
    house = eleven_house(has_rest=True)
    first = _get("/v2/voices", house=house, query="page_size=2").json
    assert (["alloy", "nova"], True, 3) == (
        [voice["voice_id"] for voice in first["voices"]],
        first["has_more"],
        first["total_count"],
    )
    query = f"page_size=2&include_total_count=false&next_page_token={first['next_page_token']}"
    second = _get("/v2/voices", house=house, query=query).json
    assert ["Anna"] == [voice["voice_id"] for voice in second["voices"]]
    assert {"voices", "has_more", "next_page_token"} == set(second)
    assert (False, None) == (second["has_more"], second["next_page_token"])


def test_a_page_that_cannot_be() -> None:
    """422, as a list."""
    answer = _get("/v2/voices", query="page_size=0")
    assert (422, ["query", "page_size"]) == (answer.status, detail_of(answer)[0]["loc"])


def test_one_voice() -> None:
    """By its id."""
    answer = _get("/v1/voices/Anna")
    assert (200, "Anna") == (answer.status, answer.json["voice_id"])


@pytest.mark.parametrize("path", ["/v1/voices/nobody", "/v1/voices/nobody/settings"])
def test_a_voice_that_is_none(path: str) -> None:
    """404 with its code and the request's number."""
    answer = _get(path, (b"x-request-id", b"id-3"))
    detail = detail_of(answer)
    assert (404, "voice_not_found", "id-3") == (answer.status, detail["code"], detail["request_id"])


def test_a_voice_of_elevenlabs_own_is_none_of_ours() -> None:
    """Who speaks for it is said."""
    answer = _get("/v1/voices/21m00Tcm4TlvDq8ikWAM")
    assert 404 == answer.status
    assert "Asked for Rachel, nova speaks." in detail_of(answer)["message"]


@pytest.mark.parametrize("path", ["/v1/voices/settings/default", "/v1/voices/alloy/settings"])
def test_settings(path: str) -> None:
    """The same for every voice, as its own service has them."""
    assert dict(SETTINGS) == _get(path).json


@pytest.mark.parametrize("mark", [(b"xi-api-key", b""), (b"x-fern-sdk-name", b"elevenlabs")])
def test_models_for_elevenlabs_clients(mark: tuple[bytes, bytes]) -> None:
    """A bare array of those that speak."""
    answer = _get("/v1/models", mark)
    assert isinstance(answer.json, list)
    assert {"speech", "m"} == {model["model_id"] for model in answer.json}
    for model in answer.json:
        assert set(model) >= MODEL
        assert model["can_do_text_to_speech"] is True
    assert "xi-api-key, x-fern-sdk-name" == answer.get("vary")


def test_models_for_everybody_else() -> None:
    """OpenAI's object; what stands between is told that there are two."""
    answer = _get("/v1/models")
    assert ("list", "xi-api-key, x-fern-sdk-name") == (answer.json["object"], answer.get("vary"))


def test_models_that_a_key_may_not_use_are_not_listed() -> None:
    """As in OpenAI's list."""
    migrant = {"key_sha256": key_hash("lar-migrant"), "models": ["m"]}
    house = eleven_house(has_rest=True, clients={"migrant": migrant})
    assert ["m"] == [model["model_id"] for model in _get("/v1/models", KEY, house=house).json]


def test_who_asks() -> None:
    """The name of the key, and no bound."""
    house = eleven_house(has_rest=True, **CLIENTS)
    user = _get("/v1/user", KEY, house=house).json
    assert ("migrant", "workspace_member") == (user["user_id"], user["seat_type"])
    subscription = _get("/v1/user/subscription", KEY, house=house).json
    assert subscription == user["subscription"]
    assert set(subscription) >= SUBSCRIPTION
    assert (0, UNLIMITED, "active") == (
        subscription["character_count"],
        subscription["character_limit"],
        subscription["status"],
    )


@pytest.mark.parametrize("path", ["/v1/voices", "/v2/voices", "/v1/voices/alloy", "/v1/models", "/v1/user"])
@pytest.mark.parametrize("key", [b"", b"sk_wrong"])
def test_without_a_key(path: str, key: bytes) -> None:
    """401 in its shape, wherever its clients ask."""
    answer = _get(path, (b"xi-api-key", key), house=eleven_house(has_rest=True, **CLIENTS))
    assert (401, "invalid_api_key") == (answer.status, detail_of(answer)["code"])


def test_an_unknown_path_of_theirs() -> None:
    """404, in its shape."""
    answer = _get("/v1/voices/a/b/c")
    assert (404, "not_found") == (answer.status, detail_of(answer)["code"])


def test_a_post_where_there_is_none() -> None:
    """405, likewise."""
    answer: Any = run(eleven_house(has_rest=True).ask("POST", "/v1/voices/alloy", b"{}"))
    assert (405, "method_not_allowed") == (answer.status, detail_of(answer)["code"])


def test_only_those_that_speak_are_listed() -> None:
    """Chat models are none of ElevenLabs'."""
    house = eleven_house(has_rest=True)
    speaking = {entry.id for entry in house.catalogue.listed() if entry.modality is Modality.SPEECH}
    assert speaking == {model["model_id"] for model in _get("/v1/models", KEY, house=house).json}
