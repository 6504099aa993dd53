"""A whole router with one chat provider and one node, and clients with and without a role."""

from typing import Any

from fakes import FakeForward, FakeSpeech, Step, chat_card, head, pcm, speech_card
from houses import FakeHouse

from router.api.admission import key_hash
from router.domain import Utterance
from router.ports import Header

KEYS = {
    "clients": {
        "desk": {"key_sha256": key_hash("lar-desk")},
        "boss": {"key_sha256": key_hash("lar-boss"), "role": "admin"},
    }
}
DESK: Header = (b"authorization", b"Bearer lar-desk")
BOSS: Header = (b"authorization", b"Bearer lar-boss")
JSON: Header = (b"Content-Type", b"application/json")


def small_house(*steps: Step, settings: dict[str, Any] | None = None, has_rest: bool = False) -> FakeHouse:
    script = list(steps) or [head(200, JSON, (b"Content-Length", b"2")), b"{}"]
    house = FakeHouse(
        FakeForward(chat_card("llm"), script),
        FakeSpeech(speech_card("node"), lambda _: Utterance(pcm(1.0), 0.25, "espeak", "en")),
        settings=settings,
        has_rest=has_rest,
    )
    house.report("llm", "m")
    house.report("node", "espeak")
    return house


def llm_of(house: FakeHouse) -> FakeForward:
    provider = house.forwarder._providers["llm"]
    assert isinstance(provider, FakeForward)
    return provider
