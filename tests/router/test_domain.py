"""The words of the house."""

import pytest
from fakes import pcm

from router.domain import ENDPOINT_PATHS, AudioFormat, Endpoint, Modality, Utterance


def test_every_endpoint_has_a_path_of_its_own() -> None:
    """Below a provider's base URL."""
    assert (set(Endpoint) - {Endpoint.TELEPHONE}, len(Endpoint) - 1) == (
        set(ENDPOINT_PATHS),
        len(set(ENDPOINT_PATHS.values())),
    )


@pytest.mark.parametrize("endpoint", list(Endpoint))
def test_what_an_endpoint_is_about(endpoint: Endpoint) -> None:
    """What is neither speech nor transcription is routed like chat."""
    others = {
        Endpoint.SPEECH: Modality.SPEECH,
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
