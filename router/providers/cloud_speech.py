"""What the vendors on the internet have in common: a key, a bill, a list of voices in pages, bare samples as an
answer, and a speed that ends sooner than ours."""

import logging
from abc import abstractmethod
from dataclasses import replace
from typing import Final

from router.domain import ProviderCard, Segment, Utterance, Voice
from router.errors import Rejected, Untranslated, UpstreamFault
from router.ports import Monotonic, ResponseHead
from router.providers.asking import Question, ask
from router.providers.origin import Origin
from router.providers.raw_pcm import samples_of
from router.providers.server import Server
from router.providers.voice_pages import VoicePages
from router.speech.stretching import Speed, at_speed

_log = logging.getLogger(__name__)
_LASTING: Final = frozenset({401, 402, 403})  # somebody has to see to the account
_LEAST_LOOK_S: Final = 0.3


class CloudSpeech(Server):
    """Implements `ports.SpeechProvider` but for the probe and the vendor's words. `voice`: who speaks when a
    request names nobody that it has; empty: the first that it lists."""

    def __init__(self, card: ProviderCard, origin: Origin, clock: Monotonic, *, voice: str = "") -> None:
        super().__init__(card, origin)
        self._clock = clock
        self._voice = voice
        self._pages = VoicePages()
        self._trouble = ""  # with the account, as the last request for speech showed

    @abstractmethod
    def _question(self, segment: Segment, model: str, voice: str) -> Question:
        """`segment` in the vendor's words, at a speed that it knows. Raises InvalidRequest for an option."""

    @abstractmethod
    def _speeds(self, model: str) -> tuple[float, float]:
        """The slowest and the fastest that `model` can be asked for."""

    @abstractmethod
    async def _page(self, cursor: str | None, deadline_s: float) -> tuple[list[Voice], str | None]:
        """A page of its voices, and the next one's cursor. Raises UpstreamFault."""

    def _billed(self, head: ResponseHead) -> int | None:
        """The characters that an answer was charged for; None where it does not say."""
        del head
        return None

    async def speak(self, segment: Segment, model: str, request_id: str) -> Utterance:
        """See `ports.SpeechProvider.speak`."""
        voice = segment.voice or self._usual_voice()
        speed = Speed.of(segment.speed, *self._speeds(model))
        asked = replace(segment, speed=speed.asked)
        read = samples_of(segment.text, speed.asked, self.card.stall_s)
        question = self._question(asked, model, voice)._replace(read=read)
        try:
            head, pcm = await ask(self._origin, self.card, question, request_id)
        except Rejected as fault:
            if fault.upstream_status in _LASTING:
                self._trouble = fault.message
            raise
        self._trouble = ""
        told = None if segment.voice else voice
        return Utterance(await at_speed(pcm, speed.left), voice=told, billed_characters=self._billed(head))

    def _usual_voice(self) -> str:
        if self._voice:
            return self._voice
        if self._pages.first is not None:
            return self._pages.first.id
        hint = f"map it under voices, or set providers.{self.card.id}.voice"
        raise Untranslated(f"does not know this voice, and none is known of it: {hint}", upstream_status=404)

    async def _read_page(self, since: float) -> None:
        """Read the page that is due, in what is left of a probe's time that began at `since`. A key that may not
        list voices may speak with them all the same, so that is no fault."""
        now = self._clock()
        left_s = self._origin.probe_deadline_s - (now - since)
        if left_s < _LEAST_LOOK_S or not self._pages.is_due(now):
            return
        try:
            voices, cursor = await self._page(self._pages.cursor, left_s)
        except UpstreamFault as fault:
            _log.info("the voices of %s could not be listed: %s", self.card.id, fault.message)
            self._pages.fail(now)
        else:
            self._pages.take(voices, cursor, now)
