"""How speech sounds to the client: its pace, pitch and loudness, after the engine and before the encoder.

ffmpeg's filters do the work, incrementally. What leaves lasts exactly as long as what came, divided by the
tempo: the filters keep their last window back, so silence is pushed after the end and the rest cut off.
"""

from dataclasses import dataclass

from tts_node.domain import BYTES_PER_SAMPLE, SAMPLE_RATE, SpeechRequest, audio_duration_s
from tts_node.sound.audio import frame_of, graph_of, pcm_of, pulled
from tts_node.sound.encoding import Encoder, encoder_for

_FLUSH_SAMPLES = SAMPLE_RATE // 2
_TEMPOS = (0.5, 2.0)  # beyond, one atempo skips samples instead of blending them: more are chained
# Loud passages are turned down before they would clip: no auto-gain, no delay.
_LIMITER = "limit=0.97:attack=5:release=50:level=disabled:latency=1"
_SHAPE = f"sample_fmts=s16:sample_rates={SAMPLE_RATE}:channel_layouts=mono"


@dataclass(frozen=True, slots=True)
class Tuning:
    """Factors; 1.0 changes nothing."""

    tempo: float = 1.0
    pitch: float = 1.0
    volume: float = 1.0

    @property
    def is_on(self) -> bool:
        """Whether anything is changed."""
        return (self.tempo, self.pitch, self.volume) != (1.0, 1.0, 1.0)

    @property
    def filters(self) -> list[tuple[str, str]]:
        """ffmpeg's chain. A higher pitch is a faster tape, slowed down again at its new pitch."""
        chain: list[tuple[str, str]] = []
        if self.pitch != 1.0:
            chain += [("asetrate", str(round(SAMPLE_RATE * self.pitch))), ("aresample", str(SAMPLE_RATE))]
        chain += [("atempo", f"{factor:.8f}") for factor in tempo_factors(self.tempo / self.pitch)]
        if self.volume != 1.0:
            chain.append(("volume", f"{self.volume:.6f}:precision=double"))
        if self.volume > 1.0:
            chain.append(("alimiter", _LIMITER))
        return [*chain, ("aformat", _SHAPE)]


def tuning_of(request: SpeechRequest, *, has_speed: bool) -> Tuning:
    """What is left to do after an engine that has its own speed, or has not."""
    return Tuning(1.0 if has_speed else request.speed, request.pitch, request.volume)


def tempo_factors(tempo: float) -> list[float]:
    """Equal factors whose product is the tempo, each within what one filter does well."""
    low, high = _TEMPOS
    count = 1
    while not low <= tempo ** (1 / count) <= high:
        count += 1
    return [] if tempo == 1.0 else [tempo ** (1 / count)] * count


class Tuner:
    """One utterance's filters: 24 kHz s16le mono in and out."""

    def __init__(self, tuning: Tuning) -> None:
        self._tempo = tuning.tempo
        self._position = 0
        self._given = 0
        self._graph = graph_of(SAMPLE_RATE, *tuning.filters)

    def feed(self, pcm: bytes) -> bytes:
        """What can be said now about these samples."""
        return self._counted(self._passed(pcm)) if pcm else b""

    def flush(self) -> bytes:
        """The rest, to the sample."""
        left = round(self._position / self._tempo) - self._given
        if not self._position:
            return b""
        rest = bytearray()
        while len(rest) < left * BYTES_PER_SAMPLE:
            rest += self._passed(bytes(_FLUSH_SAMPLES * BYTES_PER_SAMPLE))
        return self._counted(bytes(rest[: max(0, left) * BYTES_PER_SAMPLE]))

    def _passed(self, pcm: bytes) -> bytes:
        frame = frame_of(pcm, SAMPLE_RATE, self._position)
        self._position += frame.samples
        self._graph.push(frame)
        return pcm_of(pulled(self._graph))

    def _counted(self, pcm: bytes) -> bytes:
        self._given += len(pcm) // BYTES_PER_SAMPLE
        return pcm


class Rendering:
    """One reply's way from the engine's samples to the client's bytes; knows how long the client hears."""

    def __init__(self, tuning: Tuning, encoder: Encoder) -> None:
        self._tuner = Tuner(tuning) if tuning.is_on else None
        self._encoder = encoder
        self._heard_bytes = 0

    @property
    def is_slow(self) -> bool:
        """Whether it does enough work to be kept off the event loop."""
        return self._tuner is not None or self._encoder.is_slow

    @property
    def heard_s(self) -> float:
        """What the client hears, so far: counted in samples, after tempo, before any encoder's padding."""
        return audio_duration_s(self._heard_bytes)

    def feed(self, pcm: bytes) -> bytes:
        """What can be sent now."""
        return self._encoded(self._tuner.feed(pcm) if self._tuner else pcm)

    def finish(self) -> bytes:
        """The rest. For a complete reply: all of it."""
        rest = self._encoded(self._tuner.flush()) if self._tuner else b""
        return rest + self._encoder.finish()

    def close(self) -> None:
        """Frees what it holds. Idempotent."""
        self._encoder.close()

    def _encoded(self, pcm: bytes) -> bytes:
        self._heard_bytes += len(pcm)
        return self._encoder.feed(pcm)


def rendering_of(request: SpeechRequest, *, has_speed: bool, is_whole: bool) -> Rendering:
    """For one reply; `is_whole` when nothing is sent before its end."""
    tuning = tuning_of(request, has_speed=has_speed)
    return Rendering(tuning, encoder_for(request.format, request.layout, is_whole=is_whole))
