"""Pitch and loudness of a segment: the provider's where it knows them, else the router's."""

import json

import pytest
from fakes import FakeSpeech, pcm, speech_card
from houses import FakeHouse
from running import run

from router.domain import Segment, Utterance


def _says(_: Segment) -> Utterance:
    return Utterance(pcm(1.0), 0.1)


@pytest.mark.parametrize(("knows", "expected"), [(frozenset(), bytes(48_000)), (frozenset({"volume"}), pcm(1.0))])
def test_who_makes_it_silent(knows: frozenset[str], expected: bytes) -> None:
    """A volume of nothing is silence, whoever does it; it is done once."""
    node = FakeSpeech(speech_card("node", shapes=knows), _says)
    routes = {"speech": {"serves": "speech", "routes": [{"provider": "node", "model": "v"}]}}
    house = FakeHouse(node, settings={"models": routes})
    house.report("node", "v")
    body = {"input": "Hello there.", "response_format": "pcm", "volume": 0}
    assert expected == run(house.say(json.dumps(body).encode())).body
