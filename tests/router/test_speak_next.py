"""Speech that fails, is late or is left: the next provider speaks the whole segment, or the answer says why."""

import asyncio
import json
from collections.abc import Callable

import pytest
from fakes import FakeSpeech, pcm, speech_card
from houses import FakeHouse
from running import run, until
from speaking import GOOD, SECOND, fails, node_of, says, two_nodes

from router.circuits import Verdict
from router.domain import Segment, Utterance
from router.errors import (
    ConnectionLost,
    DialRefused,
    DialTimeout,
    InvalidRequest,
    Malformed,
    Rejected,
    Silent,
)
from router.health import HostSign, ProviderSign, ProviderState
from router.ports import Probe


def test_a_seed_is_made_when_none_is_given_and_kept_over_a_failover() -> None:
    """Whoever speaks in the end speaks with the same seed."""
    house = two_nodes(fails(ConnectionLost("gone")))
    run(house.say())
    seeds = {node_of(house, name).heard[0][0].seed for name in ("gpu", "cpu")}
    assert 1 == len(seeds)


@pytest.mark.parametrize(
    ("voice", "reason", "gpu_is"),
    [
        (fails(DialRefused("refused")), "provider_refused", ProviderState.DOWN),
        (fails(DialTimeout("silent")), "provider_dial_timeout", ProviderState.DOWN),
        (fails(ConnectionLost("gone")), "provider_connection_lost", ProviderState.DOWN),
        (fails(Silent("slow")), "provider_timeout", ProviderState.UP),
        (fails(Rejected("busy", upstream_status=429)), "provider_rejected", ProviderState.UP),
        (fails(Malformed("half a sample")), "provider_malformed", ProviderState.UP),
        (says(Utterance(b"")), "provider_implausible", ProviderState.UP),
        (says(Utterance(pcm(0.02))), "provider_implausible", ProviderState.UP),
        (says(Utterance(bytes(48_000 * 60))), "provider_implausible", ProviderState.UP),
    ],
    ids=["refused", "dial timeout", "lost", "silent", "busy", "malformed", "nothing", "too short", "too long"],
)
def test_a_fault_in_a_segment_is_spoken_whole_by_the_next(
    voice: Callable[[Segment], Utterance], reason: str, gpu_is: ProviderState
) -> None:
    """The client hears one whole answer, and is told that another engine spoke."""
    house = two_nodes(voice)
    answer = run(house.say(b'{"input":"Hello there.","response_format":"pcm"}'))
    assert (200, SECOND, "cpu", "2", "model=espeak") == (
        answer.status,
        answer.body,
        answer.get("x-router-provider"),
        answer.get("x-router-attempts"),
        answer.get("x-router-substitution"),
    )
    assert [("speech", "gpu", "cpu", reason)] == house.observer.failovers
    assert [("gpu", reason), ("cpu", "ok")] == house.observer.attempts
    assert (gpu_is, 0) == (house.roster.standing("gpu").state, house.roster.standing("gpu").in_flight)


def test_a_segment_that_takes_for_ever_goes_to_the_next() -> None:
    """The deadline is for the whole segment, however busily bytes drip."""

    async def main() -> tuple[str | None, bool]:
        house = two_nodes(GOOD, patience_s=0.5)
        gpu = node_of(house, "gpu")
        gpu.blocks_on = asyncio.Event()
        answer = await house.say()
        return answer.get("x-router-provider"), gpu.was_cancelled

    assert ("cpu", True) == run(main())


def test_a_client_that_leaves_stops_the_speaking() -> None:
    """The node's slot is freed, nobody else starts."""

    async def main() -> tuple[bool, int, str]:
        house = FakeHouse(
            FakeSpeech(speech_card("gpu"), GOOD, asyncio.Event()), FakeSpeech(speech_card("cpu", tier=2), GOOD)
        )
        house.report("gpu", "speech")
        gpu = node_of(house, "gpu")
        task = asyncio.ensure_future(house.say(leaves=lambda _: bool(gpu.heard)))
        await until(lambda: gpu.was_cancelled)
        await task
        return gpu.was_cancelled, len(node_of(house, "cpu").heard), house.observer.finished[0].outcome

    assert (True, 0, "caller_gone") == run(main())


def test_the_clients_fault_found_by_a_provider_is_not_repeated() -> None:
    """A 400 of the node's is the client's; the next node would say the same."""
    house = two_nodes(fails(InvalidRequest("gpu: no such option", code="rejected_by_provider")))
    answer = run(house.say())
    assert (400, "rejected_by_provider", []) == (
        answer.status,
        answer.json["error"]["code"],
        node_of(house, "cpu").heard,
    )


def test_nobody_can_speak_has_one_line_each() -> None:
    """A 503 with reasons."""
    house = two_nodes(fails(ConnectionLost("the GPU node closed the connection")))
    house.sign("cpu", ProviderSign.DRAINING, "draining")
    answer = run(house.say())
    assert 503 == answer.status
    assert [
        "No provider can serve speech right now.",
        "- gpu: down (the GPU node closed the connection)",
        "- cpu: draining (draining)",
    ] == answer.json["error"]["message"].splitlines()


@pytest.mark.parametrize("sign", ["machine", "node"])
def test_a_node_that_is_lost_is_left_at_once(sign: str) -> None:
    """The segment is spoken whole by the next; the model of the lost one is not to blame."""

    async def main() -> FakeHouse:
        house = FakeHouse(
            FakeSpeech(speech_card("gpu", first_byte_s=60, stall_s=60), GOOD, asyncio.Event()),
            FakeSpeech(speech_card("cpu", tier=2), says(Utterance(SECOND, 0.125, "espeak", "en"))),
        )
        house.report("gpu", "turbo")
        house.report("cpu", "espeak")
        gpu = node_of(house, "gpu")
        task = asyncio.ensure_future(house.say(b'{"input":"Hello there.","response_format":"pcm"}'))
        await until(lambda: bool(gpu.heard))
        probe = {
            "machine": Probe(HostSign.SILENT, ProviderSign.FAULT, "no answer to a dial"),
            "node": Probe(HostSign.ANSWERED, ProviderSign.MUTE, "accepts connections, answers nothing"),
        }[sign]
        for _ in range(2):
            house.roster.note_probe("gpu", probe)
        answer = await task
        assert (200, SECOND, "cpu", True) == (
            answer.status,
            answer.body,
            answer.get("x-router-provider"),
            gpu.was_cancelled,
        )
        return house

    house = run(main())
    assert [("gpu", "provider_host_lost"), ("cpu", "ok")] == house.observer.attempts
    assert (0, Verdict.CLOSED) == (
        house.roster.standing("gpu").in_flight,
        house.roster.standing("gpu", "turbo").verdict,
    )


@pytest.mark.parametrize(
    ("voice", "expected"),
    [
        (fails(DialRefused("refused")), "cpu"),
        (fails(ConnectionLost("reset")), "cpu"),
        (fails(Rejected("busy", upstream_status=429)), "cpu"),
        (fails(Silent("slow")), None),
        (says(Utterance(b"")), None),
    ],
    ids=["refused", "reset", "busy", "silent", "too short"],
)
def test_what_may_have_been_paid_for_is_not_spoken_twice(
    voice: Callable[[Segment], Utterance], expected: str | None
) -> None:
    """A provider that bills."""
    routes = [{"provider": "gpu", "model": "turbo"}, {"provider": "cpu", "model": "espeak"}]
    house = FakeHouse(
        FakeSpeech(speech_card("gpu", is_billed=True), voice),
        FakeSpeech(speech_card("cpu", tier=2), GOOD),
        settings={"models": {"speech": {"serves": "speech", "routes": routes}}},
    )
    house.report("gpu", "turbo")
    house.report("cpu", "espeak")
    answer = run(house.say())
    assert (200 if expected else 503, bool(expected)) == (answer.status, bool(node_of(house, "cpu").heard))


@pytest.mark.parametrize(
    ("model", "eta_s", "provider", "warmings"),
    [("speech", 1.9, "gpu", 0), ("speech", 2.1, "cpu", 1), ("patient", 2.1, "gpu", 0), ("patient", 9.1, "cpu", 1)],
)
def test_who_loads_too_long_is_warmed_while_the_next_speaks(
    model: str, eta_s: float, provider: str, warmings: int
) -> None:
    """So that it speaks the next text."""
    routes = [{"provider": "gpu", "model": "turbo"}]

    async def main() -> tuple[str | None, int]:
        house = FakeHouse(
            FakeSpeech(speech_card("gpu"), GOOD),
            FakeSpeech(speech_card("cpu", tier=2), GOOD),
            settings={
                "models": {
                    "speech": {"serves": "speech", "routes": routes},
                    "patient": {"serves": "speech", "routes": routes, "max_wait_s": 9},
                }
            },
        )
        house.sign("gpu", ProviderSign.COLD, eta_s=eta_s)
        house.report("cpu", "espeak")
        answer = await house.say(json.dumps({"input": "Hello there.", "model": model}).encode())
        await house.warmer.aclose()
        return answer.get("x-router-provider"), node_of(house, "gpu").warmings

    assert (provider, warmings) == run(main())


def test_a_substitute_that_is_late_is_not_warmed() -> None:
    """Nobody asked for it."""

    async def main() -> int:
        house = two_nodes(GOOD)
        house.sign("cpu", ProviderSign.COLD, eta_s=60)
        await house.say()
        await house.warmer.aclose()
        return node_of(house, "cpu").warmings

    assert 0 == run(main())
