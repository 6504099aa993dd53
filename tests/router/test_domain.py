"""The words of the house."""

import pytest
from fakes import pcm

from router.domain import ENDPOINT_PATHS, AudioFormat, Endpoint, Modality, Utterance


def test_every_endpoint_has_a_path_of_its_own() -> None:
    """Below a provider's base URL."""
    assert (set(Endpoint), len(Endpoint)) == (set(ENDPOINT_PATHS), len(set(ENDPOINT_PATHS.values())))


@pytest.mark.parametrize("endpoint", list(Endpoint))
def test_only_speech_is_speech(endpoint: Endpoint) -> None:
    """Everything else is routed like chat."""
    expected = Modality.SPEECH if endpoint is Endpoint.SPEECH else Modality.CHAT
    assert expected is endpoint.modality


def test_every_format_has_a_media_type_of_its_own() -> None:
    """LiteLLM labelled all of them audio/mpeg."""
    assert len(AudioFormat) == len({audio_format.media_type for audio_format in AudioFormat})


@pytest.mark.parametrize("seconds", [0.0, 0.5, 2.0])
def test_an_utterances_length(seconds: float) -> None:
    """From its samples."""
    assert seconds == Utterance(pcm(seconds)).duration_s
