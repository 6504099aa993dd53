"""A machine that is lost in the middle of an answer, and one that comes back: the answer goes on, whole."""

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from houses import Answer, FakeHouse
from narrating import TEXT, Script, body, cut, events_of, fault, nodes, pcm_of, said
from running import run, until
from speaking import two_nodes

from router import saying
from router.domain import Route, Segment, Utterance
from router.errors import ConnectionLost, DialRefused, Malformed, Overdue, Rejected, Silent, UpstreamFault
from router.health import HostSign, ProviderSign
from router.metrics import Metrics
from router.observers import RequestLine
from router.ports import Probe

COUNT = len(cut(TEXT))
ID = (b"x-request-id", b"id-1")


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for who does not come back."""
    monkeypatch.setattr(saying, "RETURN_WITHIN_S", 0.05)
    monkeypatch.setattr(saying, "LOOK_AGAIN_S", 0.02)


async def lookup(house: FakeHouse) -> dict[str, Any]:
    found: dict[str, Any] = (await house.ask("GET", "/v1/audio/speech/id-1")).json
    return found


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DialRefused("refused"), "provider_refused"),
        (ConnectionLost("reset", had_bytes=True), "provider_connection_lost"),
        (Silent("slow"), "provider_timeout"),
        (Malformed("half a sample"), "provider_malformed"),
        (Rejected("error", upstream_status=500), "provider_rejected"),
        (Rejected("busy", upstream_status=429, retry_after_s=5), "provider_rejected"),
    ],
)
@pytest.mark.parametrize("index", [0, 3, COUNT - 1])
def test_a_fault_is_not_heard(index: int, error: UpstreamFault, reason: str) -> None:
    """The segment is spoken whole by the next: not a byte differs; and it is told everywhere."""

    async def main() -> tuple[FakeHouse, Answer, dict[str, Any]]:
        house = nodes(Script(on={index: fault(error)}), Script())
        answer = await house.say(body(stream_format="sse"), ID)
        return house, answer, await lookup(house)

    house, answer, found = run(main())
    events = events_of(answer)
    assert (200, pcm_of(TEXT), True) == (answer.status, events.audio, answer.is_complete)
    assert events.done is not None
    speakers = [part["provider"] for part in events.done["segments"]]
    assert ["gpu"] * index + ["cpu"] == speakers[: index + 1]
    assert ("completed", [reason], events.done["segments"]) == (
        found["status"],
        found["failovers"],
        found["segments"],
    )
    record = house.observer.finished[0]
    assert {name: speakers.count(name) for name in set(speakers)} == record.voiced
    line: dict[str, Any] = RequestLine(logging.INFO, record).fields
    assert (COUNT, [reason], "ok") == (line["segments"], line["faults"], line["outcome"])
    assert [("speech", "gpu", "cpu", reason)] == house.observer.failovers


def test_metrics_count_segments_and_failovers() -> None:
    """By who spoke, and from whom to whom."""
    house = nodes(Script(on={2: fault(DialRefused("refused"))}), Script())
    run(house.say(body()))
    metrics = Metrics()
    for failover in house.observer.failovers:
        metrics.failed_over(*failover)
    metrics.request_started(house.observer.finished[0])
    metrics.request_finished(house.observer.finished[0])

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, labels)

    assert 2.0 == value("router_tts_segments_total", provider="gpu", source="generated")
    assert COUNT - 2.0 == value("router_tts_segments_total", provider="cpu", source="generated")
    assert 1.0 == value(
        "router_failovers_total",
        endpoint="speech",
        from_provider="gpu",
        to_provider="cpu",
        reason="provider_refused",
    )


def test_a_substitute_in_the_middle_is_told_at_the_end() -> None:
    """Nobody knew when the headers went."""

    async def main() -> tuple[Answer, dict[str, Any]]:
        house = two_nodes(Script(on={2: fault(DialRefused("refused"))}))
        answer = await house.say(body(stream_format="sse"), ID)
        stored = await house.store.get("speech/anonymous/id-1")
        assert stored is not None
        return answer, json.loads(stored)

    answer, found = run(main())
    done = events_of(answer).done
    assert done is not None
    assert (None, "model=espeak", "model=espeak") == (
        answer.get("x-router-substitution"),
        done["substitution"],
        found["substitution"],
    )
    assert ["engine", "engine", "espeak"] == [part["engine"] for part in done["segments"]][:3]


@dataclass(slots=True)
class Mortal:
    """Speaks so many segments; then nobody listens, until it is given more."""

    lives: int = 0

    def __call__(self, segment: Segment) -> Utterance:
        if not self.lives:
            raise DialRefused("nobody listens")
        self.lives -= 1
        return said(segment)


def _back(house: FakeHouse) -> None:
    """It is seen twice, and so it is believed."""
    for _ in range(2):
        house.report("gpu", "m")


def test_who_returns_takes_over_at_the_next_segment() -> None:
    """And no sooner: what was begun is finished."""
    cpu = Script()
    house = nodes(Script(on={1: fault(DialRefused("refused"))}), cpu)
    cpu.on[3] = lambda: _back(house)
    done = events_of(run(house.say(body(stream_format="sse")))).done
    assert done is not None
    speakers = ["gpu", "cpu", "cpu", "cpu"]
    assert [*speakers, *["gpu"] * (COUNT - 4)] == [part["provider"] for part in done["segments"]]


def test_who_loads_is_bridged() -> None:
    """The next tier speaks the first segments; the preferred one is warmed meanwhile and takes over."""

    async def main() -> tuple[Answer, int]:
        cpu = Script()
        house = nodes(said, cpu)
        house.sign("gpu", ProviderSign.COLD, eta_s=600)
        cpu.on[2] = lambda: house.sign("gpu", ProviderSign.READY)
        answer = await house.say(body(stream_format="sse"))
        await house.warmer.aclose()
        return answer, house.speech["gpu"].warmings

    answer, warmings = run(main())
    done = events_of(answer).done
    assert done is not None
    assert (["cpu"] * 3 + ["gpu"] * (COUNT - 3), pcm_of(TEXT), True) == (
        [part["provider"] for part in done["segments"]],
        events_of(answer).audio,
        warmings > 0,
    )


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
def test_when_nobody_comes_back_the_answer_is_cut(stream_format: str) -> None:
    """Events are told why first; a short body is never taken for a whole one."""

    async def main() -> tuple[Answer, dict[str, Any], FakeHouse]:
        house = nodes(Mortal(lives=1))
        answer = await house.say(body(stream_format=stream_format), ID)
        return answer, await lookup(house), house

    answer, found, house = run(main())
    assert (200, False, "failed", 1) == (
        answer.status,
        answer.is_complete,
        found["status"],
        len(found["segments"]),
    )
    heard = events_of(answer).audio if stream_format == "sse" else answer.body
    assert b"".join(_parts()[:1]) == heard
    if stream_format == "sse":
        error = events_of(answer).error
        assert error is not None
        assert "nobody listens" in error["error"]["message"]
    assert "provider_refused" in house.observer.finished[0].reasons
    assert "ok" != house.observer.finished[0].outcome


def _parts() -> list[bytes]:
    whole, parts = pcm_of(TEXT), []
    for passage in cut(TEXT):
        size = len(pcm_of(passage.text)) + round(passage.pause_s * 24_000) * 2
        parts.append(whole[:size])
        whole = whole[size:]
    return parts


def test_an_answer_that_has_begun_waits_for_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """All machines gone, and one of them back: not a word is missing."""
    monkeypatch.setattr(saying, "RETURN_WITHIN_S", 10.0)

    async def main() -> Answer:
        gpu = Mortal(lives=3)
        house = nodes(gpu, Mortal())
        asked = asyncio.ensure_future(house.say(body()))
        await until(lambda: not any(house.roster.standing(name).is_healthy for name in ("gpu", "cpu")))
        await asyncio.sleep(0.05)
        gpu.lives = COUNT
        _back(house)
        return await asked

    answer = run(main())
    assert (200, True, pcm_of(TEXT)) == (answer.status, answer.is_complete, answer.body)


@pytest.mark.parametrize(("patience_s", "status"), [(5.0, 200), (0.05, 503)])
@pytest.mark.parametrize("stream", [True, False])
def test_who_was_just_lost_is_waited_for(patience_s: float, status: int, *, stream: bool) -> None:
    """Before the first word too, for as long as the house has patience."""

    async def main() -> Answer:
        gpu = Mortal()
        house = nodes(gpu, speech={"patience_s": patience_s})
        house.sign("gpu", ProviderSign.FAULT, "gone")
        asked = asyncio.ensure_future(house.say(body(stream=stream)))
        await asyncio.sleep(0.1)
        if status == 200:
            assert not asked.done()
            gpu.lives = COUNT
            _back(house)
        return await asked

    answer = run(main())
    assert status == answer.status
    if status == 200:
        assert pcm_of(TEXT) == answer.body
    else:
        assert "- gpu: " in answer.json["error"]["message"]


def test_who_was_lost_long_ago_is_not() -> None:
    """A 503 at once."""

    async def main() -> tuple[int, float]:
        house = nodes(Mortal(), speech={"patience_s": 60})
        for _ in range(3):
            house.sign("gpu", ProviderSign.FAULT, "gone")
        house.clock.advance(11.0)
        loop = asyncio.get_running_loop()
        began = loop.time()
        return (await house.say(body())).status, loop.time() - began

    status, took_s = run(main())
    assert (503, True) == (status, took_s < 5)


def _unplugged(house: FakeHouse) -> None:
    for _ in range(2):
        house.roster.note_probe("gpu", Probe(HostSign.SILENT, None, "no answer to a dial"))


def _drained(house: FakeHouse) -> None:
    house.sign("gpu", ProviderSign.DRAINING, "goodbye")


def _yielded(house: FakeHouse) -> None:
    house.sign("gpu", ProviderSign.YIELDED, "a game has the GPU")


def _overdue(house: FakeHouse) -> None:
    house.roster.note_fault(Route("gpu", "m", 1), Overdue("slow"))


@pytest.mark.parametrize("leaves", [_unplugged, _drained, _yielded, _overdue])
def test_who_leaves_between_two_segments_is_not_asked_again(leaves: Callable[[FakeHouse], None]) -> None:
    """A goodbye, a game, an unplugged machine: nothing fails at all."""
    gpu = Script()
    house = nodes(gpu, said)

    def leave() -> None:
        asyncio.get_running_loop().call_soon(leaves, house)

    gpu.on[2] = leave
    answer = run(house.say(body()))
    assert pcm_of(TEXT) == answer.body
    assert [0, 1, 2] == gpu.spoken
    assert "ok" == house.observer.finished[0].outcome
