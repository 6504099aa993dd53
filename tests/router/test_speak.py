"""Speech that goes well: type, bytes and headers of an answer, its events, its figures."""

import base64
import json

import pytest
from fakes import FakeSpeech, speech_card
from houses import FakeHouse
from running import run
from speaking import GOOD, SECOND, node_of, two_nodes

from router.domain import Segment, Utterance

SEGMENT = {
    "index": 0,
    "provider": "gpu",
    "engine": "chatterbox-turbo",
    "audio_duration": 1.0,
    "generation_time": 0.25,
    "characters": 12,
    "cached": False,
}


def test_an_answer_tells_what_it_is() -> None:
    """Audio, its length, how long it took, who spoke."""
    house = two_nodes(GOOD)
    answer = run(house.say(b'{"input":"Hello there.","response_format":"pcm"}'))
    assert (200, SECOND, "audio/pcm", str(len(SECOND))) == (
        answer.status,
        answer.body,
        answer.get("content-type"),
        answer.get("content-length"),
    )
    expected = {
        "x-audio-duration": "1.000",
        "x-generation-time": "0.250",
        "x-router-cache": "bypass",
        "x-tts-engine": "chatterbox-turbo",
        "x-tts-voice": "fable",
        "x-router-provider": "gpu",
        "x-router-model": "turbo",
        "x-router-attempts": "1",
        "x-router-substitution": None,
    }
    assert expected == {name: answer.get(name) for name in expected}


@pytest.mark.parametrize(
    ("name", "media_type", "magic"),
    [
        ("mp3", "audio/mpeg", b"\xff"),
        ("opus", "audio/ogg", b"OggS"),
        ("aac", "audio/aac", b"\xff"),
        ("flac", "audio/flac", b"fLaC"),
        ("wav", "audio/wav", b"RIFF"),
        ("pcm", "audio/pcm", SECOND[:8]),
    ],
)
def test_every_format_has_its_type_and_bytes(name: str, media_type: str, magic: bytes) -> None:
    """The label is that of what is inside."""
    answer = run(two_nodes(GOOD).say(json.dumps({"input": "Hello there.", "response_format": name}).encode()))
    assert (media_type, True) == (answer.get("content-type"), answer.body.startswith(magic))


def test_the_provider_gets_the_segment_as_asked() -> None:
    """Text, voice, speed, language, seed, instructions and options."""
    house = two_nodes(GOOD)
    body = {
        "input": "Hello there.",
        "voice": "nova",
        "speed": 1.5,
        "language": "en",
        "seed": 7,
        "instructions": "calm",
        "exaggeration": 0.3,
    }
    run(house.say(json.dumps(body).encode(), (b"x-request-id", b"id-1")))
    expected = Segment("Hello there.", "nova", 1.5, "en", 7, "calm", {"exaggeration": 0.3}, is_seed_given=True)
    assert [(expected, "turbo", "id-1")] == node_of(house, "gpu").heard


def test_without_a_figure_of_the_providers_the_clock_counts() -> None:
    """Generation time is derived, never guessed."""
    house = FakeHouse()

    def slowly(_: Segment) -> Utterance:
        house.clock.advance(1.5)
        return Utterance(SECOND)

    house.__init__(FakeSpeech(speech_card("gpu"), slowly))  # type: ignore[misc]
    house.report("gpu", "turbo")
    answer = run(house.say())
    assert ("1.500", "turbo", "alloy") == tuple(
        answer.get(name) for name in ("x-generation-time", "x-tts-engine", "x-tts-voice")
    )


def test_events_carry_the_audio_and_its_figures() -> None:
    """OpenAI's speech events; both headers stand in the last one as well."""
    answer = run(two_nodes(GOOD).say(b'{"input":"Hello there.","response_format":"pcm","stream_format":"sse"}'))
    events = [json.loads(event.removeprefix(b"data: ")) for event in answer.body.split(b"\n\n")[:-1]]
    *deltas, done = events
    assert {"speech.audio.delta"} == {event["type"] for event in deltas}
    assert SECOND == b"".join(base64.b64decode(event["audio"]) for event in deltas)
    assert {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 3, "output_tokens": 25, "total_tokens": 28},
        "audio_duration": 1.0,
        "generation_time": 0.25,
        "substitution": None,
        "segments": [SEGMENT],
    } == done
    assert ("text/event-stream; charset=utf-8", "1.000", True) == (
        answer.get("content-type"),
        answer.get("x-audio-duration"),
        answer.is_complete,
    )


def test_what_became_of_an_answer_is_known_to_its_client_for_an_hour() -> None:
    """GET /v1/audio/speech/{request id}."""

    async def main() -> list[int]:
        house = two_nodes(GOOD)
        house.__init__(  # type: ignore[misc]
            FakeSpeech(speech_card("gpu"), GOOD), has_rest=True
        )
        house.report("gpu", "turbo")
        await house.say(b'{"input":"Hello there."}', (b"x-request-id", b"id-1"))
        found = await house.ask("GET", "/v1/audio/speech/id-1")
        assert {
            "id": "id-1",
            "object": "audio.speech",
            "status": "completed",
            "audio_duration": 1.0,
            "generation_time": 0.25,
            "engine": "chatterbox-turbo",
            "voice": "fable",
            "provider": "gpu",
            "substitution": None,
            "cache": "bypass",
            "failovers": [],
            "segments": [SEGMENT],
        } == found.json
        other = await house.ask("GET", "/v1/audio/speech/id-2")
        house.clock.advance(3601)
        later = await house.ask("GET", "/v1/audio/speech/id-1")
        return [found.status, other.status, later.status]

    assert [200, 404, 404] == run(main())


@pytest.mark.parametrize("text", ["…", "👍", "```\nprint(1)\n```", "***"])
@pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_text_without_a_word_is_a_moment_of_silence(name: str, text: str) -> None:
    """Voice agents send such crumbs of what a model wrote; an error would end their turn."""
    house = two_nodes(GOOD)
    answer = run(house.say(json.dumps({"input": text, "response_format": name}).encode()))
    assert (200, "0.100", True) == (answer.status, answer.get("x-audio-duration"), bool(answer.body))
    assert [] == node_of(house, "gpu").heard


def test_metrics_of_speech_are_recorded() -> None:
    """Both figures, for the histograms."""
    house = two_nodes(GOOD)
    run(house.say())
    record = house.observer.finished[0]
    assert (1.0, 0.25, "ok") == (record.audio_s, record.generation_s, record.outcome)
