"""The library's voices on the nodes: judged by the first that answers, spread ahead of need, brought on demand.

The same recording makes the same voice everywhere; so a node that has lost its copy, or never had it, gets it in
the middle of a request, and a node that takes over speaks with the voice that the first one had.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Final

import msgspec

from router.domain import LibraryVoice
from router.errors import InvalidRequest, Malformed, NothingCanServe, Refusal, RouterError, UpstreamFault
from router.ports import VoiceKeeper
from router.speech.library import VoiceLibrary

_AT_ONCE: Final = 2  # recordings under way to nodes in the background, and voices being prepared there
_log = logging.getLogger(__name__)

Cloners = Callable[[str], Sequence[str]]  # provider → its models that copy voices; none while it is away


class Copies:
    """Owns the background tasks. `keepers` are the tts-nodes by provider name, in order of preference."""

    def __init__(
        self,
        library: VoiceLibrary,
        keepers: Mapping[str, VoiceKeeper],
        *,
        is_live: Callable[[str], bool],
        cloners: Cloners,
    ) -> None:
        self.library = library
        self._keepers = keepers
        self._is_live = is_live
        self._cloners = cloners
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._preparing = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._bringing: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._leaving: dict[str, set[asyncio.Task[None]]] = {}

    @property
    def cloning(self) -> list[str]:
        """The live providers that can speak with the library's voices."""
        return [name for name in self._keepers if self._is_live(name) and self._cloners(name)]

    async def add(self, voice: LibraryVoice, recording: bytes) -> LibraryVoice:
        """Have it judged and normalised, keep it, and begin to spread it.

        Raises InvalidRequest (what is wrong with the recording), Conflict, LibraryFull, NothingCanServe.
        """
        if known := self.library.check_free(voice):
            return known
        if leaving := self._leaving.get(voice.id):  # the same recording was deleted just now: not in that order
            await asyncio.wait(leaving)
        judge, warnings, preview = await self._judged(voice, recording)
        kept = await self.library.add(msgspec.structs.replace(voice, warnings=warnings), recording, preview)
        _log.info("voice %s is in the library, judged by %s", kept.id, judge)
        for name in self.cloning:
            self._start(self._copy(name, kept, judge), f"copy {kept.id} to {name}")
        return kept

    async def remove(self, voice: LibraryVoice) -> None:
        """Delete it here, and soon on the nodes that can be reached."""
        await self.library.remove(voice)
        for name in self._live():
            task = self._start(self._forget(name, voice), f"delete {voice.id} at {name}")
            self._leaving.setdefault(voice.id, set()).add(task)
            task.add_done_callback(lambda done: self._left(voice.id, done))

    async def bring(self, provider: str, voice: LibraryVoice) -> bool:
        """Give `provider` the voice that it is missing, once for all who wait; False when it keeps none.

        Raises UpstreamFault, also when the node finds fault with a recording that another has taken.
        """
        if provider not in self._keepers:
            return False
        key = (provider, voice.id)
        if key not in self._bringing:
            self._bringing[key] = task = asyncio.get_running_loop().create_task(
                self._put(provider, voice), name=f"bring {voice.id} to {provider}"
            )
            task.add_done_callback(lambda done: self._brought(key, done))
        await asyncio.shield(self._bringing[key])
        return True

    async def settled(self) -> None:
        """Returns when nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def aclose(self) -> None:
        """End what is under way."""
        tasks = [*self._tasks, *self._bringing.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _put(self, provider: str, voice: LibraryVoice) -> None:
        recording = await self.library.recording(voice)
        try:
            await self._keepers[provider].put_voice(voice, recording, is_checked=False)
        except InvalidRequest as refused:
            raise Malformed(f"did not take the voice: {refused.message}") from refused
        _log.info("voice %s brought to %s", voice.id, provider)

    def _brought(self, key: tuple[str, str], task: asyncio.Task[None]) -> None:
        del self._bringing[key]
        if not task.cancelled():
            task.exception()  # whoever still waits hears it; nobody may

    async def _judged(self, voice: LibraryVoice, recording: bytes) -> tuple[str, tuple[str, ...], bytes]:
        refusals: list[Refusal] = []
        live = self._live()
        for name in sorted(live, key=lambda each: not self._cloners(each)):  # who will speak with it judges first
            keeper = self._keepers[name]
            try:
                warnings = await keeper.put_voice(voice, recording, is_checked=True)
                return name, warnings, await keeper.preview_voice(voice.id)
            except UpstreamFault as fault:
                refusals.append(Refusal(name, fault.message))
        refusals += [Refusal(name, "cannot be reached") for name in self._keepers if name not in live]
        raise NothingCanServe("voices (a tts-node must check the recording)", refusals)

    async def _copy(self, name: str, voice: LibraryVoice, judge: str) -> None:
        if name != judge:  # who has judged it has it
            async with self._places:
                await self.bring(name, voice)
        # The first engine is loaded for it, so that a fallback that was cold can take over without a delay.
        async with self._preparing:
            for place, model in enumerate(self._cloners(name)):
                await self._keepers[name].prepare_voice(voice.id, model, may_load=place == 0)

    async def _forget(self, name: str, voice: LibraryVoice) -> None:
        if under_way := self._bringing.get((name, voice.id)):  # it would put back what is deleted now
            await asyncio.wait((under_way,))
        await self._keepers[name].delete_voice(voice.id)

    def _left(self, voice_id: str, task: asyncio.Task[None]) -> None:
        leaving = self._leaving[voice_id]
        leaving.discard(task)
        if not leaving:
            del self._leaving[voice_id]

    def _live(self) -> list[str]:
        return [name for name in self._keepers if self._is_live(name)]

    def _start(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(_or_log(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _or_log(work: Coroutine[None, None, None], what: str) -> None:
    """Ahead of need: what fails here is done when it is needed."""
    try:
        await work
    except RouterError as error:
        _log.info("%s: %s", what, error.message)
