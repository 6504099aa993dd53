"""A whole router with one chat provider and one node, and clients with and without a role."""

from typing import Any

from fakes import FakeForward, FakeSpeech, Step, chat_card, pcm, speech_card, whole
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


def small_house(*steps: Step, settings: dict[str, Any] | None = None, has_rest: bool = False) -> FakeHouse:
    script = list(steps) or whole(b"{}")
    house = FakeHouse(
        FakeForward(chat_card("llm"), script),
        FakeSpeech(speech_card("node"), lambda _: Utterance(pcm(1.0), 0.25, "espeak", "en")),
        settings=settings,
        has_rest=has_rest,
    )
    house.report("llm", "m")
    house.report("node", "espeak")
    return house
