"""The speech cache's routes: how full it is, and emptying it."""

from typing import Final, Protocol

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from router.api.documented import lists
from router.api.documented.contents import shown
from router.speech.cache import AudioCache
from router.speech.cache.cache import CacheFigures


class CacheView(Protocol):
    """What these routes need of the house."""

    @property
    def cache(self) -> AudioCache: ...


CacheHouse = NamedDependency[SkipValidation[CacheView]]


@get("/admin/cache", responses={200: shown(CacheFigures)})
async def show_cache(view: CacheHouse) -> dict[str, object]:
    """How many spoken answers and sentences are kept, in memory and on the disk, and where."""
    shown: dict[str, object] = msgspec.to_builtins(await view.cache.figures())
    return shown


@post("/admin/cache/purge", status_code=200, responses={200: shown(lists.Purged)})
async def purge_cache(view: CacheHouse) -> dict[str, object]:
    """Forget everything that was spoken, in memory and on the disk, at once."""
    return {"status": "purged", "entries": await view.cache.purge()}


handlers: Final = [show_cache, purge_cache]
