"""A tts-node of this project. It speaks segments as PCM, tells its state on /health and by its heartbeat, and its
engines and voices on OpenAI-shaped lists."""

import logging
import time
from dataclasses import replace
from typing import Final
from urllib.parse import quote

import msgspec

from router.domain import (
    BYTES_PER_SAMPLE,
    SAMPLE_RATE_HZ,
    Model,
    Priority,
    ProviderCard,
    Segment,
    Utterance,
    Voice,
)
from router.errors import Malformed, Overdue, Silent, UpstreamFault
from router.health import HostSign, ProviderSign
from router.ports import Beat, Monotonic, Probe, ResponseHead
from router.providers.asking import Question, ask, seconds, utterance_of
from router.providers.node_pulse import NodePulse
from router.providers.node_status import NodeStatus
from router.providers.node_voices import NodeVoices
from router.providers.openai import speech_body
from router.providers.origin import (
    TOUCH_DEADLINE_S,
    Origin,
    decoded,
    probe_of,
    request_headers,
)
from router.providers.server import Server
from router.speech.checking import longest_s
from router.transport import Inbox

_log = logging.getLogger(__name__)
# Two processes that follow on each other begin further apart. One is taken for two when a clock has drifted that
# far, or a beat came that late: then its lists are read once more.
SAME_PROCESS_S: Final = 1.0
BODY_STALL_S: Final = 0.6  # of silence between two bytes of a segment on the LAN
_DURATION_TOLERANCE_S: Final = 0.05


class _ModelEntry(msgspec.Struct):
    id: str
    state: str | None = None
    cloning: bool = False


class _ModelList(msgspec.Struct):
    data: list[_ModelEntry]


class _VoiceEntry(msgspec.Struct):
    id: str
    name: str = ""
    language: str | None = None
    gender: str | None = None


class _VoiceList(msgspec.Struct):
    voices: list[_VoiceEntry]


class TtsNode(Server):
    """Implements `ports.SpeechProvider` and `ports.Beating`."""

    def __init__(self, card: ProviderCard, origin: Origin, clock: Monotonic = time.monotonic) -> None:
        super().__init__(card, origin)
        self._clock = clock
        self._revision: str | None = None  # of the lists, as they were read last
        self._began_at: float | None = None  # the process that they were read from, where it tells
        self._models: tuple[Model, ...] = ()
        self._voices: tuple[Voice, ...] | None = None
        self.voices = NodeVoices(origin)

    async def probe(self) -> Probe:
        """GET /health; the lists only when `voices_revision` says that they changed."""
        try:
            status = await self._status(self._origin.probe_deadline_s)
            if self._has_lists_of(status):
                return status.probe(self._models)
            await self._read_lists(status)
        except UpstreamFault as fault:
            self._revision = None  # it may come back as another
            return _probe_of(fault)
        probe = status.probe(self._models)
        return replace(probe, models=probe.models or self._models, voices=self._voices)

    @property
    def has_heartbeat(self) -> bool:
        """Whether it is near enough for a quarter of a second to say something."""
        return not self._origin.is_remote

    async def listen(self) -> NodePulse:
        """GET /events. See `ports.Beating.listen`."""
        if self._began_at is None:
            self._revision = None  # it may be another than the last time
        inbox = Inbox()
        inbox.attach(await self._origin.open("/events", inbox))
        return NodePulse(inbox, self._beat)

    async def catch_up(self) -> None:
        """See `ports.Beating.catch_up`."""
        await self._read_lists(await self._status(self._origin.probe_deadline_s))

    def _beat(self, status: NodeStatus) -> Beat:
        is_known = self._has_lists_of(status)
        beat = status.beat(self._models, is_news=not is_known)
        if not is_known:
            return beat
        return replace(
            beat, probe=replace(beat.probe, models=beat.probe.models or self._models, voices=self._voices)
        )

    def _has_lists_of(self, status: NodeStatus) -> bool:
        """Whether its lists are those that were read last. Another process may have other models by the same
        revision, which is of its voices."""
        if status.voices_revision != self._revision:
            return False
        began_at = status.began_at(self._clock())
        if began_at is None or self._began_at is None:
            return began_at is self._began_at
        return abs(began_at - self._began_at) < SAME_PROCESS_S

    async def _read_lists(self, status: NodeStatus) -> None:
        began_at = status.began_at(self._clock())
        models = decoded(await self._origin.look("/v1/models"), _ModelList, "its model list")
        voices = decoded(await self._origin.look("/v1/audio/voices"), _VoiceList, "its voice list")
        self._models = tuple(Model(entry.id, entry.state, entry.cloning) for entry in models.data)
        self._voices = tuple(Voice(v.id, v.name or v.id, v.language, v.gender) for v in voices.voices)
        self._revision, self._began_at = status.voices_revision, began_at

    async def touch(self) -> Probe | None:
        """GET /health, which a node answers at once whatever its model does."""
        if self._origin.is_remote:
            return None
        try:
            return (await self._status(TOUCH_DEADLINE_S)).probe(self._models)
        except UpstreamFault as fault:
            return _probe_of(fault)

    async def warm(self, model: str | None = None) -> None:
        """POST /warm. What the node says to it shows in its state; a load that failed lately it refuses itself."""
        path = "/warm" if model is None else f"/warm?model={quote(model, safe='')}"
        inbox = Inbox()
        try:
            inbox.attach(await self._origin.post(path, request_headers("warm"), b"", inbox))
            await inbox.read_head(self._origin.probe_deadline_s)
        except UpstreamFault as fault:
            _log.info("%s could not be warmed: %s", self.card.id, fault.message)
        finally:
            inbox.close()

    async def _status(self, deadline_s: float) -> NodeStatus:
        return NodeStatus.of(await self._origin.look("/health", deadline_s=deadline_s), "its /health")

    async def speak(self, segment: Segment, model: str, request_id: str) -> Utterance:
        """See `ports.SpeechProvider.speak`."""
        body = speech_body(segment, model, "pcm") | {"segment": True}
        if segment.priority is Priority.BATCH:
            body["priority"] = str(segment.priority)
        stall_s = self.card.stall_s if self._origin.is_remote else min(self.card.stall_s, BODY_STALL_S)
        limit = int(2 * longest_s(segment.text, segment.speed) * SAMPLE_RATE_HZ) * BYTES_PER_SAMPLE

        async def read(_: ResponseHead, inbox: Inbox) -> bytes:
            """A segment is whole before its first byte is sent, so a pause is the way's, not the engine's."""
            try:
                return await inbox.read_all(stall_s, limit)
            except Silent as exc:
                raise Overdue("fell silent in the middle of its answer") from exc

        question = Question("/v1/audio/speech", body, read=read)
        head, pcm = await ask(self._origin, self.card, question, request_id)
        if len(pcm) % BYTES_PER_SAMPLE:
            raise Malformed("sent half a sample of PCM")
        spoken = utterance_of(head, pcm)
        said_s = seconds(head.get(b"x-audio-duration"))
        if said_s is not None and abs(said_s - spoken.duration_s) > _DURATION_TOLERANCE_S:
            raise Malformed(f"sent {spoken.duration_s:.2f} s of audio and says that it is {said_s:.2f} s")
        return spoken


def _probe_of(fault: UpstreamFault) -> Probe:
    """As for any origin, but silence after a dial is a sign: a node always answers at once."""
    if isinstance(fault, Silent):
        return Probe(HostSign.ANSWERED, ProviderSign.MUTE, "accepts connections, answers nothing")
    return probe_of(fault)
