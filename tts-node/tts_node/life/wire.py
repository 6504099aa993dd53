"""Frames between the node and its child process: pure, no I/O.

A frame is a big-endian u32 length and that many bytes of MessagePack: one of the tagged structs below.
Anything else on the pipe (a library that prints, a half-written frame) is a `WireError`, and the reader
gives the process up: there is no way back into step.
"""

import struct
from collections.abc import Iterator
from enum import StrEnum

import msgspec

from tts_node.domain import Clip, EngineConfig, Job, Memory

MAX_FRAME_BYTES = 16 * 1024 * 1024
_LENGTH = struct.Struct(">I")


class WireError(Exception):
    """The bytes on the pipe are not frames."""


class Message(msgspec.Struct, frozen=True, tag_field="kind"):
    """One frame's content."""


# node → child


class Load(Message, frozen=True, tag="load"):
    """First frame: which engine to be. `factory` is "module:callable", called with the configuration."""

    factory: str
    config: EngineConfig
    rtf: float = 0.0
    first_s: float = 0.0
    load_s: float = 0.0


class Speak(Message, frozen=True, tag="speak"):
    """Speak this; the node sends the next one only after the end of the last."""

    job: Job


class Prepare(Message, frozen=True, tag="prepare"):
    """Get ready to speak with this voice. Takes a turn like a job, and ends with Done or Failed."""

    job_id: int
    clip: Clip


class Cancel(Message, frozen=True, tag="cancel"):
    """The listener left. Answered by `Done` like any other end."""

    job_id: int


# child → node


class Ready(Message, frozen=True, tag="ready"):
    """The model is loaded."""

    load_s: float
    memory: Memory | None = None


class LoadFailed(Message, frozen=True, tag="load_failed"):
    """The model is not loaded; the child ends."""

    message: str
    is_out_of_memory: bool = False


class Audio(Message, frozen=True, tag="audio"):
    """24 kHz s16le mono."""

    job_id: int
    pcm: bytes


class Progress(Message, frozen=True, tag="progress"):
    """Still working: feeds the watchdog."""


class Done(Message, frozen=True, tag="done"):
    """The utterance is complete, or was cancelled."""

    job_id: int
    generation_s: float
    memory: Memory | None = None
    notes: tuple[str, ...] = ()


class Fault(StrEnum):
    """Whose fault a failure is, as the child sees it."""

    ENGINE = "engine"  # it raised, and takes the next job
    REQUEST = "request"  # it would refuse the same job again
    VOICE = "voice"  # the recording that it was told to speak with is gone
    MEMORY = "memory"  # the device is full or broken: this process is not to be trusted with another job


class Failed(Message, frozen=True, tag="failed"):
    """The engine raised, and lives."""

    job_id: int
    message: str
    fault: Fault = Fault.ENGINE
    param: str | None = None  # the request's field that is to blame


AnyMessage = Load | Speak | Prepare | Cancel | Ready | LoadFailed | Audio | Progress | Done | Failed
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyMessage] = msgspec.msgpack.Decoder(AnyMessage)


def encode(message: AnyMessage) -> bytes:
    """One frame."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Turns bytes, cut anywhere, into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def is_between_frames(self) -> bool:
        """Whether the end of the pipe would be a clean one here."""
        return not self._buffer

    def feed(self, data: bytes) -> Iterator[AnyMessage]:
        """The messages that `data` completes; raises WireError on anything that is no frame."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MAX_FRAME_BYTES:
                raise WireError(f"a frame of {length} bytes is announced, more than {MAX_FRAME_BYTES}")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            try:
                yield _decoder.decode(body)
            except msgspec.MsgspecError as exc:
                raise WireError(f"a frame of {length} bytes is not a message: {exc}") from exc
