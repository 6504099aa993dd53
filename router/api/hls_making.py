"""One text being made into a broadcast: spoken, cut into fragments beside the event loop, published."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from router.api import spoken
from router.api.broadcast import Broadcast
from router.api.broadcasts import Broadcasts
from router.domain import BYTES_PER_S
from router.ports import Monotonic, StateStore
from router.speak import Speaker
from router.spoken import NOTHING, Tally
from router.telling import Telling

if TYPE_CHECKING:
    from router.speech.fragments import Fragment, Fragmenter

_FRAGMENTS: Final = 3  # in a segment, 1.15 s; the first segment has one, so that sound starts soon
_FIRST_BYTES: Final = BYTES_PER_S // 2  # of PCM at once: enough for a fragment
_SLICE_BYTES: Final = 2 * BYTES_PER_S


@dataclass(slots=True)
class Making:
    """See the module."""

    broadcast: Broadcast
    broadcasts: Broadcasts
    telling: Telling
    speaker: Speaker
    store: StateStore
    clock: Monotonic
    ahead_s: float
    _tally: Tally = field(default_factory=Tally)

    async def make(self) -> None:
        """All of it. Raises RouterError."""
        fragmenter = await self.speaker.encoders.run(_opened)
        self.broadcast.head = fragmenter.head
        status = "failed"
        try:
            if self.telling.passages:
                await self._narrate(fragmenter)
            else:
                await self._feed(fragmenter, NOTHING)
            self._publish(await self.speaker.encoders.run(fragmenter.close))
            status = "completed"
        finally:
            await self._remember(status)

    async def _narrate(self, fragmenter: "Fragmenter") -> None:
        record = self.telling.record
        async with self.speaker.narrated(self.telling) as narration:
            self.broadcast.narration = narration
            try:
                while (segment := await narration.next()) is not None:
                    self._tally.add(segment)
                    await self._feed(fragmenter, segment.pcm)
                    record.gap_s = narration.playback.gap_s
                    await self.broadcast.until_wanted(self.ahead_s)
            finally:
                self.broadcast.narration = None

    async def _feed(self, fragmenter: "Fragmenter", pcm: bytes) -> None:
        for piece in _slices(pcm, is_first=not self.broadcast.count):
            self._publish(await self.speaker.encoders.run(_feeding(fragmenter, piece)))

    def _publish(self, fragments: "Sequence[Fragment]") -> None:
        """Whatever is whole: what a listener could hear does not wait for more."""
        at = 0
        while at < len(fragments):
            group = fragments[at : at + (_FRAGMENTS if self.broadcast.count else 1)]
            at += len(group)
            self.broadcast.publish(b"".join(each.data for each in group), sum(each.duration_s for each in group))
        record = self.telling.record
        record.first_byte = record.first_byte or self.clock()
        self.broadcasts.make_room()

    async def _remember(self, status: str) -> None:
        record, tally = self.telling.record, self._tally
        record.status = 200
        if tally.first is None:
            return
        record.by(tally.first.route)
        record.audio_s, record.generation_s = tally.duration_s, tally.generation_s
        if tally.is_cached:
            record.cache = "hit"
        key = spoken.answer_key(record.client, record.request_id)
        await self.store.put(key, spoken.summary_so_far(tally, record, status), ttl_s=spoken.ANSWER_TTL_S)


def _opened() -> "Fragmenter":
    """In a thread: it loads PyAV."""
    from router.speech.fragments import Fragmenter

    return Fragmenter()


def _feeding(fragmenter: "Fragmenter", pcm: bytes) -> "Callable[[], list[Fragment]]":
    return lambda: fragmenter.feed(pcm)


def _slices(pcm: bytes, *, is_first: bool) -> Iterator[bytes]:
    at = 0
    if is_first:
        yield pcm[:_FIRST_BYTES]
        at = _FIRST_BYTES
    for start in range(at, len(pcm), _SLICE_BYTES):
        yield pcm[start : start + _SLICE_BYTES]
