"""A listener who has so much to hear yet: when a rival begins, and which of the two is heard."""

import asyncio

import pytest
from relaying import A_WHILE_S, Stage, is_waited_for
from running import run, until

from router.circuits import Verdict
from router.errors import ConnectionLost
from router.health import ProviderSign

pytestmark = pytest.mark.usefixtures("_soon_overdue")


@pytest.mark.parametrize("has_s", [None, 30.0])
def test_a_load_is_waited_for_as_long_as_it_was_said_to_take(has_s: float | None) -> None:
    """While the listener has enough to hear, or hears nothing yet."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.is_known("gpu", "cpu")
        stage.sign("gpu", ProviderSign.LOADING, eta_s=1.5)
        stage.hold("gpu")
        asked = stage.speak(has_s)
        assert await is_waited_for(stage, asked)

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
        assert ("cpu", 2, True) == (spoken.route.provider, stage.record.attempts, stage.was_cancelled("gpu"))
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


def test_a_rival_that_was_never_measured_begins_before_there_is_silence() -> None:
    """A fallback that nobody has needed yet."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.roster.note_spoken(stage.route("gpu"), 1.0, 9.0)
        stage.hold("gpu")
        assert "cpu" == (await stage.speak(0.1, max_wait_s=10)).route.provider

    run(main())


@pytest.mark.parametrize("is_measured", [True, False])
def test_who_must_load_first_begins_when_the_other_is_overdue(*, is_measured: bool) -> None:
    """A cold fallback is better than one that hangs; on a mere doubt it is left alone."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        if is_measured:
            stage.is_known("gpu")
        stage.sign("cpu", ProviderSign.COLD, eta_s=30)
        stage.hold("gpu")
        asked = stage.speak()
        await until(lambda: stage.heard("gpu"))
        if not is_measured:
            stage.doubt("gpu")
            await asyncio.sleep(A_WHILE_S)
            assert not stage.heard("cpu")
            stage.let("gpu")
        assert {True: "cpu", False: "gpu"}[is_measured] == (await asked).route.provider
        await stage.relay.aclose()

    run(main())


def test_a_load_that_has_nearly_ended_is_not_overdue() -> None:
    """What was expected counts from when it was: the time that is left goes down as the load goes on."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.is_known("gpu", "cpu")
        stage.sign("gpu", ProviderSign.LOADING, eta_s=1.5)
        stage.hold("gpu")
        asked = stage.speak()
        await until(lambda: stage.heard("gpu"))
        stage.sign("gpu", ProviderSign.LOADING, eta_s=0.001)
        assert await is_waited_for(stage, asked)

    run(main())


def test_a_rival_with_other_work_is_not_kept_in_reserve() -> None:
    """Others wait for it."""

    async def main() -> None:
        stage = _slow()
        async with stage.roster.lease(stage.route("cpu"), lambda _: None):
            asked = stage.speak(0.05, max_wait_s=10)
            assert await is_waited_for(stage, asked)

    run(main())
