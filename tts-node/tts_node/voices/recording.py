"""A recording, from the bytes somebody sent to a clip an engine can listen to, and what was measured on the way.

Runs in a short-lived process of its own (`clip_process.py`): FFmpeg's parsers are native code that reads what
strangers send. PyAV's filters do all of the sound; this module only joins them.
"""

import io
import itertools
import math
import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import msgspec
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from tts_node.domain import BYTES_PER_SAMPLE, SAMPLE_RATE, audio_duration_s
from tts_node.sound.audio import graph_of, passed, pcm_of

MAX_HEARD_S = 60.0  # no engine listens to more; nothing is decoded beyond it
TARGET_LUFS = -23.0  # EBU R 128
_PEAK_DB = -1.0  # after the gain, at most
_MOMENT_S = 0.03  # the shortest gap between two sounds that noise is heard in
_SILENT_DB = -120.0  # stands for minus infinity
_RATES = range(4_000, 384_001)
_MAX_BROKEN_PACKETS = 50
_MAX_STREAMS = 32

# Containers that people's recorders write. A list of what is let in, because FFmpeg also "reads" play lists
# (hls, concat, dash, sdp) that name other files and addresses of this machine for it to open.
_CONTAINERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,eac3,flac,flv,iff,matroska,webm,mov,mp4,m4a,3gp,3g2,mp3,"
    "mpc,mpc8,mpeg,mpegts,nut,ogg,rm,spx,tta,voc,w64,wav,wv"
)
_OPEN = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "none", "max_streams": str(_MAX_STREAMS)}


class Unreadable(Exception):
    """No sound can be had from these bytes. The message says why, for a person."""


class Measures(msgspec.Struct, frozen=True):
    """What a recording is like, told by FFmpeg's astats, ebur128 and silenceremove."""

    heard_s: float  # decoded: at most MAX_HEARD_S
    is_cut: bool  # it goes on beyond that
    speech_s: float  # what is left without silence at its ends and long pauses
    loudness_lufs: float  # integrated, EBU R 128; -70 for silence
    clipped_share: float  # of the samples
    snr_db: float  # how far its quietest moment lies below its mean; an estimate

    @property
    def silence_share(self) -> float:
        """Of what was heard."""
        return max(0.0, 1 - self.speech_s / self.heard_s) if self.heard_s else 1.0


class Recording(msgspec.Struct, frozen=True):
    """A recording made usable: 24 kHz s16le mono at one loudness."""

    measures: Measures
    pcm: bytes


@dataclass(frozen=True, slots=True)
class _Sound:
    """Mono float frames at the recording's own rate."""

    frames: list[AudioFrame]
    rate: int
    is_cut: bool

    @property
    def duration_s(self) -> float:
        return sum(frame.samples for frame in self.frames) / self.rate


def wav_of(pcm: bytes) -> bytes:
    """A WAV file of the node's PCM."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(BYTES_PER_SAMPLE)
        writer.setframerate(SAMPLE_RATE)
        writer.writeframes(pcm)
    return file.getvalue()


def read_recording(data: bytes) -> Recording:
    """The same bytes give the same result. Raises Unreadable."""
    try:
        sound = _decode(data)
        stats = _stats(sound)
        pcm = _normalise(sound, stats)
    except (av.FFmpegError, ValueError, OverflowError, MemoryError) as exc:
        raise Unreadable(f"FFmpeg cannot read it as sound ({type(exc).__name__}).") from exc
    measures = Measures(
        heard_s=sound.duration_s,
        is_cut=sound.is_cut,
        speech_s=audio_duration_s(len(pcm)),
        loudness_lufs=stats.loudness_lufs,
        clipped_share=stats.clipped_share,
        snr_db=stats.rms_db - stats.trough_db,
    )
    return Recording(measures, pcm)


# decoding


def _decode(data: bytes) -> _Sound:
    with av.open(io.BytesIO(data), "r", container_options=_OPEN) as container:
        # A stream in a codec that FFmpeg has not got is there, and has no context.
        stream = next((each for each in container.streams.audio if getattr(each, "codec_context", None)), None)
        if stream is None:
            raise Unreadable("There is no sound in this file, or none in a codec that is known here.")
        rate = stream.rate
        if rate not in _RATES:
            raise Unreadable(f"Its sample rate is {rate} Hz.")
        stream.codec_context.thread_type = "NONE"  # frames in order from this thread: memory stays small
        mono = av.AudioResampler(format="flt", layout="mono", rate=rate)
        frames, heard = [], 0
        for frame in itertools.chain(_frames(container.demux(stream), stream), (None,)):
            for shaped in mono.resample(frame):
                shaped.pts = heard
                shaped.time_base = Fraction(1, rate)
                heard += shaped.samples
                frames.append(shaped)
            if heard >= MAX_HEARD_S * rate:
                return _Sound(frames, rate, is_cut=frame is not None)
    if not heard:
        raise Unreadable("There is no sound in this file.")
    return _Sound(frames, rate, is_cut=False)


def _frames(packets: "Iterable[av.Packet[AudioStream]]", stream: AudioStream) -> Iterator[AudioFrame]:
    """Until the file ends, changes its shape, or is too broken; a few broken packets are passed over."""
    shape, broken = None, 0
    try:
        for packet in packets:
            try:
                decoded = packet.decode()
            except av.FFmpegError:
                broken += 1
                if broken > _MAX_BROKEN_PACKETS:
                    return
                continue
            for frame in decoded:
                shape = shape or (frame.sample_rate, frame.format.name, frame.layout.name)
                if frame.sample_rate != stream.rate or shape != (
                    frame.sample_rate,
                    frame.format.name,
                    frame.layout.name,
                ):
                    return
                yield frame
    except av.FFmpegError:  # the file ends in the middle: what was heard before counts
        return


# measuring and shaping


@dataclass(frozen=True, slots=True)
class _Stats:
    peak_db: float
    rms_db: float
    trough_db: float
    loudness_lufs: float
    clipped_share: float


def _stats(sound: _Sound) -> _Stats:
    said: dict[str, str] = {}
    for frame in _filtered(
        sound, ("astats", f"metadata=1:reset=0:length={_MOMENT_S}"), ("ebur128", "metadata=1:framelog=quiet")
    ):
        said |= frame.metadata  # both filters sum up; the last one says it all
    is_flat = _said(said, "lavfi.astats.Overall.Flat_factor") > 0
    samples = _said(said, "lavfi.astats.Overall.Number_of_samples")
    return _Stats(
        peak_db=_said(said, "lavfi.astats.Overall.Peak_level"),
        rms_db=_said(said, "lavfi.astats.Overall.RMS_level"),
        trough_db=_said(said, "lavfi.astats.Overall.RMS_trough"),
        loudness_lufs=_said(said, "lavfi.r128.I", -70.0),
        clipped_share=_said(said, "lavfi.astats.Overall.Peak_count") / samples if is_flat and samples > 0 else 0.0,
    )


def _said(said: dict[str, str], key: str, otherwise: float = 0.0) -> float:
    value = float(said.get(key, otherwise))
    return max(value, _SILENT_DB) if math.isfinite(value) else _SILENT_DB


def _normalise(sound: _Sound, stats: _Stats) -> bytes:
    """At the target's loudness, without silence at both ends, long pauses cut to two thirds of a second."""
    gain_db = min(TARGET_LUFS - stats.loudness_lufs, _PEAK_DB - stats.peak_db)
    # Silence is what lies well below speech, and yet above the noise that this recording has.
    silence_db = min(-35.0, max(-50.0, TARGET_LUFS - 0.7 * (stats.rms_db - stats.trough_db)))
    ends = f"start_periods=1:start_silence=0.1:start_threshold={silence_db:.1f}dB"
    pauses = f"stop_periods=-1:stop_duration=0.5:stop_silence=0.2:stop_threshold={silence_db:.1f}dB"
    return pcm_of(
        _filtered(
            sound,
            ("aresample", str(SAMPLE_RATE)),
            ("volume", f"{gain_db:.3f}dB:precision=float"),
            ("silenceremove", f"{ends}:{pauses}"),
            ("aformat", f"sample_fmts=s16:sample_rates={SAMPLE_RATE}:channel_layouts=mono"),
        )
    )


def _filtered(sound: _Sound, *chain: tuple[str, str]) -> Iterator[AudioFrame]:
    return passed(graph_of(sound.rate, *chain, sample_format="flt"), sound.frames)
