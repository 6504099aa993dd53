"""Keeping models loaded longer than Ollama would by itself.

Its OpenAI routes take no `keep_alive`, and each request there sets it back to the server's own. So it is said
again behind each answer, by asking to load what is loaded. Whether it is, is looked up just before: a model that
is gone must not be loaded by that. Ollama's docs/faq.mdx, "How do I keep a model loaded", 2026-08-21.
"""

import asyncio
import functools
import logging
from typing import Final

import msgspec

from router.errors import UpstreamFault
from router.providers.ollama_models import Running
from router.providers.origin import Origin, decoded, request_headers

_log = logging.getLogger(__name__)
SAID_WITHIN_S: Final = 10.0  # a server that computes may take its time even for this


def spoken(keep_alive: str) -> str | int:
    """The setting as Ollama takes it: a number without a unit is no text there."""
    return int(keep_alive) if keep_alive.lstrip("-").isdigit() else keep_alive


class Keeper:
    """Owns a task per model, each of two small requests. `keep_alive`: the setting; empty: nothing is said."""

    def __init__(self, origin: Origin, keep_alive: str) -> None:
        self._origin = origin
        self._keep_alive = spoken(keep_alive) if keep_alive else None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()

    @property
    def wish(self) -> dict[str, object]:
        """What a request that loads a model says of it."""
        return {} if self._keep_alive is None else {"keep_alive": self._keep_alive}

    def keep(self, model: str) -> None:
        """An answer of `model` is over."""
        if self._keep_alive is None:
            return
        before = self._tasks.get(model)
        if before is not None and not before.done():
            self._again.add(model)
            return
        task = asyncio.get_running_loop().create_task(self._keep(model), name=f"keep {model}")
        self._tasks[model] = task
        task.add_done_callback(functools.partial(self._kept, model))

    async def aclose(self) -> None:
        """End what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _kept(self, model: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(model) is task:  # else another has begun
            del self._tasks[model]

    async def _keep(self, model: str) -> None:
        is_due = True
        while is_due:
            self._again.discard(model)
            try:
                await self._say(model)
            except UpstreamFault as fault:
                _log.info("%s could not be kept loaded: %s", model, self._origin.redact(fault.message))
            is_due = model in self._again

    async def _say(self, model: str) -> None:
        running = decoded(await self._origin.look("/api/ps"), Running, "its list of loaded models")
        if model not in running.until():
            return
        body = msgspec.json.encode({"model": model, **self.wish})
        await self._origin.ask(
            "POST", "/api/generate", request_headers("keep-alive"), body, deadline_s=SAID_WITHIN_S
        )
