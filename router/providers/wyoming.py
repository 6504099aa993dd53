"""Piper, or any other voice service that speaks Wyoming (library `wyoming` 1.10.2; wyoming-piper at fd78db7).

One connection for each segment: Piper swallows a second text on one that has streamed. It computes in its event
loop, so while it speaks it answers nobody: then only a dial tells that its machine is there. It answers no `ping`.
What it can say is asked for rarely, and never by speaking: it downloads a voice with its first use.
"""

import asyncio
import math
from collections.abc import Iterator
from typing import Final, Self

from router.domain import Model, ProviderCard, Segment, Utterance, Voice
from router.errors import ConnectionLost, DialTimeout, Malformed, Silent, UpstreamFault
from router.health import HostSign, ProviderSign
from router.ports import Monotonic, Probe
from router.providers.asking import MAX_SPEECH_BYTES
from router.providers.origin import Origin, probe_of
from router.providers.server import Server
from router.speech.checking import longest_s
from router.speech.stretching import Speed, at_speed
from router.transport import Inbox
from router.wyoming import Event, EventReader, encode, messages
from router.wyoming.hearing import Hearing

DESCRIBE_EVERY_S: Final = 30.0  # its voices seldom change, and while it tells them it does nothing else
MAX_DESCRIPTION_EVENTS: Final = 100  # before the one that was asked for
# Dials that a server which is deaf has not taken yet wait in its backlog, of 100 in Python; were it full, the
# machine would look silent.
DEAF_DIALS: Final = 50
DEAF_EVERY_S: Final = 2.0  # between two dials beyond them
LONGEST_NAME: Final = 256
_ODD: Final = 2.0  # times the longest that is plausible are taken, and judged by comparison; more is a bomb


class Wyoming(Server):
    """Implements `ports.SpeechProvider`. `program`: which of its programs speaks; empty: the first."""

    def __init__(self, card: ProviderCard, origin: Origin, clock: Monotonic, *, program: str = "") -> None:
        super().__init__(card, origin)
        self._clock = clock
        self._program = program
        self._known = tuple(Model(name) for name in card.known_models)
        self._asked_as: dict[str, messages.VoiceAsked] = {}
        self._described_at = -math.inf
        self._speaking = 0
        self._unheard_dials = 0  # since it last gave a sign of life
        self._dialled_at = -math.inf

    async def probe(self) -> Probe:
        """`describe` from time to time, else a dial."""
        try:
            if self._speaking or self._clock() - self._described_at < DESCRIBE_EVERY_S:
                if self._may_dial():
                    await self._origin.dial()
                return Probe(HostSign.ANSWERED, ProviderSign.READY)
            return await self._described()
        except UpstreamFault as fault:
            self._described_at = -math.inf  # what comes back may be another
            return probe_of(fault)

    async def touch(self) -> Probe | None:
        """A dial, unless many have not been taken yet."""
        return await super().touch() if self._may_dial() else None

    async def speak(self, segment: Segment, model: str, request_id: str) -> Utterance:
        """See `ports.SpeechProvider.speak`."""
        del model, request_id
        speed = Speed.of(segment.speed)
        most_s = _ODD * longest_s(segment.text, speed.asked)
        self._speaking += 1
        try:
            heard = await self._heard(segment, most_s)
        finally:
            self._speaking -= 1
        pcm = await asyncio.to_thread(_to_pcm, heard, most_s)
        return Utterance(await at_speed(pcm, speed.left))

    async def _heard(self, segment: Segment, most_s: float) -> Hearing:
        """All that it says. Raises UpstreamFault."""
        said = messages.Synthesize(segment.text, self._voice_for(segment))
        hearing, reader = Hearing(most_s, MAX_SPEECH_BYTES), EventReader()
        async with _Line(
            self._origin, self._opening() + encode(messages.written(messages.SYNTHESIZE, said))
        ) as line:
            wait_s, is_whole = self.card.first_byte_s, False
            while not is_whole:
                chunk = await line.read(wait_s)
                self._heard_something()
                wait_s, is_whole = self.card.stall_s, hearing.is_whole_with(reader.feed(chunk))
        return hearing

    def _opening(self) -> bytes:
        """What precedes a request where a program was chosen; older servers take no notice."""
        return encode(Event(messages.SELECT_PROGRAM, {"name": self._program})) if self._program else b""

    def _voice_for(self, segment: Segment) -> messages.VoiceAsked | None:
        if segment.voice is None:
            return messages.VoiceAsked(language=segment.language) if segment.language else None
        if (known := self._asked_as.get(segment.voice)) is not None:
            return known
        name, _, speaker = segment.voice.partition("#")
        return messages.VoiceAsked(name, speaker or None)

    async def _described(self) -> Probe:
        """Raises UpstreamFault; Silent where it is busy speaking, which `origin.probe_of` knows from gone."""
        program = self._chosen(await self._description())
        self._heard_something()
        voices = dict(_voices(program))
        self._asked_as = {voice.id: asked for voice, asked in voices.items()}
        self._described_at = self._clock()
        models = (Model(program.name), *self._known)
        return Probe(HostSign.ANSWERED, ProviderSign.READY, "", models, tuple(voices))

    async def _description(self) -> messages.Description:
        deadline_s, reader, others = self._origin.probe_deadline_s, EventReader(), 0
        line = _Line(self._origin, self._opening() + encode(Event(messages.DESCRIBE)))
        try:
            async with asyncio.timeout(deadline_s), line:
                while others < MAX_DESCRIPTION_EVENTS:
                    for event in reader.feed(await line.read(deadline_s)):
                        if event.type == messages.INFO:
                            return messages.read(event, messages.Description)
                        others += 1
        except TimeoutError as exc:
            if not line.is_dialled:
                raise DialTimeout(f"did not answer within {deadline_s:g} s; is the machine awake?") from exc
            raise Silent(f"no answer within {deadline_s:g} s") from exc
        raise Malformed("does not say what it can do; is it a Wyoming server?")

    def _chosen(self, description: messages.Description) -> messages.Program:
        programs = {program.name: program for program in description.tts}
        if not programs:
            raise Malformed("offers no text-to-speech")
        if not self._program:
            return description.tts[0]
        if self._program not in programs:
            raise Malformed(f"has no program called {self._program!r}; it has: {', '.join(programs)[:200]}")
        return programs[self._program]

    def _heard_something(self) -> None:
        self._unheard_dials = 0

    def _may_dial(self) -> bool:
        now = self._clock()
        if self._unheard_dials >= DEAF_DIALS and now - self._dialled_at < DEAF_EVERY_S:
            return False
        self._unheard_dials += self._speaking > 0
        self._dialled_at = now
        return True


class _Line:
    """One connection and what was said on it first. Closed with the block, at once."""

    def __init__(self, origin: Origin, opening: bytes) -> None:
        self._origin = origin
        self._opening = opening
        self._inbox = Inbox()
        self.is_dialled = False

    async def __aenter__(self) -> Self:
        self._inbox.attach(await self._origin.post("", (), self._opening, self._inbox))
        self.is_dialled = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._inbox.close()

    async def read(self, deadline_s: float) -> bytes:
        """What has come. Raises UpstreamFault; ConnectionLost at the end, for nothing ends with the connection."""
        chunk = await self._inbox.read(deadline_s)
        if not chunk:
            raise ConnectionLost("hung up before it had finished", had_bytes=True)
        return chunk


def _voices(program: messages.Program) -> Iterator[tuple[Voice, messages.VoiceAsked]]:
    """Each voice, and each speaker of it as a voice of its own."""
    for each in program.voices:
        speakers = each.speakers or ()
        named = [(each.name, messages.VoiceAsked(each.name))]
        if len(speakers) > 1:
            named += [(f"{each.name}#{s.name}", messages.VoiceAsked(each.name, s.name)) for s in speakers]
        languages = [each.languages] if isinstance(each.languages, str) else each.languages
        language = languages[0].replace("_", "-") if languages else None
        for voice_id, asked in named if each.installed else ():
            if 0 < len(voice_id) <= LONGEST_NAME and voice_id.isprintable():
                yield Voice(voice_id, voice_id, language or None), asked


def _to_pcm(heard: Hearing, most_s: float) -> bytes:
    from router.speech.decoding import samples_to_pcm  # PyAV, 17 MB: not where nobody speaks

    said = heard.format
    return samples_to_pcm(heard.audio, said.rate, said.width, said.channels, most_s)
