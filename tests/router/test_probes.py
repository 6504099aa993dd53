"""The loops that look at providers."""

import asyncio
import dataclasses

import pytest
from fakes import FakeForward, ManualClock, RecordingObserver, chat_card, head
from running import run, until

from router import probes as probes_module
from router.health import HostSign, ProviderSign, ProviderState
from router.ports import Probe
from router.probes import Probes
from router.roster import Roster


class _Looked(FakeForward):
    """Counts looks; answers, raises or hangs."""

    def __init__(self, name: str, answer: Probe | Exception | None, interval_s: float = 0.01) -> None:
        super().__init__(dataclasses.replace(chat_card(name), probe_interval_s=interval_s), [head()])
        self.answer = answer
        self.looks = 0
        self.at_once = 0

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


def _made(*providers: _Looked) -> tuple[Probes, Roster]:
    named = {provider.card.id: provider for provider in providers}
    roster = Roster({name: p.card for name, p in named.items()}, RecordingObserver(), ManualClock())
    return Probes(named, roster), roster


def test_one_look_at_everybody() -> None:
    """At the same time, and the roster knows."""
    probes, roster = _made(_Looked("a", UP), _Looked("b", DOWN))
    run(probes.look_once())
    assert [ProviderState.UP, ProviderState.DOWN] == [roster.standing(name).state for name in "ab"]


def test_a_dialect_that_fails_or_hangs_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug in one is logged, and slowness to the others."""
    monkeypatch.setattr(probes_module, "_LAST_RESORT_S", 0.02)
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
