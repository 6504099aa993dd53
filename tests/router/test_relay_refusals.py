"""A provider that will not speak a segment, one whose audio has an odd length, and one that charges."""

import asyncio

import pytest
from fakes import pcm, speech_card
from relaying import A_WHILE_S, SPOKEN, TEXT, Stage
from running import run, until

from router.circuits import Verdict
from router.domain import Passage, Segment, Utterance
from router.errors import ConnectionLost, InvalidRequest, NothingCanServe, Rejected, RouterError
from router.race import Errand
from router.selection import Need
from router.spoken import Spoken

REFUSED = InvalidRequest("no such language", code="rejected_by_provider")
ODD = Utterance(b"", 0.25, "engine", "alloy")


def in_the_middle(stage: Stage) -> "asyncio.Task[Spoken]":
    """A segment of an answer that has begun."""
    segment = Segment(TEXT, None, 1.0, None, 7)
    errand = Errand(segment, Passage(TEXT), stage.routes, Need(2.0, 1.0), 5.0, is_begun=True)
    return asyncio.get_running_loop().create_task(stage.relay.speak(errand, stage.record))


async def error_of(work: "asyncio.Task[Spoken]") -> RouterError:
    with pytest.raises(RouterError) as caught:
        await work
    return caught.value


def test_what_the_preferred_refuses_is_the_clients_fault() -> None:
    """A lesser engine that ignores the wrong option would hide it."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.says("gpu", REFUSED)
        assert REFUSED is await error_of(stage.speak())
        assert not stage.heard("cpu")

    run(main())


def test_what_a_stand_in_refuses_is_its_own_affair() -> None:
    """The rival of a favourite in doubt may lack the language; the favourite is still at work."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.hold("gpu")
        stage.says("cpu", REFUSED)
        work = stage.speak()
        await until(lambda: stage.heard("gpu"))
        stage.doubt("gpu")
        await until(lambda: stage.heard("cpu"))
        await asyncio.sleep(A_WHILE_S)
        stage.let("gpu")
        assert "gpu" == (await work).route.provider

    run(main())


def test_what_only_a_stand_in_refused_is_no_400() -> None:
    """The preferred one fell silent: nobody knows whether it would have refused too."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.says("gpu", ConnectionLost("reset"))
        stage.says("cpu", REFUSED)
        error = await error_of(stage.speak())
        assert isinstance(error, NothingCanServe)
        assert ["gpu", "cpu"] == [refusal.provider for refusal in error.refusals]

    run(main())


def test_an_answer_that_has_begun_is_not_ended_by_a_refusal() -> None:
    """The next speaks the segment."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.says("gpu", REFUSED)
        assert "cpu" == (await in_the_middle(stage)).route.provider
        stage.says("cpu", REFUSED)
        assert isinstance(await error_of(in_the_middle(stage)), NothingCanServe)

    run(main())


def test_an_odd_length_is_believed_when_another_says_the_same() -> None:
    """Some texts sound like nothing; that is nobody's fault, and closes nobody's circuit."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        for _ in range(5):
            for name in ("gpu", "cpu"):
                stage.says(name, ODD)
            assert ("cpu", b"") == ((spoken := await stage.speak()).route.provider, spoken.utterance.pcm)
        assert {Verdict.CLOSED} == {stage.roster.standing(name, "m").verdict for name in ("gpu", "cpu")}

    run(main())


def test_an_odd_length_of_the_only_one_is_believed_the_second_time() -> None:
    """It is asked once more."""

    async def main() -> None:
        stage = Stage("gpu")
        stage.says("gpu", ODD)
        assert b"" == (await stage.speak()).utterance.pcm
        assert 2 == len(stage.providers["gpu"].heard)

    run(main())


def test_an_odd_length_is_not_believed_when_another_says_more() -> None:
    """It had stopped in the middle."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        stage.says("gpu", ODD)
        assert SPOKEN == (await stage.speak()).utterance

    run(main())


def test_odd_lengths_that_differ_are_no_answer() -> None:
    """Neither nothing nor far too much is the text; each is asked twice."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        lengths = iter([0.0, 60.0, 0.0, 0.0])
        for name in ("gpu", "cpu"):
            stage.providers[name].voice = lambda _: Utterance(pcm(next(lengths)), 0.25)
        spoken = await stage.speak()
        assert b"" == spoken.utterance.pcm  # the first and the third agree

    run(main())


def test_lengths_that_never_agree_end() -> None:
    """Nobody is asked a third time."""

    async def main() -> None:
        stage = Stage("gpu", "cpu")
        lengths = iter([60.0, 0.0, 200.0, 0.02])
        for name in ("gpu", "cpu"):
            stage.providers[name].voice = lambda _: Utterance(bytes(int(next(lengths) * 24_000) * 2), 0.25)
        assert isinstance(await error_of(stage.speak()), NothingCanServe)
        assert [2, 2] == [len(stage.providers[name].heard) for name in ("gpu", "cpu")]

    run(main())


def test_who_charges_is_asked_for_a_segment_once() -> None:
    """Whatever came of it; and a silence of theirs ends the matter for everybody."""

    async def main() -> None:
        stage = Stage(speech_card("paid", tier=1, is_billed=True), speech_card("cpu", tier=2))
        stage.says("paid", Rejected("answered with status 500", upstream_status=500))
        segment = Segment(TEXT, None, 1.0, None, 7)
        paid: set[str] = set()
        errand = Errand(segment, Passage(TEXT), stage.routes, Need(2.0, 1.0), paid=paid)
        await stage.relay.speak(errand, stage.record)
        assert {"paid"} == paid

    run(main())


def test_rates_are_the_providers_own() -> None:
    """The queue and the way are not in them, when it tells how long it worked."""

    async def main() -> None:
        stage = Stage("gpu")
        stage.hold("gpu")
        work = stage.speak()
        await until(lambda: stage.heard("gpu"))
        stage.clock.advance(30.0)
        stage.let("gpu")
        await work
        assert 0.25 == stage.roster.standing("gpu", "m", 1.0).rtf

    run(main())
