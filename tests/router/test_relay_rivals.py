"""Who speaks a segment beside another that is overdue or in doubt, and who never does."""

import asyncio

import pytest
from fakes import speech_card
from relaying import A_WHILE_S, Stage, is_waited_for, others, two_at_work
from running import run, until

from router.circuits import Verdict
from router.errors import ConnectionLost
from router.health import ProviderSign, ProviderState

pytestmark = pytest.mark.usefixtures("_soon_overdue")


def test_who_is_overdue_is_overtaken() -> None:
    """The next speaks beside it; the first whole segment counts, the other's connection is closed."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.is_known("gpu")
        stage.hold("gpu")
        spoken = await stage.speak()
        assert ("cpu", 2, True) == (spoken.route.provider, stage.record.attempts, stage.was_cancelled("gpu"))
        assert [("speech", "gpu", "cpu", "provider_overdue")] == stage.observer.failovers
        assert [("cpu", "ok"), ("gpu", "provider_overdue")] == stage.observer.attempts
        assert ("cpu", ["provider_overdue"]) == (stage.record.provider, stage.record.reasons)
        assert set() == others()

    run(main())


def test_who_was_overdue_is_left_alone_for_a_moment() -> None:
    """Then a trial may show that it is back."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.is_known("gpu")
        stage.hold("gpu")
        await stage.speak()
        verdicts = [stage.roster.standing("gpu", "m").verdict]
        for _ in range(2):
            stage.clock.advance(0.3)
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
        assert await is_waited_for(stage, asked)

    run(main())


def test_the_overtaken_may_still_be_first() -> None:
    """Then it counts, nothing is held against it, and the other is stopped."""

    async def main() -> None:
        stage, asked = await two_at_work("gpu", "cpu")
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


def test_who_was_in_doubt_already_is_not_trusted_alone() -> None:
    """Its machine missed a sign of life just before the segment began."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.doubt("gpu")
        stage.hold("gpu")
        assert "cpu" == (await stage.speak()).route.provider
        assert stage.heard("gpu")

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
        assert ("nas", 3, True) == (spoken.route.provider, stage.record.attempts, stage.was_cancelled("gpu"))
        assert [("gpu", "nas")] == [told[1:3] for told in stage.observer.failovers]
        assert set() == others()

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
