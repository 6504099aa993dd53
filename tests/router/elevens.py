"""A house as ElevenLabs' clients find it: one node with voices, and a key."""

import json
from collections.abc import Sequence
from typing import Any

from fakes import FakeSpeech, speech_card
from houses import Answer, FakeHouse
from narrating import said

from router.api.admission import key_hash

KEY = (b"xi-api-key", b"lar-migrant")
CLIENTS: dict[str, Any] = {"clients": {"migrant": {"key_sha256": key_hash("lar-migrant")}}}
VOICES = ("alloy", "nova", "Anna")


def eleven_house(
    *models: str, voices: Sequence[str] = VOICES, has_rest: bool = False, **settings: Any
) -> FakeHouse:
    """Node `gpu` has model `m`, by the name of speech, and `models`."""
    routes = {"speech": {"serves": "speech", "routes": [{"provider": "gpu", "model": "m"}]}}
    house = FakeHouse(
        FakeSpeech(speech_card("gpu"), said), settings={"models": routes, **settings}, has_rest=has_rest
    )
    house.report("gpu", "m", *models, voices=voices)
    return house


async def convert(
    house: FakeHouse,
    text: str = "Hello there.",
    *headers: tuple[bytes, bytes],
    voice: str = "alloy",
    way: str = "",
    query: str = "output_format=pcm_24000",
    **fields: Any,
) -> Answer:
    """`POST /v1/text-to-speech/{voice}{way}`, by default in the house's own PCM."""
    body = json.dumps({"text": text, **fields}).encode()
    return await house.ask("POST", f"/v1/text-to-speech/{voice}{way}", body, headers, query=query)


def detail_of(answer: Answer) -> Any:
    """What an error says."""
    return answer.json["detail"]
