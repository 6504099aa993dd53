"""One segment by the candidates in their order: who is asked, what is told of it, what ends it."""

import asyncio

import pytest
from relaying import SPOKEN, Stage, others, two_at_work
from running import run, until

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

pytestmark = pytest.mark.usefixtures("_soon_overdue")


def test_the_first_in_order_speaks_alone() -> None:
    """Nobody else is asked, nothing is told but the attempt."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        spoken = await stage.speak()
        assert (stage.route("gpu"), SPOKEN, 1) == (spoken.route, spoken.utterance, stage.record.attempts)
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
    ],
)
def test_who_fails_is_followed_by_the_next(outcome: Utterance | UpstreamFault, reason: str) -> None:
    """In order, each told once."""

    async def main() -> None:
        stage = Stage("gpu", "cpu", "nas")
        stage.says("gpu", outcome)
        stage.says("cpu", outcome)
        spoken = await stage.speak()
        assert ("nas", 3) == (spoken.route.provider, stage.record.attempts)
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


def test_when_the_first_fails_the_other_goes_on_alone() -> None:
    """The failover is told once, with the fault, not again when the other has won."""

    async def main() -> None:
        stage, asked = await two_at_work("gpu", "cpu", "nas")
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
        stage, asked = await two_at_work("gpu", "cpu", "nas")
        stage.let("gpu", ConnectionLost("reset"))
        stage.let("cpu", Silent("slow"))
        assert "nas" == (await asked).route.provider
        assert [
            ("speech", "gpu", "cpu", "provider_connection_lost"),
            ("speech", "cpu", "nas", "provider_timeout"),
        ] == stage.observer.failovers

    run(main())


def test_the_clients_fault_ends_it_at_once() -> None:
    """The rival is stopped and nobody else is asked."""

    async def main() -> None:
        stage, asked = await two_at_work("gpu", "cpu", "nas")
        stage.let("gpu", InvalidRequest("no such option"))
        with pytest.raises(InvalidRequest):
            await asked
        assert (True, False, set()) == (stage.was_cancelled("cpu"), stage.heard("nas"), others())
        assert [] == stage.observer.failovers

    run(main())


def test_who_leaves_ends_both() -> None:
    """No task is left, no place is held, nothing is told against anybody."""

    async def main() -> None:
        stage, asked = await two_at_work("gpu", "cpu")
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
        assert (0.25, 1.0) == (spoken.took_s, stage.roster.expected_s(stage.route("gpu"), 4.0))

    run(main())
