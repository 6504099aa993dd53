"""The words of the house."""

import pytest
from fakes import pcm

from router.domain import ENDPOINT_PATHS, AudioFormat, Codec, Endpoint, Modality, Rendition, Utterance


def test_every_endpoint_has_a_path_of_its_own() -> None:
    """Below a provider's base URL; those of clients only have none."""
    upstream = set(Endpoint) - {Endpoint.TELEPHONE, Endpoint.SPEECH_SOCKET, Endpoint.SPEECH_HLS}
    assert (upstream, len(upstream)) == (set(ENDPOINT_PATHS), len(set(ENDPOINT_PATHS.values())))


@pytest.mark.parametrize("endpoint", list(Endpoint))
def test_what_an_endpoint_is_about(endpoint: Endpoint) -> None:
    """What is neither speech nor transcription is routed like chat."""
    others = {
        Endpoint.SPEECH: Modality.SPEECH,
        Endpoint.SPEECH_SOCKET: Modality.SPEECH,
        Endpoint.SPEECH_HLS: Modality.SPEECH,
        Endpoint.TRANSCRIPTIONS: Modality.TRANSCRIPTION,
        Endpoint.TRANSLATIONS: Modality.TRANSCRIPTION,
    }
    assert others.get(endpoint, Modality.CHAT) is endpoint.modality


def test_every_format_has_a_media_type_of_its_own() -> None:
    """LiteLLM labelled all of them audio/mpeg."""
    assert len(AudioFormat) == len({audio_format.media_type for audio_format in AudioFormat})


@pytest.mark.parametrize("seconds", [0.0, 0.5, 2.0])
def test_an_utterances_length(seconds: float) -> None:
    """From its samples."""
    assert seconds == Utterance(pcm(seconds)).duration_s


@pytest.mark.parametrize("audio_format", list(AudioFormat))
def test_the_usual_rendition_has_its_formats_media_type(audio_format: AudioFormat) -> None:
    """What OpenAI's clients get."""
    assert audio_format.media_type == Rendition(audio_format).media_type


@pytest.mark.parametrize(
    ("rendition", "expected"),
    [
        (Rendition(AudioFormat.PCM, 8_000, codec=Codec.MULAW), "audio/basic"),
        (Rendition(AudioFormat.PCM, 8_000, codec=Codec.ALAW), "audio/x-alaw-basic"),
        (Rendition(AudioFormat.PCM, 8_000, 2, codec=Codec.MULAW), "audio/PCMU;rate=8000;channels=2"),
        (Rendition(AudioFormat.PCM, 16_000, codec=Codec.ALAW), "audio/PCMA;rate=16000;channels=1"),
        (Rendition(AudioFormat.PCM, 44_100), "audio/pcm;rate=44100;channels=1"),
        (Rendition(AudioFormat.PCM, codec=Codec.S24LE), "audio/pcm;rate=24000;channels=1;bits=24"),
        (Rendition(AudioFormat.WAV, 8_000, codec=Codec.MULAW), "audio/wav"),
        (Rendition(AudioFormat.MP3, 44_100, bit_rate=128_000), "audio/mpeg"),
        (Rendition(AudioFormat.OPUS, 48_000), "audio/ogg"),
    ],
)
def test_raw_samples_say_what_they_are(rendition: Rendition, expected: str) -> None:
    """Nothing in them does."""
    assert expected == rendition.media_type
