"""Bytes to a clip: formats, loudness, silence, length; and everything that is no recording."""

import gzip
import io
import random
import struct
import zipfile

import pytest

import recordings
import sound
from recordings import RATE, speech, wav
from tts_node.voices.recording import MAX_HEARD_S, Unreadable, read_recording


@pytest.mark.parametrize(
    ("container", "codec", "sample_format", "rate"),
    [
        ("mp3", "libmp3lame", "s16p", 24_000),
        ("ogg", "libopus", "s16", 48_000),
        ("flac", "flac", "s16", 44_100),
        ("adts", "aac", "fltp", 44_100),
        ("ipod", "aac", "fltp", 16_000),
        ("aiff", "pcm_s16be", "s16", 8_000),
        ("webm", "libopus", "s16", 48_000),
    ],
)
def test_formats_are_read(container: str, codec: str, sample_format: str, rate: int) -> None:
    """What recorders write becomes 24 kHz mono of the same length and loudness."""
    measures = read_recording(recordings.encoded(speech(), container, codec, sample_format, rate)).measures
    assert 8.0 == pytest.approx(measures.heard_s, abs=0.2)
    assert -19 == pytest.approx(measures.loudness_lufs, abs=3)


def test_loudness_is_brought_to_one_target() -> None:
    """A soft and a loud speaker come out alike."""
    soft, loud = (sound.of_pcm(read_recording(wav(speech(gain=gain))).pcm).loudness for gain in (0.05, 1.0))
    assert 1.0 == pytest.approx(soft / loud, abs=0.03)


def test_silence_is_cut_out() -> None:
    """At both ends, and long pauses; the rest stays."""
    still = bytes(RATE * 2 * 3)
    measures = read_recording(wav(still + speech(4) + still + speech(4) + still)).measures
    assert 17.0 == pytest.approx(measures.heard_s, abs=0.01)
    assert 8.5 == pytest.approx(measures.speech_s, abs=0.5)
    assert 0.5 == pytest.approx(measures.silence_share, abs=0.05)


def test_the_same_bytes_give_the_same_clip() -> None:
    """Nothing is random: a clip is the same on every node."""
    data = wav(speech(noise=0.01))
    assert read_recording(data) == read_recording(data)


def test_two_channels_become_one() -> None:
    """A stereo recording sounds as loud as its channels."""
    mono = speech()
    pairs = struct.iter_unpack("<h", mono)
    stereo = b"".join(struct.pack("<hh", value, value) for (value,) in pairs)
    one, two = (read_recording(data).measures for data in (wav(mono), wav(stereo, channels=2)))
    assert one.heard_s == two.heard_s
    assert one.snr_db == pytest.approx(two.snr_db, abs=1)


def test_clipping_is_measured() -> None:
    """An overdriven recording has its share of flat tops; a clean one has none."""
    assert 0.0 == read_recording(wav(speech())).measures.clipped_share
    assert 0.1 < read_recording(wav(speech(gain=8))).measures.clipped_share


@pytest.mark.parametrize(("noise", "low_db", "high_db"), [(0.0, 40, 130), (0.01, 18, 30), (0.1, 0, 9)])
def test_noise_is_measured(noise: float, low_db: float, high_db: float) -> None:
    """The estimate falls as the noise rises."""
    assert low_db <= read_recording(wav(speech(noise=noise))).measures.snr_db <= high_db


def test_decoding_stops_after_a_minute() -> None:
    """An hour of silence is a small FLAC file: no more than a minute of it is unpacked."""
    hour = recordings.encoded(bytes(RATE * 2 * 3600), "flac", "flac")
    assert len(hour) < 1_000_000
    measures = read_recording(hour).measures
    assert measures.is_cut
    assert measures.heard_s == pytest.approx(MAX_HEARD_S, abs=1)
    assert 0.0 == measures.speech_s


def test_a_file_that_ends_in_the_middle_counts_as_far_as_it_goes() -> None:
    """A truncated MP3 is a shorter recording."""
    whole = recordings.encoded(speech(), "mp3", "libmp3lame", "s16p")
    assert 4.0 == pytest.approx(read_recording(whole[: len(whole) // 2]).measures.heard_s, abs=0.3)


def test_a_header_that_lies_is_not_believed() -> None:
    """4 GB are announced, 8 s are there."""
    assert 8.0 == read_recording(recordings.lying_wav(speech())).measures.heard_s


def test_pictures_are_passed_over() -> None:
    """A film's sound is a recording too."""
    assert 8.0 == pytest.approx(read_recording(recordings.film()).measures.heard_s, abs=0.05)


def test_of_many_streams_the_first_is_heard() -> None:
    """Sixty tracks cost no more than one."""
    assert 0.1 == pytest.approx(read_recording(recordings.crowd(60)).measures.heard_s, abs=0.01)


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("voice.wav", bytes(5_000_000))
    return file.getvalue()


NOT_SOUND = {
    "nothing": b"",
    "text": b"Good evening, this is no sound at all.\n" * 50,
    "zip": _zip(),
    "gzip": gzip.compress(bytes(5_000_000)),
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89",
    "random": random.Random(1).randbytes(100_000),
    "a WAV header alone": wav(b""),
    "half a WAV header": wav(speech(1))[:20],
    "a play list": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
    "a list of files": b"ffconcat version 1.0\nfile '/etc/hostname'\n",
    "a session description": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 0\r\n",
    "an unknown codec": wav(speech(1))[:20] + b"\x99\x99" + wav(speech(1))[22:],
    "an absurd rate": wav(speech(1), rate=1),
}


@pytest.mark.parametrize("data", NOT_SOUND.values(), ids=NOT_SOUND.keys())
def test_what_is_no_recording_is_refused(data: bytes) -> None:
    """Cleanly, whatever it is."""
    with pytest.raises(Unreadable):
        read_recording(data)
