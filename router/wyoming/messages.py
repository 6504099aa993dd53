"""What the events say that a voice service and its clients send each other, typed.

Field names are the wire's (`wyoming` 1.10.2: `tts.py`, `audio.py`, `info.py`, `error.py`). What is read may lack
all that nobody here needs; what is written has every field that the library's parser asks for.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final, TypeVar

import msgspec

from router.errors import Malformed
from router.wyoming.event import Event

DESCRIBE: Final = "describe"
INFO: Final = "info"
SELECT_PROGRAM: Final = "select-program"
SYNTHESIZE: Final = "synthesize"
SYNTHESIZE_START: Final = "synthesize-start"
SYNTHESIZE_CHUNK: Final = "synthesize-chunk"
SYNTHESIZE_STOP: Final = "synthesize-stop"
SYNTHESIZE_STOPPED: Final = "synthesize-stopped"
AUDIO_START: Final = "audio-start"
AUDIO_CHUNK: Final = "audio-chunk"
AUDIO_STOP: Final = "audio-stop"
ERROR: Final = "error"
PING: Final = "ping"
PONG: Final = "pong"
T = TypeVar("T")


class VoiceAsked(msgspec.Struct, frozen=True, omit_defaults=True):
    """A voice by its name, or any that speaks `language`."""

    name: str | None = None
    speaker: str | None = None
    language: str | None = None


class Synthesize(msgspec.Struct, frozen=True, omit_defaults=True):
    """`synthesize`; and `synthesize-start`, which has no text yet."""

    text: str = ""
    voice: VoiceAsked | None = None
    text_format: str | None = None


class Given(msgspec.Struct, frozen=True):
    """`synthesize-chunk`: so much more of a text that is still being written."""

    text: str


class Alarm(msgspec.Struct, frozen=True, omit_defaults=True):
    """`error`: what went wrong."""

    text: str = ""
    code: str | None = None


class AudioFormat(msgspec.Struct, frozen=True):
    """Of PCM, little-endian, interleaved. `rate` in Hz, `width` in bytes of a sample: 1 is unsigned, the others
    are signed."""

    rate: int
    width: int
    channels: int
    timestamp: int | None = None

    SANE_RATES: ClassVar = range(4000, 192_001)

    @property
    def bytes_per_s(self) -> int:
        return self.rate * self.width * self.channels

    def check(self) -> None:
        """Raise Malformed for what no voice service speaks in."""
        if self.rate not in self.SANE_RATES or self.width not in {1, 2, 3, 4} or self.channels not in range(1, 9):
            raise Malformed(f"speaks with {self.rate} Hz, {self.width} bytes a sample, {self.channels} channels")


class Attribution(msgspec.Struct, frozen=True):
    """Whose it is."""

    name: str
    url: str = ""


class Speaker(msgspec.Struct, frozen=True):
    """One of a voice's."""

    name: str


class Voice(msgspec.Struct, frozen=True):
    """Somebody a program can speak as. `languages` may come as one word, though it should be a list."""

    name: str
    attribution: Attribution = Attribution("")
    installed: bool = True
    description: str | None = None
    version: str | None = None
    languages: Sequence[str] | str = ()
    speakers: Sequence[Speaker] | None = None


class Program(msgspec.Struct, frozen=True):
    """A voice service."""

    name: str
    attribution: Attribution = Attribution("")
    installed: bool = True
    description: str | None = None
    version: str | None = None
    voices: Sequence[Voice] = ()
    supports_synthesize_streaming: bool = False


class Description(msgspec.Struct, frozen=True):
    """`info`, as far as it is about speech."""

    tts: Sequence[Program] = ()


def read(event: Event, kind: type[T]) -> T:
    """The event's data. Raises Malformed."""
    try:
        return msgspec.convert(event.data, kind)
    except msgspec.ValidationError as exc:
        raise Malformed(f"sent {event.type[:100]!r} that is none: {exc}") from exc


def written(kind: str, said: msgspec.Struct | None = None, payload: bytes = b"") -> Event:
    """An event that says so."""
    data: dict[str, Any] = msgspec.to_builtins(said) if said is not None else {}
    return Event(kind, data, payload)
