"""Waking a model that is too cold to serve now."""

import asyncio

from fakes import FakeForward, chat_card, head
from running import run, until

from router.warming import Warmer


class _Cold(FakeForward):
    """Takes its time to load, until told."""

    def __init__(self, name: str) -> None:
        super().__init__(chat_card(name), [head()])
        self.is_loaded = asyncio.Event()
        self.was_cancelled = False

    async def warm(self, model: str | None = None) -> None:
        await super().warm(model)
        try:
            await self.is_loaded.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise


def test_a_provider_is_warmed_once_at_a_time() -> None:
    """However often it is passed over meanwhile; each provider by itself."""

    async def main() -> tuple[int, int]:
        one, two = _Cold("one"), _Cold("two")
        warmer = Warmer({"one": one, "two": two})
        for _ in range(3):
            warmer.warm("one")
        warmer.warm("two")
        await until(lambda: two.warmings == 1)
        for provider in (one, two):
            provider.is_loaded.set()
        await asyncio.sleep(0)
        await warmer.aclose()
        return one.warmings, two.warmings

    assert (1, 1) == run(main())


def test_two_models_of_one_provider_are_warmed_side_by_side() -> None:
    """Each once at a time."""

    async def main() -> list[str | None]:
        one = _Cold("one")
        warmer = Warmer({"one": one})
        for model in ("big", "big", "small", None):
            warmer.warm("one", model)
        await until(lambda: one.warmings == 3)
        await warmer.aclose()
        return one.warmed

    assert ["big", "small", None] == run(main())


def test_who_went_cold_again_is_warmed_again() -> None:
    """A warming that ended is forgotten."""

    async def main() -> int:
        provider = _Cold("one")
        provider.is_loaded.set()
        warmer = Warmer({"one": provider})
        for count in (1, 2):
            warmer.warm("one")
            await until(lambda count=count: provider.warmings == count and not warmer._tasks)  # type: ignore[misc]
        return provider.warmings

    assert 2 == run(main())


def test_closing_ends_what_is_under_way() -> None:
    """No task is left behind."""

    async def main() -> bool:
        provider = _Cold("one")
        warmer = Warmer({"one": provider})
        warmer.warm("one")
        await until(lambda: provider.warmings == 1)
        await warmer.aclose()
        return provider.was_cancelled

    assert run(main())
