"""Whatever happens to whichever machine in whichever segment: who listens does not hear it, to the byte."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import houses
import pytest
from fakes import FakeSpeech, speech_card
from houses import FakeHouse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from narrating import cut, pcm_of, said
from running import run

from router import relay, saying
from router.domain import Segment, Utterance
from router.errors import ConnectionLost, DialRefused, Malformed, Rejected
from router.health import HostSign, ProviderSign
from router.ports import Probe

NAMES: Final = ("gpu", "cpu", "nas")
ODD: Final = frozenset({"endless", "truncated"})
FAULTS: Final = (
    "refused",
    "reset",
    "truncated",
    "endless",
    "no audio",
    "error",
    "busy",
    "hangs",
    "unplugged",
    "unplugged and hangs",
    "drains",
    "yields",
    "loads",
)
SENTENCES: Final = (
    "Hello.",
    "It was a bright cold day in April, and the clocks were striking thirteen.",
    "Dr. Smith paid $3.50 for it, i.e. not much!",
    "Straße, café, naïve: überall Zeichen, und trotzdem klingt es gut…",
    "今日はとても良い天気ですね。",
    "Что это было? Никто не знает.",
    "مرحبا بالعالم، كيف حالك اليوم؟",
    "Well — who would have thought; surely not me, nor anybody else whom I know 👍🏽.",
    "**Bold** words and `code`, [a link](https://example.org) too.",
    "\n\n",
)


class HurriedClock:
    """The machine's own, ten times as fast: who has to rest has soon rested."""

    def __call__(self) -> float:
        return 10.0 * time.monotonic()


@pytest.fixture(autouse=True, scope="module")
def _hurried() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(houses, "ManualClock", HurriedClock)
        patch.setattr(relay, "OVERDUE_GRACE_S", 0.01)
        patch.setattr(saying, "LOOK_AGAIN_S", 0.01)
        yield


@dataclass(slots=True)
class Mortal(FakeSpeech):
    """Has the common voice, and fails as it is written for its n-th segment."""

    fate: dict[int, str] = field(default_factory=dict)
    house: FakeHouse | None = None

    async def speak(self, segment: Segment, model: str, request_id: str) -> Utterance:
        self.heard.append((segment, model, request_id))
        utterance, fault = self.voice(segment), self.fate.get(len(self.heard) - 1)
        if fault is None:
            return utterance  # at once: who is steady is never late
        await asyncio.sleep(0)
        assert self.house is not None
        match fault:
            case "refused":
                raise DialRefused("nobody listens")
            case "reset":
                raise ConnectionLost("reset", had_bytes=True)
            case "truncated":
                return Utterance(utterance.pcm[:400])
            case "endless":
                return Utterance(bytes(48_000 * 600))
            case "no audio":
                raise Malformed("sent no audio")
            case "error":
                raise Rejected("error", upstream_status=500)
            case "busy":
                raise Rejected("busy", upstream_status=429, retry_after_s=1)
            case "unplugged" | "unplugged and hangs":
                for _ in range(2):
                    self.house.roster.note_probe(self.card.id, Probe(HostSign.SILENT, None, "no answer"))
            case "drains":
                self.house.sign(self.card.id, ProviderSign.DRAINING, "goodbye")
            case "yields":
                self.house.sign(self.card.id, ProviderSign.YIELDED, "a game")
            case "loads":
                self.house.sign(self.card.id, ProviderSign.LOADING, eta_s=30)
        if fault in {"hangs", "unplugged and hangs"}:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        return utterance


@dataclass(frozen=True, slots=True)
class Play:
    """What is said, by how many, what happens to whom, and who comes back when."""

    sentences: list[str]
    steady: int
    fates: list[dict[int, str]]
    returns: set[int]
    fields: dict[str, Any]
    keeps: bool = False  # what was spoken, in memory

    @property
    def text(self) -> str:
        return " ".join(self.sentences)

    @property
    def is_a_conspiracy(self) -> bool:
        """The same odd length may be said twice: that is believed, and nobody could know better."""
        odd = [fate for fates in self.fates for fate in fates.values() if fate in ODD]
        return len(odd) > len(set(odd))


@st.composite
def plays(draw: st.DrawFn) -> Play:
    count = draw(st.integers(2, 3))
    steady = draw(st.integers(0, count - 1))
    fate = st.dictionaries(st.integers(0, 8), st.sampled_from(FAULTS), min_size=1, max_size=9)
    return Play(
        draw(st.lists(st.sampled_from(SENTENCES) | st.text(max_size=40), min_size=2, max_size=9)),
        steady,
        [{} if index == steady else draw(fate) for index in range(count)],
        draw(st.sets(st.integers(0, 20), max_size=8)),
        draw(st.sampled_from([{}, {"stream": True}, {"stream": False}, {"stream_format": "sse"}])),
        draw(st.booleans()),
    )


async def played(play: Play) -> tuple[int, bool, bytes, FakeHouse]:
    """Status, whether it is complete, and the PCM."""
    nodes = [
        # Who hangs before it was measured is given up after 0.04 s.
        Mortal(speech_card(NAMES[index], tier=index + 1, first_byte_s=0.02, stall_s=0.02), said, fate=fate)
        for index, fate in enumerate(play.fates)
    ]
    routes = [{"provider": node.card.id, "model": "m"} for node in nodes]
    house = FakeHouse(
        *nodes,
        settings={
            "models": {"speech": {"serves": "speech", "routes": routes}},
            "speech": {"patience_s": 5},
            "cache": {"enabled": play.keeps, "disk_mb": 0},
        },
    )
    asked = 0

    def back(segment: Segment) -> Utterance:
        """Who left is seen again, twice, before the segments that `returns` tells."""
        nonlocal asked
        asked += 1
        if asked in play.returns:
            for node in nodes:
                for _ in range(2):
                    house.report(node.card.id, "m")
        return said(segment)

    for node in nodes:
        node.house, node.voice = house, back
        house.report(node.card.id, "m")
    request = {"input": play.text, "response_format": "pcm", "seed": 7, **play.fields}
    answer = await house.say(json.dumps(request).encode())
    await house.speaker.aclose()
    await house.warmer.aclose()
    audio = answer.body
    if "stream_format" in play.fields and answer.status == 200:
        events = [json.loads(event.removeprefix(b"data: ")) for event in audio.split(b"\n\n")[:-1]]
        assert "speech.audio.done" == events[-1]["type"]
        audio = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    return answer.status, answer.is_complete, audio, house


LONG: Final = [SENTENCES[1], SENTENCES[3], SENTENCES[7]]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plays().filter(lambda play: bool(play.text.strip()) and bool(cut(play.text)) and not play.is_a_conspiracy))
@example(Play(LONG, 1, [{0: "hangs", 1: "hangs", 2: "hangs"}, {}], {1, 2, 3}, {}))
@example(Play(LONG, 1, [{1: "unplugged and hangs"}, {}], {3}, {"stream": True}))
@example(Play(LONG, 2, [{0: "drains", 1: "reset"}, {0: "truncated", 1: "busy"}, {}], {2}, {"stream": False}))
def test_no_fault_is_heard(play: Play) -> None:
    """The PCM is that of a run without faults, as long as one of the machines is steady."""
    status, is_complete, audio, house = run(played(play))
    assert (200, True) == (status, is_complete)
    assert pcm_of(play.text) == audio
    assert "ok" == house.observer.finished[0].outcome
    for name in house.speech:
        assert 0 == house.roster.standing(name).in_flight
