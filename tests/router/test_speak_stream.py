"""An answer that is sent while it is spoken: when, in which shape, with which figures."""

import struct
from typing import Any

import pytest
from houses import FakeHouse
from narrating import SENTENCES, TEXT, Script, body, cut, events_of, fault, nodes, pcm_of, said, sound_of
from running import run

from router.domain import BYTES_PER_S, AudioFormat
from router.errors import DialRefused
from router.speech.decoding import to_pcm

SHORT = SENTENCES[0]
LONGEST_S = len(pcm_of(TEXT)) / BYTES_PER_S
# An encoder's priming and its last, padded frame: two of 1152 samples of MP3, two of 1024 of AAC.
FRAMES_S = 0.1


def one_node(**speech: Any) -> FakeHouse:
    return nodes(said, speech=speech)


def test_a_long_text_is_sent_as_it_is_spoken() -> None:
    """How long it will be, nobody knows yet; who speaks is told at once."""
    answer = run(one_node().say(body()))
    expected = {
        "content-length": None,
        "x-audio-duration": None,
        "x-generation-time": None,
        "content-type": "audio/pcm",
        "x-router-cache": "bypass",
        "x-router-provider": "gpu",
        "x-router-model": "m",
        "x-router-attempts": "1",
        "x-tts-engine": "engine",
        "x-tts-voice": "alloy",
        "x-router-substitution": None,
    }
    assert expected == {name: answer.get(name) for name in expected}
    assert (200, True, pcm_of(TEXT)) == (answer.status, answer.is_complete, answer.body)
    assert len(answer.chunks) >= len(cut(TEXT))


@pytest.mark.parametrize(
    ("setting", "wish", "text", "is_streamed"),
    [
        ("auto", None, SHORT, False),
        ("auto", None, TEXT, True),
        ("auto", True, SHORT, True),
        ("auto", False, TEXT, False),
        ("never", None, TEXT, False),
        ("never", True, TEXT, True),
        ("always", None, SHORT, True),
        ("always", False, SHORT, False),
    ],
)
def test_who_wants_it_whole_or_at_once(setting: str, wish: bool | None, text: str, *, is_streamed: bool) -> None:
    """The client's word, then the setting, then the length. Either way it is the same audio."""
    fields = {} if wish is None else {"stream": wish}
    answer = run(one_node(stream=setting).say(body(text, **fields)))
    assert (200, pcm_of(text)) == (answer.status, answer.body)
    length = None if is_streamed else str(len(answer.body))
    duration = None if is_streamed else f"{len(answer.body) / BYTES_PER_S:.3f}"
    assert (length, duration) == (answer.get("content-length"), answer.get("x-audio-duration"))


@pytest.mark.parametrize(("chars", "is_streamed"), [(len(TEXT), False), (len(TEXT) - 1, True)])
def test_how_long_is_long_is_a_setting(chars: int, *, is_streamed: bool) -> None:
    """`complete_under_chars` counts what the client wrote."""
    answer = run(one_node(complete_under_chars=chars).say(body()))
    assert is_streamed == (answer.get("content-length") is None)


def test_events_end_with_the_figures() -> None:
    """Usage as OpenAI counts it, then how long it is, how long it took, and who spoke what."""
    answer = run(one_node().say(body(stream_format="sse")))
    events = events_of(answer)
    assert (pcm_of(TEXT), None) == (events.audio, events.error)
    assert "text/event-stream; charset=utf-8" == answer.get("content-type")
    assert events.done is not None
    segments = events.done.pop("segments")
    tokens = (-(-len(TEXT) // 4), round(LONGEST_S * 25))
    assert {
        "type": "speech.audio.done",
        "usage": {"input_tokens": tokens[0], "output_tokens": tokens[1], "total_tokens": sum(tokens)},
        "audio_duration": pytest.approx(LONGEST_S, abs=0.002),
        "generation_time": pytest.approx(0.01 * len(segments)),
        "substitution": None,
    } == events.done
    assert [
        {
            "index": index,
            "provider": "gpu",
            "engine": "engine",
            "audio_duration": pytest.approx(
                len(sound_of(passage.text)) / BYTES_PER_S + passage.pause_s, abs=0.001
            ),
            "generation_time": 0.01,
            "characters": len(passage.text),
            "cached": False,
        }
        for index, passage in enumerate(cut(TEXT))
    ] == segments


@pytest.mark.parametrize("audio_format", list(AudioFormat))
@pytest.mark.parametrize("stream", [True, False])
def test_every_format_is_one_file_as_long_as_its_segments(audio_format: AudioFormat, *, stream: bool) -> None:
    """One encoder for the whole answer: no seams, no second header."""
    answer = run(one_node().say(body(response_format=str(audio_format), stream=stream)))
    assert (200, True, audio_format.media_type) == (
        answer.status,
        answer.is_complete,
        answer.get("content-type"),
    )
    if audio_format is AudioFormat.PCM:
        assert pcm_of(TEXT) == answer.body
        return
    decoded_s = len(to_pcm(answer.body, 60.0)) / BYTES_PER_S
    assert LONGEST_S - 0.002 <= decoded_s <= LONGEST_S + FRAMES_S
    if audio_format in {AudioFormat.WAV, AudioFormat.FLAC}:
        assert pcm_of(TEXT) == to_pcm(answer.body, 60.0)


def test_events_carry_any_format() -> None:
    """The deltas, one after the other, are the file."""
    events = events_of(run(one_node().say(body(response_format="flac", stream_format="sse"))))
    assert pcm_of(TEXT) == to_pcm(events.audio, 60.0)


@pytest.mark.parametrize("stream", [True, False])
def test_a_wav_tells_its_length_when_it_is_known(*, stream: bool) -> None:
    """0xFFFFFFFF, as of a stream, when it is not."""
    wav = run(one_node().say(body(response_format="wav", stream=stream))).body
    sizes = struct.unpack_from("<4xI", wav)[0], struct.unpack_from("<I", wav, 40)[0]
    expected = (0xFFFF_FFFF, 0xFFFF_FFFF) if stream else (len(wav) - 8, len(wav) - 44)
    assert (expected, b"data", 44 + len(pcm_of(TEXT))) == (sizes, wav[36:40], len(wav))


def test_a_seed_is_one_for_the_whole_answer() -> None:
    """Given or not; so the voice is the same from the first sentence to the last."""
    house = one_node()
    run(house.say(body(seed=None)))
    seeds = {segment.seed for segment, _, _ in house.speech["gpu"].heard}
    assert (1, len(cut(TEXT))) == (len(seeds), len(house.speech["gpu"].heard))


def test_what_became_of_it_is_known_afterwards() -> None:
    """GET /v1/audio/speech/{request id}: a streamed answer has no late headers."""

    async def main() -> dict[str, Any]:
        house = one_node()
        await house.say(body(), (b"x-request-id", b"id-1"))
        found: dict[str, Any] = (await house.ask("GET", "/v1/audio/speech/id-1")).json
        return found

    found = run(main())
    assert len(cut(TEXT)) == len(found.pop("segments"))
    assert {
        "id": "id-1",
        "object": "audio.speech",
        "status": "completed",
        "audio_duration": pytest.approx(LONGEST_S, abs=0.002),
        "generation_time": pytest.approx(0.01 * len(cut(TEXT))),
        "engine": "engine",
        "voice": "alloy",
        "provider": "gpu",
        "substitution": None,
        "cache": "bypass",
        "gap": 0.0,
        "failovers": [],
    } == found


def test_the_head_is_of_who_spoke_first() -> None:
    """Though the next segment is under way with somebody else by the time that the first is encoded."""
    house = nodes(Script(on={1: fault(DialRefused("refused"))}), said)
    answer = run(house.say(body(response_format="mp3")))
    assert ("gpu", "gpu") == (answer.get("x-router-provider"), house.observer.finished[0].provider)


def test_the_record_has_both_figures() -> None:
    """For the histograms and the log."""
    house = one_node()
    run(house.say(body()))
    record = house.observer.finished[0]
    count = len(cut(TEXT))
    assert ("ok", {"gpu": count}) == (record.outcome, record.voiced)
    assert [pytest.approx(LONGEST_S, abs=0.002), pytest.approx(0.01 * count)] == [
        record.audio_s,
        record.generation_s,
    ]
