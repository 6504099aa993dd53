"""One segment among several who could speak it: who is asked, beside whom, who counts, and what is told of it."""

import asyncio

import pytest
from fakes import pcm, speech_card
from relaying import SPOKEN, Stage, others
from running import run, until

from router import relay
from router.circuits import Verdict
from router.domain import Utterance
from router.errors import (
    AllBusy,
    ConnectionLost,
    DialRefused,
    InvalidRequest,
    Malformed,
    NothingCanServe,
    Rejected,
    RouterError,
    Silent,
    UpstreamFault,
)
from router.health import ProviderSign, ProviderState

A_WHILE_S = 0.06  # in which nothing must happen; what must is awaited


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever speaks in no time is overdue soon."""
    monkeypatch.setattr(relay, "OVERDUE_GRACE_S", 0.02)
    monkeypatch.setattr(relay, "HEARD_MARGIN_S", 0.02)


def test_the_first_in_order_speaks_alone() -> None:
    """Nobody else is asked, nothing is told but the attempt."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        spoken = await stage.speak()
        assert (stage.route("gpu"), SPOKEN, 1) == (spoken.route, spoken.utterance, spoken.attempts)
        assert not stage.heard("cpu")
        assert ([("gpu", "ok")], []) == (stage.observer.attempts, stage.observer.failovers)
        assert ("gpu", "m", 1, 1, []) == (
            stage.record.provider,
            stage.record.model,
            stage.record.tier,
            stage.record.attempts,
            stage.record.reasons,
        )

    run(main())


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (DialRefused("refused"), "provider_refused"),
        (ConnectionLost("reset", had_bytes=True), "provider_connection_lost"),
        (Silent("slow"), "provider_timeout"),
        (Rejected("error", upstream_status=500), "provider_rejected"),
        (Rejected("busy", upstream_status=429), "provider_rejected"),
        (Malformed("half a sample"), "provider_malformed"),
        (Utterance(pcm(0.01)), "provider_malformed"),
        (Utterance(bytes(48_000 * 60)), "provider_malformed"),
    ],
)
def test_who_fails_is_followed_by_the_next(outcome: Utterance | UpstreamFault, reason: str) -> None:
    """In order, each told once."""

    async def main() -> None:
        stage = Stage("gpu", "cpu", "nas")
        stage.says("gpu", outcome)
        stage.says("cpu", outcome)
        spoken = await stage.speak()
        assert ("nas", 3) == (spoken.route.provider, spoken.attempts)
        assert [("speech", "gpu", "cpu", reason), ("speech", "cpu", "nas", reason)] == stage.observer.failovers
        assert [("gpu", reason), ("cpu", reason), ("nas", "ok")] == stage.observer.attempts
        assert ("nas", 3, [reason, reason]) == (
            stage.record.provider,
            stage.record.attempts,
            stage.record.reasons,
        )

    run(main())


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        ([ConnectionLost("reset"), Silent("slow")], NothingCanServe),
        ([Rejected("busy", upstream_status=429), Rejected("busy", upstream_status=429)], AllBusy),
    ],
)
def test_nobody_left_is_told_with_a_reason_each(faults: list[UpstreamFault], error: type[RouterError]) -> None:
    """And what they agree on."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        for name, fault in zip(("gpu", "cpu"), faults, strict=True):
            stage.says(name, fault)
        with pytest.raises(error) as caught:
            await stage.speak()
        assert isinstance(caught.value, NothingCanServe)
        assert [("gpu", faults[0].message), ("cpu", faults[1].message)] == [
            (refusal.provider, refusal.why) for refusal in caught.value.refusals
        ]
        assert set() == others()

    run(main())


def test_who_is_overdue_is_overtaken() -> None:
    """The next speaks beside it; the first whole segment counts, the other's connection is closed."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.is_known("gpu")
        stage.hold("gpu")
        spoken = await stage.speak()
        assert ("cpu", 2, True) == (spoken.route.provider, spoken.attempts, stage.was_cancelled("gpu"))
        assert [("speech", "gpu", "cpu", "provider_overdue")] == stage.observer.failovers
        assert [("cpu", "ok"), ("gpu", "provider_overdue")] == stage.observer.attempts
        assert ("cpu", ["provider_overdue"]) == (stage.record.provider, stage.record.reasons)
        assert set() == others()

    run(main())


def test_who_was_overdue_is_left_alone_for_a_second() -> None:
    """Then a trial may show that it is back."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.is_known("gpu")
        stage.hold("gpu")
        await stage.speak()
        verdicts = [stage.roster.standing("gpu", "m").verdict]
        for _ in range(2):
            stage.clock.advance(0.6)
            verdicts.append(stage.roster.standing("gpu", "m").verdict)
        assert [Verdict.OPEN, Verdict.OPEN, Verdict.TRIAL] == verdicts
        assert ProviderState.UP is stage.roster.standing("gpu").state

    run(main())


def test_what_was_never_measured_is_not_overdue() -> None:
    """A first sentence may take as long as it takes."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.hold("gpu")
        asked = stage.speak()
        await asyncio.sleep(A_WHILE_S)
        assert not stage.heard("cpu")
        stage.let("gpu")
        assert "gpu" == (await asked).route.provider

    run(main())


def test_the_overtaken_may_still_be_first() -> None:
    """Then it counts, nothing is held against it, and the other is stopped."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.is_known("gpu")
        stage.hold("gpu", "cpu")
        asked = stage.speak()
        await until(lambda: stage.heard("cpu"))
        stage.let("gpu")
        spoken = await asked
        assert ("gpu", True) == (spoken.route.provider, stage.was_cancelled("cpu"))
        assert ([("gpu", "ok")], []) == (stage.observer.attempts, stage.observer.failovers)
        assert ("gpu", []) == (stage.record.provider, stage.record.reasons)
        assert Verdict.CLOSED is stage.roster.standing("gpu", "m").verdict

    run(main())


def test_a_doubt_is_enough() -> None:
    """A machine that does not answer once; should the next win, nothing is held against the first."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.hold("gpu")
        asked = stage.speak()
        await until(lambda: stage.heard("gpu"))
        stage.doubt("gpu")
        spoken = await asked
        assert ("cpu", True) == (spoken.route.provider, stage.was_cancelled("gpu"))
        assert [("speech", "gpu", "cpu", "provider_in_doubt")] == stage.observer.failovers
        assert [("cpu", "ok"), ("gpu", "provider_in_doubt")] == stage.observer.attempts
        assert ["provider_in_doubt"] == stage.record.reasons
        assert Verdict.CLOSED is stage.roster.standing("gpu", "m").verdict

    run(main())


@pytest.mark.parametrize("sign", [ProviderSign.COLD, ProviderSign.LOADING, ProviderSign.YIELDED])
def test_a_model_that_is_up_no_more_is_in_doubt(sign: ProviderSign) -> None:
    """It begins to load anew, or a game has the GPU."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.hold("gpu")
        asked = stage.speak()
        await until(lambda: stage.heard("gpu"))
        stage.sign("gpu", sign)
        assert "cpu" == (await asked).route.provider

    run(main())


@pytest.mark.parametrize("has_s", [None, 30.0])
def test_a_load_is_waited_for_as_long_as_it_was_said_to_take(has_s: float | None) -> None:
    """While the listener has enough to hear, or hears nothing yet."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.is_known("gpu", "cpu")
        stage.sign("gpu", ProviderSign.LOADING, eta_s=1.5)
        stage.hold("gpu")
        asked = stage.speak(has_s)
        await asyncio.sleep(A_WHILE_S)
        assert not stage.heard("cpu")
        stage.let("gpu")
        assert "gpu" == (await asked).route.provider

    run(main())


def _slow(rivals_s: float = 0.0) -> Stage:
    """The GPU takes nine seconds for a second of speech, so it is not overdue here; the CPU `rivals_s`."""
    stage = Stage("gpu", "cpu")
    stage.roster.note_spoken(stage.route("gpu"), 1.0, 9.0)
    stage.roster.note_spoken(stage.route("cpu"), 1.0, rivals_s)
    stage.hold("gpu")
    return stage


def test_a_listener_who_runs_out_hears_the_rival() -> None:
    """Which had begun in time. Nothing is held against the one that was not overdue."""

    async def main() -> None:
        stage = _slow()
        loop = asyncio.get_running_loop()
        began = loop.time()
        spoken = await stage.speak(0.1, max_wait_s=10)
        assert ("cpu", 2, True) == (spoken.route.provider, spoken.attempts, stage.was_cancelled("gpu"))
        assert loop.time() - began >= 0.09
        assert [("speech", "gpu", "cpu", "provider_in_doubt")] == stage.observer.failovers
        assert ["provider_in_doubt"] == stage.record.reasons
        assert Verdict.CLOSED is stage.roster.standing("gpu", "m").verdict

    run(main())


def test_who_is_preferred_is_heard_if_it_is_there_in_time() -> None:
    """The rival's segment was only kept for the case."""

    async def main() -> None:
        stage = _slow(rivals_s=9.9)
        asked = stage.speak(10.0, max_wait_s=10)
        await until(lambda: ("cpu", "ok") in stage.observer.attempts)
        stage.let("gpu")
        spoken = await asked
        assert ("gpu", "gpu", []) == (spoken.route.provider, stage.record.provider, stage.record.reasons)
        assert [] == stage.observer.failovers

    run(main())


def test_what_the_rival_has_spoken_is_there_when_the_favourite_fails() -> None:
    """At once, though the listener has still something to hear."""

    async def main() -> None:
        stage = _slow(rivals_s=9.9)
        asked = stage.speak(10.0, max_wait_s=10)
        await until(lambda: ("cpu", "ok") in stage.observer.attempts)
        stage.let("gpu", ConnectionLost("reset"))
        assert "cpu" == (await asked).route.provider
        assert [("speech", "gpu", "cpu", "provider_connection_lost")] == stage.observer.failovers
        assert (1, "cpu") == (len(stage.providers["cpu"].heard), stage.record.provider)

    run(main())


def test_a_rival_with_other_work_is_not_kept_in_reserve() -> None:
    """Others wait for it."""

    async def main() -> None:
        stage = _slow()
        async with stage.roster.lease(stage.route("cpu"), lambda _: None):
            asked = stage.speak(0.05, max_wait_s=10)
            await asyncio.sleep(A_WHILE_S)
            assert not stage.heard("cpu")
            stage.let("gpu")
            assert "gpu" == (await asked).route.provider

    run(main())


def test_a_trial_is_never_waited_for() -> None:
    """Another speaks beside it from the first moment; should the trial win, it is back."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.on_trial("gpu")
        stage.hold("gpu", "cpu")
        asked = stage.speak()
        await until(lambda: stage.heard("cpu"))
        stage.let("gpu")
        assert ("gpu", True) == ((await asked).route.provider, stage.was_cancelled("cpu"))
        assert Verdict.CLOSED is stage.roster.standing("gpu", "m").verdict

    run(main())


def test_a_trial_that_lost_goes_on_to_its_verdict() -> None:
    """It brings the provider back, though nobody waits for it."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.on_trial("gpu")
        stage.hold("gpu")
        assert "cpu" == (await stage.speak()).route.provider
        assert ([("cpu", "ok")], [], []) == (
            stage.observer.attempts,
            stage.observer.failovers,
            stage.record.reasons,
        )
        assert (Verdict.OPEN, False) == (
            stage.roster.standing("gpu", "m").verdict,  # one trial at a time
            stage.was_cancelled("gpu"),
        )
        stage.let("gpu")
        await until(lambda: stage.roster.standing("gpu", "m").verdict is Verdict.CLOSED)
        await until(lambda: not others())
        assert [("cpu", "ok"), ("gpu", "ok")] == stage.observer.attempts

    run(main())


def test_a_trial_that_fails_unheard_is_told_of_its_provider() -> None:
    """Its circuit stays open; the request is over and says nothing of it."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.on_trial("gpu")
        stage.hold("gpu")
        await stage.speak()
        stage.let("gpu", Rejected("error", upstream_status=500))
        await until(lambda: not others())
        assert [("cpu", "ok"), ("gpu", "provider_rejected")] == stage.observer.attempts
        assert (Verdict.OPEN, [], 0) == (
            stage.roster.standing("gpu", "m").verdict,
            stage.record.reasons,
            stage.roster.standing("gpu").in_flight,
        )

    run(main())


def test_a_trial_that_takes_too_long_is_ended() -> None:
    """By what was measured; the next one comes a second later."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.is_known("gpu")
        stage.on_trial("gpu")
        stage.hold("gpu")
        await stage.speak()
        await until(lambda: not others())
        assert [("cpu", "ok"), ("gpu", "provider_overdue")] == stage.observer.attempts
        assert stage.was_cancelled("gpu")
        stage.clock.advance(1.0)
        assert Verdict.TRIAL is stage.roster.standing("gpu", "m").verdict

    run(main())


def test_closing_ends_trials() -> None:
    """Nothing outlives the router; a trial without a verdict leaves the next request to be one."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.on_trial("gpu")
        stage.hold("gpu")
        await stage.speak()
        assert others()
        await stage.relay.aclose()
        assert (set(), True, 0) == (others(), stage.was_cancelled("gpu"), stage.roster.standing("gpu").in_flight)
        assert ([("cpu", "ok")], Verdict.TRIAL) == (
            stage.observer.attempts,
            stage.roster.standing("gpu", "m").verdict,
        )

    run(main())


def test_no_more_than_two_are_at_work() -> None:
    """Whatever is doubted; the third has its turn when one of them is out."""

    async def main() -> None:
        stage = Stage("gpu", "cpu", "nas")
        stage.is_known("gpu", "cpu")
        stage.hold("gpu", "cpu")
        asked = stage.speak()
        await until(lambda: stage.heard("cpu"))
        stage.doubt("gpu")
        stage.doubt("cpu")
        await asyncio.sleep(A_WHILE_S)
        assert not stage.heard("nas")
        stage.let("cpu", ConnectionLost("reset"))
        spoken = await asked
        assert ("nas", 3, True) == (spoken.route.provider, spoken.attempts, stage.was_cancelled("gpu"))
        assert [("gpu", "nas")] == [told[1:3] for told in stage.observer.failovers]
        assert set() == others()

    run(main())


def test_when_the_first_fails_the_other_goes_on_alone() -> None:
    """The failover is told once, with the fault, not again when the other has won."""

    async def main() -> None:
        stage = Stage("gpu", "cpu", "nas")
        stage.is_known("gpu")
        stage.hold("gpu", "cpu")
        asked = stage.speak()
        await until(lambda: stage.heard("cpu"))
        stage.let("gpu", ConnectionLost("reset"))
        await until(lambda: bool(stage.observer.failovers))
        stage.let("cpu")
        assert "cpu" == (await asked).route.provider
        assert [("speech", "gpu", "cpu", "provider_connection_lost")] == stage.observer.failovers
        assert [("gpu", "provider_connection_lost"), ("cpu", "ok")] == stage.observer.attempts
        assert (["provider_connection_lost"], "cpu", False) == (
            stage.record.reasons,
            stage.record.provider,
            stage.heard("nas"),
        )

    run(main())


def test_when_both_fail_the_third_speaks() -> None:
    """From the one that failed last."""

    async def main() -> None:
        stage = Stage("gpu", "cpu", "nas")
        stage.is_known("gpu")
        stage.hold("gpu", "cpu")
        asked = stage.speak()
        await until(lambda: stage.heard("cpu"))
        stage.let("gpu", ConnectionLost("reset"))
        stage.let("cpu", Silent("slow"))
        assert "nas" == (await asked).route.provider
        assert [
            ("speech", "gpu", "cpu", "provider_connection_lost"),
            ("speech", "cpu", "nas", "provider_timeout"),
        ] == stage.observer.failovers

    run(main())


def test_nobody_is_asked_beside_who_charges() -> None:
    """However late or doubtful: it may have been done, and done is paid."""

    async def main() -> None:
        stage = Stage(speech_card("cloud", is_billed=True, first_byte_s=60, stall_s=60), "cpu")
        stage.is_known("cloud")
        stage.hold("cloud")
        asked = stage.speak()
        await until(lambda: stage.heard("cloud"))
        stage.doubt("cloud")
        await asyncio.sleep(A_WHILE_S)
        assert not stage.heard("cpu")
        stage.let("cloud")
        assert "cloud" == (await asked).route.provider

    run(main())


def test_who_charges_is_not_asked_on_suspicion() -> None:
    """Somebody further down who does not is; without one, the first has its time."""

    async def main() -> None:
        cloud = speech_card("cloud", tier=2, is_billed=True)
        stage = Stage("gpu", cloud, "nas")
        stage.is_known("gpu")
        stage.hold("gpu")
        assert "nas" == (await stage.speak()).route.provider
        assert not stage.heard("cloud")
        alone = Stage("gpu", cloud)
        alone.is_known("gpu")
        alone.hold("gpu")
        asked = alone.speak()
        await asyncio.sleep(A_WHILE_S)
        assert not alone.heard("cloud")
        alone.let("gpu", ConnectionLost("reset"))
        assert "cloud" == (await asked).route.provider

    run(main())


@pytest.mark.parametrize("who", ["gpu", "cpu"])
def test_the_clients_fault_ends_it_at_once(who: str) -> None:
    """Whoever found it; the other is stopped and nobody else is asked."""

    async def main() -> None:
        stage = Stage("gpu", "cpu", "nas")
        stage.is_known("gpu")
        stage.hold("gpu", "cpu")
        asked = stage.speak()
        await until(lambda: stage.heard("cpu"))
        stage.let(who, InvalidRequest("no such option"))
        with pytest.raises(InvalidRequest):
            await asked
        other = {"gpu": "cpu", "cpu": "gpu"}[who]
        assert (True, False, set()) == (stage.was_cancelled(other), stage.heard("nas"), others())
        assert [] == stage.observer.failovers

    run(main())


def test_who_leaves_ends_both() -> None:
    """No task is left, no place is held, nothing is told against anybody."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.is_known("gpu")
        stage.hold("gpu", "cpu")
        asked = stage.speak()
        await until(lambda: stage.heard("cpu"))
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert (True, True, set()) == (stage.was_cancelled("gpu"), stage.was_cancelled("cpu"), others())
        assert [0, 0] == [stage.roster.standing(name).in_flight for name in ("gpu", "cpu")]
        assert [] == stage.observer.attempts

    run(main())


def test_a_machine_that_is_lost_meanwhile_is_a_failover_like_any_other() -> None:
    """First the doubt, so that the other is at work already, then the loss."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.hold("gpu", "cpu")
        asked = stage.speak()
        await until(lambda: stage.heard("gpu"))
        stage.doubt("gpu")
        await until(lambda: stage.heard("cpu"))
        stage.doubt("gpu")
        await until(lambda: stage.was_cancelled("gpu"))
        stage.let("cpu")
        assert "cpu" == (await asked).route.provider
        assert [("speech", "gpu", "cpu", "provider_host_lost")] == stage.observer.failovers
        assert [("gpu", "provider_host_lost"), ("cpu", "ok")] == stage.observer.attempts

    run(main())


def test_who_speaks_is_measured() -> None:
    """So that it is known what is late."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        assert stage.roster.expected_s(stage.route("gpu"), 4.0) is None
        stage.hold("gpu")
        asked = stage.speak()
        await until(lambda: stage.heard("gpu"))
        stage.clock.advance(0.5)
        stage.let("gpu")
        spoken = await asked
        assert (0.25, 2.0) == (spoken.took_s, stage.roster.expected_s(stage.route("gpu"), 4.0))

    run(main())
