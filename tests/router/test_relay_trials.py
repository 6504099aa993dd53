"""Who has failed before, and may show that it is back: nobody waits for it."""

import pytest
from relaying import Stage, others
from running import run, until

from router.circuits import Verdict
from router.errors import Rejected

pytestmark = pytest.mark.usefixtures("_soon_overdue")


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
