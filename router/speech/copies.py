"""The library's voices on the nodes: judged by the first that answers, spread ahead of need, brought on demand.

The same recording makes the same voice everywhere; so a node that has lost its copy, or never had it, gets it in
the middle of a request, and a node that takes over speaks with the voice that the first one had.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from router.domain import LibraryVoice
from router.errors import (
    InvalidRequest,
    Malformed,
    NothingCanServe,
    RateLimited,
    Refusal,
    RouterError,
    UpstreamFault,
)
from router.ports import VoiceKeeper
from router.speech.library import VoiceLibrary

_AT_ONCE: Final = 2  # recordings under way to nodes in the background, and voices being prepared there
_UPLOADS_AT_ONCE: Final = 4
_UPLOAD_RETRY_S: Final = 2.0
_DELETIONS_AT_ONCE: Final = 8  # under way to one node
_RETRY_S: Final = 10.0  # before a node that refused a deletion is asked again
_REMEMBERED_S: Final = 30 * 86_400  # a deletion, after which a node that was off for so long may bring it back
_log = logging.getLogger(__name__)

Cloners = Callable[[str], Sequence[str]]  # provider → its models that copy voices; none while it is away


class Copies:
    """Owns the background tasks. `keepers` are the tts-nodes by provider name, in order of preference; `reported`
    gives the ids of the voices that one has said it has."""

    def __init__(
        self,
        library: VoiceLibrary,
        keepers: Mapping[str, VoiceKeeper],
        *,
        is_live: Callable[[str], bool],
        cloners: Cloners,
        reported: Callable[[str], Iterable[str]] = lambda _: (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.library = library
        self._keepers = keepers
        self._is_live = is_live
        self._cloners = cloners
        self._reported = reported
        self._clock = clock
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._preparing = asyncio.Semaphore(_AT_ONCE)
        self._uploads = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._bringing: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._leaving: dict[str, dict[str, asyncio.Task[None]]] = {}  # by voice, then by provider
        self._arriving: Counter[str] = Counter()  # uploads that are being judged
        self._refused: dict[tuple[str, str], float] = {}  # provider and voice → when to ask again

    @contextmanager
    def taking_in(self) -> Iterator[None]:
        """While a recording is read, judged and kept, in memory twice. Raises RateLimited when too many are."""
        if self._uploads >= _UPLOADS_AT_ONCE:
            raise RateLimited(
                f"{self._uploads} recordings are being taken in; send this one again in a moment.",
                retry_after_s=_UPLOAD_RETRY_S,
            )
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

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
        self._arriving[voice.id] += 1
        try:
            while leaving := self._leaving.get(voice.id):  # deleted just now: not in that order
                await asyncio.wait(leaving.values())
            judge, warnings, preview = await self._judged(voice, recording)
            kept = await self.library.add(msgspec.structs.replace(voice, warnings=warnings), recording, preview)
        finally:
            self._arriving[voice.id] -= 1
            self._arriving += Counter()  # without those at 0
        _log.info("voice %s is in the library, judged by %s", kept.id, judge)
        for name in self.cloning:
            self._start(self._copy(name, kept, judge), f"copy {kept.id} to {name}")
        return kept

    async def remove(self, voice: LibraryVoice) -> None:
        """Delete it here, and soon on the nodes that can be reached."""
        await self.library.remove(voice)
        for name in self._live():
            self._dismiss(name, voice.id)

    def sweep(self, provider: str) -> None:
        """It has just been seen alive: have it delete what was deleted while it could not be reached."""
        deleted = self.library.deleted
        if not deleted or provider not in self._keepers or not self._is_live(provider):
            return
        now = self._clock()
        under_way = sum(provider in leaving for leaving in self._leaving.values())
        for voice_id in [each for each in self._reported(provider) if each in deleted]:
            if under_way >= _DELETIONS_AT_ONCE:
                return
            if voice_id not in self._arriving and self._refused.get((provider, voice_id), 0.0) <= now:
                under_way += self._dismiss(provider, voice_id)
        if now - next(iter(deleted.values())) > _REMEMBERED_S:
            self._expire(now)

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

    def _dismiss(self, name: str, voice_id: str) -> bool:
        """Begin to delete a copy; False when that is under way."""
        leaving = self._leaving.setdefault(voice_id, {})
        if name in leaving:
            return False
        task = self._start(self._forget(name, voice_id), f"delete {voice_id} at {name}")
        leaving[name] = task
        task.add_done_callback(lambda _: self._left(name, voice_id))
        return True

    async def _forget(self, name: str, voice_id: str) -> None:
        if under_way := self._bringing.get((name, voice_id)):  # it would put back what is deleted now
            await asyncio.wait((under_way,))
        self._refused[name, voice_id] = self._clock() + _RETRY_S
        await self._keepers[name].delete_voice(voice_id)
        del self._refused[name, voice_id]

    def _left(self, name: str, voice_id: str) -> None:
        leaving = self._leaving[voice_id]
        del leaving[name]
        if not leaving:
            del self._leaving[voice_id]

    def _expire(self, now: float) -> None:
        held = {voice_id for name in self._keepers for voice_id in self._reported(name)}
        old = {each for each, at in self.library.deleted.items() if now - at > _REMEMBERED_S} - held
        self._refused = {key: at for key, at in self._refused.items() if key[1] not in old}
        if old:
            self._start(self.library.forget_deleted(old), "forget old deletions")

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
