"""The loops that look at providers."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable

import pytest
from fakes import FakeForward, ManualClock, RecordingObserver, chat_card, head
from hurried import hurry
from running import run, until

from router import looks
from router import probes as probes_module
from router.domain import Route
from router.health import HostSign, HostState, ProviderSign, ProviderState
from router.ports import Probe
from router.probes import Probes
from router.providers.origin import TOUCH_DEADLINE_S
from router.roster import Roster

TOUCHED = Probe(HostSign.ANSWERED, None)


class _Looked(FakeForward):
    """Counts looks; answers, raises or hangs."""

    def __init__(self, name: str, answer: Probe | Exception | None, interval_s: float = 0.01) -> None:
        super().__init__(dataclasses.replace(chat_card(name), probe_interval_s=interval_s), [head()])
        self.answer = answer
        self.touching: Probe | Exception | None = TOUCHED
        self.touches = 0
        self.looks = 0
        self.at_once = 0

    async def touch(self) -> Probe | None:
        self.touches += 1
        if isinstance(self.touching, Exception):
            raise self.touching
        return self.touching

    async def probe(self) -> Probe:
        self.looks += 1
        self.at_once += 1
        if self.at_once > 1:
            self.forbidden.append("two looks at once")
        try:
            if self.answer is None:
                await asyncio.Event().wait()
            if isinstance(self.answer, Exception):
                raise self.answer
            assert self.answer is not None
            return self.answer
        finally:
            self.at_once -= 1


UP = Probe(HostSign.ANSWERED, ProviderSign.READY)
DOWN = Probe(HostSign.ANSWERED, ProviderSign.FAULT, "refused")


GONE = Probe(HostSign.SILENT, None, "no answer to a dial")


def _made(*providers: _Looked) -> tuple[Probes, Roster]:
    named = {provider.card.id: provider for provider in providers}
    roster = Roster({name: p.card for name, p in named.items()}, RecordingObserver(), ManualClock())
    return Probes(named, roster), roster


def _quiet(name: str, host: str = "") -> _Looked:
    """One whose probes do not come within a test, only its touches."""
    provider = _Looked(name, UP, interval_s=1000)
    provider.card = dataclasses.replace(provider.card, host=host or provider.card.host)
    return provider


@contextlib.asynccontextmanager
async def _in_flight(roster: Roster, name: str, lost: list[str]) -> AsyncIterator[None]:
    async with roster.lease(Route(name, "m", 1), lambda _: lost.append(name)):
        yield


def test_one_look_at_everybody() -> None:
    """At the same time, and the roster knows."""
    probes, roster = _made(_Looked("a", UP), _Looked("b", DOWN))
    run(probes.look_once())
    assert [ProviderState.UP, ProviderState.DOWN] == [roster.standing(name).state for name in "ab"]


def test_a_dialect_that_fails_or_hangs_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug in one is logged, and slowness to the others."""
    monkeypatch.setattr(looks, "LAST_RESORT_S", 0.5)
    probes, roster = _made(_Looked("a", ZeroDivisionError("bug")), _Looked("b", None), _Looked("c", UP))
    run(probes.look_once())
    assert [ProviderState.UNKNOWN, ProviderState.UNKNOWN, ProviderState.UP] == [
        roster.standing(name).state for name in "abc"
    ]
    assert ("its probe failed: bug", 2) == (roster.standing("a").detail, len(caplog.records))


def test_it_goes_on_until_the_block_ends() -> None:
    """Never two looks at once, and none afterwards."""

    async def main() -> tuple[int, int, list[str]]:
        provider, failing = _Looked("a", UP), _Looked("b", ZeroDivisionError("bug"))
        probes, _ = _made(provider, failing)
        async with probes.running():
            await until(lambda: provider.looks >= 4 and failing.looks >= 4)
        after = provider.looks
        await asyncio.sleep(0.03)
        return after, provider.looks, provider.forbidden

    after, later, forbidden = run(main())
    assert (after, []) == (later, forbidden)


def test_what_returns_is_noticed() -> None:
    """Two good looks."""

    async def main() -> ProviderState:
        provider = _Looked("a", DOWN)
        probes, roster = _made(provider)
        async with probes.running():
            await until(lambda: roster.standing("a").state is ProviderState.DOWN)
            provider.answer = UP
            await until(lambda: roster.standing("a").state is ProviderState.UP)
        return roster.standing("a").state

    assert ProviderState.UP is run(main())


@pytest.fixture
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes_module, "TOUCH_INTERVAL_S", 0.005)


@pytest.mark.usefixtures("_often")
def test_only_providers_with_requests_in_flight_are_touched() -> None:
    """From the first request's coming to the last one's going."""

    async def main() -> tuple[int, int, bool]:
        busy, idle = _quiet("a", "pc"), _quiet("b", "pc")
        probes, roster = _made(busy, idle)
        async with probes.running():
            await asyncio.sleep(0)
            before = busy.touches
            async with _in_flight(roster, "a", []):
                await until(lambda: busy.touches >= 3)
            after = busy.touches
            async with _in_flight(roster, "b", []):
                await until(lambda: idle.touches >= 3)
            # One touch may have been under way when the request went.
            return before, idle.looks, busy.touches - after <= 1

    assert (0, 0, True) == run(main())


@pytest.mark.usefixtures("_often")
def test_two_missed_touches_end_what_is_in_flight_on_the_machine() -> None:
    """Whichever provider on it they asked; the others go on."""

    async def main() -> tuple[list[str], HostState, HostState]:
        a, b, c = _quiet("a", "pc"), _quiet("b", "pc"), _quiet("c", "nas")
        probes, roster = _made(a, b, c)
        a.touching = b.touching = GONE
        lost: list[str] = []
        async with (
            probes.running(),
            _in_flight(roster, "a", lost),
            _in_flight(roster, "b", lost),
            _in_flight(roster, "c", lost),
        ):
            await until(lambda: len(lost) >= 2 and c.touches >= 4)
        return sorted(lost), roster.standing("a").host_state, roster.standing("c").host_state

    assert (["a", "b"], HostState.UNREACHABLE, HostState.REACHABLE) == run(main())


@pytest.mark.usefixtures("_often")
def test_a_touch_that_tells_nothing_changes_nothing() -> None:
    """A server on the internet is not touched: a third of a second says nothing there."""

    async def main() -> tuple[list[str], ProviderState, HostState]:
        provider = _quiet("a")
        provider.touching = None
        probes, roster = _made(provider)
        lost: list[str] = []
        async with probes.running(), _in_flight(roster, "a", lost):
            await until(lambda: provider.touches >= 4)
        standing = roster.standing("a")
        return lost, standing.state, standing.host_state

    assert ([], ProviderState.UNKNOWN, HostState.REACHABLE) == run(main())


@pytest.mark.usefixtures("_often")
def test_a_touch_that_fails_by_a_bug_is_logged_and_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The watch goes on."""

    async def main() -> list[str]:
        provider = _quiet("a")
        provider.touching = ZeroDivisionError("bug")
        probes, roster = _made(provider)
        lost: list[str] = []
        async with probes.running(), _in_flight(roster, "a", lost):
            await until(lambda: provider.touches >= 4)
        return lost

    assert [] == run(main())
    assert {"a probe of a failed"} == {entry.message for entry in caplog.records}


def test_touches_come_often_enough_to_notice_within_a_second() -> None:
    """Two of them, a quarter of a second apart, each of 0.3 s at most."""
    assert 2 * max(probes_module.TOUCH_INTERVAL_S, TOUCH_DEADLINE_S) < 1


@pytest.mark.parametrize(
    ("touching", "is_late", "expected"),
    [
        (GONE, False, True),
        (GONE, True, False),
        (Probe(HostSign.ANSWERED, ProviderSign.MUTE, "mute"), False, True),
        (Probe(HostSign.ANSWERED, ProviderSign.MUTE, "mute"), True, False),
    ],
)
@pytest.mark.usefixtures("_often")
def test_silence_counts_only_while_this_process_is_not_starved_itself(
    touching: Probe, is_late: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that took longer than its own deadline tells of this machine and not of that one."""
    monkeypatch.setattr(probes_module, "FAIR_TOUCH_S", -1.0 if is_late else 60.0)

    async def main() -> bool:
        provider = _quiet("a")
        provider.touching = touching
        probes, roster = _made(provider)
        lost: list[str] = []
        async with probes.running(), _in_flight(roster, "a", lost):
            await until(lambda: provider.touches >= 5)
        return bool(lost)

    assert expected is run(main())


@pytest.mark.parametrize(
    ("answer", "is_drained", "expected"),
    [
        (UP, False, [4, 4, 4]),
        (UP, True, [4, 4, 4]),
        (Probe(HostSign.ANSWERED, ProviderSign.DRAINING), False, [4, 4, 4]),
        (DOWN, False, [31, 4, 4]),
        (Probe(HostSign.SILENT, ProviderSign.FAULT, "no answer"), False, [31, 4, 4]),
    ],
    ids=["up", "drained by an administrator", "draining", "down", "silent"],
)
def test_a_provider_on_the_internet_is_probed_often_only_while_it_has_just_gone_down(
    answer: Probe, is_drained: bool, expected: list[int]
) -> None:
    """Every 15 s; every second for 30 s after it went down, so that one reset does not cost half a minute. Counted
    in three times 60 s: the one in which it goes down and two later ones."""

    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        provider = _Looked("a", answer, interval_s=15)
        roster = Roster({"a": provider.card}, RecordingObserver(), loop.time)
        if is_drained:
            roster.drain("a")
        counts = []
        async with Probes({"a": provider}, roster).running():
            while not provider.looks:  # noqa: ASYNC110  time passes by sleeping
                await asyncio.sleep(0.5)
            for _ in range(3):
                before = provider.looks
                await asyncio.sleep(60)
                counts.append(provider.looks - before)
        return counts

    counts = hurry(main())
    # Down it is looked at for 30 s, and then twice more before the minute ends.
    assert all(abs(count - usual) <= 2 for count, usual in zip(counts, expected, strict=True)), counts


def test_a_provider_in_the_house_is_probed_every_second_whatever_its_state() -> None:
    """An hour after it went down as well."""

    async def main() -> int:
        loop = asyncio.get_running_loop()
        provider = _Looked("a", DOWN, interval_s=1)
        roster = Roster({"a": provider.card}, RecordingObserver(), loop.time)
        async with Probes({"a": provider}, roster).running():
            await asyncio.sleep(3600)
            before = provider.looks
            await asyncio.sleep(60)
            return provider.looks - before

    assert abs(hurry(main()) - 60) <= 1


def test_whose_heartbeat_is_held_is_neither_probed_nor_touched() -> None:
    """It tells by itself; when it beats no more, both begin again."""

    async def main() -> tuple[list[int], list[int]]:
        provider = _Looked("a", UP, interval_s=1)
        probes, roster = _made(provider)
        counts = []
        async with probes.running(), _in_flight(roster, "a", []):
            steps: list[Callable[[], object]] = [
                lambda: None,
                lambda: roster.note_beat("a", UP),
                lambda: roster.note_hung_up("a", None),
            ]
            for step in steps:
                step()
                looks, touches = provider.looks, provider.touches
                await asyncio.sleep(3)
                counts.append((provider.looks - looks, provider.touches - touches))
        return [looks for looks, _ in counts], [touches for _, touches in counts]

    looks, touches = hurry(main())
    assert ([True, False, True], [True, False, True]) == ([n > 1 for n in looks], [n > 1 for n in touches])


def test_a_probe_that_was_overtaken_by_a_beat_says_nothing() -> None:
    """It was asked while the node was away."""

    async def main() -> ProviderState:
        provider = _Looked("a", DOWN)
        probes, roster = _made(provider)

        async def slow() -> Probe:
            roster.note_beat("a", UP)
            return DOWN

        provider.probe = slow  # type: ignore[method-assign]
        await probes.look_once()
        return roster.standing("a").state

    assert ProviderState.UP is run(main())
