"""What the OpenAPI document says of speech is what is sent."""

import inspect
import json
import re
from typing import Any

import pytest
from fakes import FakeSpeech, speech_card
from houses import FakeHouse
from running import run
from speaking import GOOD, fails

from router.api.documented.speech import SpeechBody, speech
from router.api.speech_body import _Body
from router.errors import ConnectionLost


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = run(FakeHouse(has_rest=True).ask("GET", "/schema/openapi.json")).json
    return found


async def _spoken(**fields: Any) -> tuple[FakeHouse, Any, dict[str, Any]]:
    house = FakeHouse(
        FakeSpeech(speech_card("gpu"), fails(ConnectionLost("gone"))),
        FakeSpeech(speech_card("cpu", tier=2), GOOD),
        settings={"models": {"speech": {"serves": "speech", "routes": [{"provider": "gpu", "model": "turbo"}]}}},
        has_rest=True,
    )
    house.report("gpu", "turbo")
    house.report("cpu", "espeak")
    answer = await house.say(json.dumps({"input": "Hello there.", **fields}).encode(), (b"x-request-id", b"id-1"))
    return house, answer, (await house.ask("GET", "/v1/audio/speech/id-1")).json


def test_every_field_of_the_body_is_told() -> None:
    """As it is read."""
    assert set(_Body.__struct_fields__) == set(SpeechBody.__struct_fields__)


def test_every_header_of_a_spoken_answer_is_told(document: dict[str, Any]) -> None:
    """Those that are about the answer; the others are on every reply."""
    told = document["paths"]["/v1/audio/speech"]["post"]["responses"]["200"]["headers"]
    _, answer, _ = run(_spoken())
    on_every_reply = {"content-length", "content-type", "date", "x-router-model", "x-router-attempts"}
    sent = {name.decode().lower() for name, _ in answer.headers} - on_every_reply - {"x-router-overhead-ms"}
    assert sent == {name.lower() for name in told} - {"x-tts-voice-hash"}  # nothing was copied here
    assert all(header["description"] for header in told.values())


@pytest.mark.parametrize("stream", [True, False])
def test_every_field_of_the_lookup_is_told(document: dict[str, Any], *, stream: bool) -> None:
    """And of its segments."""
    _, _, found = run(_spoken(stream=stream))
    schemas = document["components"]["schemas"]
    answer = document["paths"]["/v1/audio/speech/{request_id}"]["get"]["responses"]["200"]
    name = answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert set(found) | {"gap"} == set(schemas[name]["properties"])
    assert stream == ("gap" in found)
    part = schemas[name]["properties"]["segments"]["items"]["$ref"].rpartition("/")[2]
    assert set(found["segments"][0]) == set(schemas[part]["properties"])


def test_every_field_of_the_done_event_is_told(document: dict[str, Any]) -> None:
    """In words: a stream of events has no schema."""
    _, answer, _ = run(_spoken(stream_format="sse"))
    done = json.loads(answer.body.split(b"\n\n")[-2].removeprefix(b"data: "))
    text = document["paths"]["/v1/audio/speech"]["post"]["description"]
    assert set(done) - {"type"} <= set(re.findall(r"`(\w+)`", text))
    assert done["type"] in text
    assert inspect.getdoc(speech.fn) is not None
