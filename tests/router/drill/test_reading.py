"""What is read out of an answer's bytes."""

import pytest
from drills import PCM, WORDS, aloud_document, aloud_stream, chunk, chunked, document, event, question, read
from hypothesis import given
from hypothesis import strategies as st

from router.drill.answer import Answer, Kind, Told
from router.drill.reading import Reading

TOLD = [Told("gpu-tts", 1.0), Told("gpu-tts", 1.0), Told("gpu-tts", 1.2)]


@given(st.integers(300, 50_000))
def test_a_streamed_chat_aloud(size: int) -> None:
    """Its words, its sound piece by piece, who spoke each segment, and that it says where it ends."""
    answer = Answer(question(Kind.ALOUD_SSE), 0.0)
    reading, response = Reading(answer), chunked(aloud_stream())
    for at in range(0, len(response), size):
        reading.feed(response[at : at + size])
    assert (WORDS, PCM, [0, 1, 2], TOLD) == (answer.words, bytes(answer.sound), answer.numbers, answer.segments)
    ends = [20_000, 48_000, 68_000, 96_000, 116_000, len(PCM)]
    assert ends == [arrival.pcm_bytes for arrival in answer.arrivals]
    assert (True, True, "") == (answer.is_whole, answer.is_finished, answer.muted)
    assert answer.done is not None


def test_a_chat_aloud_that_is_cut_has_what_came_before() -> None:
    """And is not finished."""
    body = aloud_stream()
    answer = read(chunked(body[: body.index(b'{"audio": {"data"') + 30_000], is_whole=False), Kind.ALOUD_SSE)
    assert (WORDS, PCM[:20_000]) == (answer.words, bytes(answer.sound))
    assert (True, False, False, None) == (answer.has_begun, answer.is_whole, answer.is_finished, answer.done)


def test_words_alone_are_a_beginning() -> None:
    """Before anything is heard, or when nothing ever is: then a header says why."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Router-Audio: no_provider\r\n\r\n"
    answer = read(head + chunk({"content": "One."}), Kind.ALOUD_SSE)
    assert (True, "One.", [], "no_provider") == (answer.has_begun, answer.words, answer.arrivals, answer.muted)
    assert answer.first_s is None


def test_a_voice_that_fails_is_told_at_the_end() -> None:
    """With its reason."""
    answer = read(chunked(aloud_stream((0,), error={"reason": "no_provider"})), Kind.ALOUD_SSE)
    assert ("no_provider", True) == (answer.muted, answer.is_finished)


def test_an_error_event_is_an_error() -> None:
    """Of a chat aloud as of speech."""
    answer = read(chunked(chunk({"content": "One."}), event({"error": {"message": "gone"}})), Kind.ALOUD_SSE)
    assert ({"message": "gone"}, False) == (answer.error, answer.is_whole)


@pytest.mark.parametrize("stream", [b"data: [DONE]\n\n", chunk({}, "stop")], ids=["no reason", "no end"])
def test_half_an_end_is_none(stream: bytes) -> None:
    """The model's reason and the stream's own end: both."""
    assert not read(chunked(chunk({"content": "One."}), stream), Kind.ALOUD_SSE).is_finished


def test_a_whole_chat_aloud_is_taken_out_of_its_document() -> None:
    """As words and sound, which came when the document did."""
    answer = read(document(aloud_document()), Kind.ALOUD_JSON)
    assert (WORDS, PCM, True) == (answer.words, bytes(answer.sound), answer.is_finished)
    assert [len(PCM)] == [arrival.pcm_bytes for arrival in answer.arrivals]


@pytest.mark.parametrize("body", [b"{}", b"[]", b"no JSON", b'{"choices":[{"message":{"audio":{"data":"?"}}}]}'])
def test_a_document_that_is_none_has_failed(body: bytes) -> None:
    """And says what was wrong."""
    answer = read(document(body), Kind.ALOUD_JSON)
    assert (False, b"") == (answer.is_whole, bytes(answer.sound))
    assert answer.failure.startswith("no answer aloud")


def test_who_wrote_comes_before_who_spoke() -> None:
    """Of a chat aloud there are two."""
    answer = read(
        chunked(aloud_stream()).replace(b"OK", b"OK\r\nX-Router-Provider: cpu-writer", 1), Kind.ALOUD_SSE
    )
    assert ["cpu-writer", "gpu-tts"] == answer.providers
