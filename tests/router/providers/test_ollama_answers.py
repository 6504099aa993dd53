"""Ollama's failures in the middle of a stream, which its OpenAI routes swallow."""

import pytest
from fakes import RecordingSink, head

from router.errors import ConnectionLost, Malformed
from router.providers.ollama_answers import WatchedAnswer

SSE = (b"content-type", b"text/event-stream")
JSON = (b"content-type", b"application/json")
WORD = b'data: {"model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
SWALLOWED = b'data: {"id":"chatcmpl-7","model":"","choices":[{"index":0,"delta":{"content":""}}]}\n\n'


class Watched:
    """An answer on its way, and who is told of it."""

    def __init__(self, *, ends_with_done: bool = True, kind: tuple[bytes, bytes] = SSE, status: int = 200) -> None:
        self.sink = RecordingSink()
        self.statuses: list[int] = []
        self.overs = 0
        self.answer = WatchedAnswer(
            self.sink,
            ends_with_done=ends_with_done,
            begun=lambda seen: self.statuses.append(seen.status),
            over=self._over,
        )
        self.answer.head(head(status, kind))

    def _over(self) -> None:
        self.overs += 1

    def came(self, *chunks: bytes) -> "Watched":
        for chunk in chunks:
            self.answer.data(chunk)
        self.answer.end()
        assert self.sink.forbidden == []
        return self


def test_a_whole_answer_passes_byte_for_byte() -> None:
    """And is told of: that it has begun, and that it is over."""
    watched = Watched().came(WORD, DONE)
    assert (WORD + DONE, True, [200], 1) == (
        watched.sink.body,
        watched.sink.is_ended,
        watched.statuses,
        watched.overs,
    )


@pytest.mark.parametrize("at", range(1, len(DONE)))
def test_the_end_may_come_in_two_pieces(at: int) -> None:
    """Wherever it is cut."""
    assert Watched().came(WORD, DONE[:at], DONE[at:]).sink.is_ended


def test_the_end_may_come_byte_by_byte() -> None:
    """As many pieces as it has bytes."""
    assert Watched().came(*(bytes([each]) for each in WORD + DONE)).sink.is_ended


def test_an_end_without_done_is_a_fault() -> None:
    """What came is passed on; that it is over is told nobody."""
    watched = Watched().came(WORD)
    assert isinstance(watched.sink.fault, Malformed)
    assert (WORD, False, 0) == (watched.sink.body, watched.sink.is_ended, watched.overs)


def test_a_swallowed_failure_is_a_fault_before_anything_of_it_is_passed_on() -> None:
    """So another may answer, where nothing had been said yet; what follows is not heard."""
    watched = Watched().came(SWALLOWED, DONE)
    assert isinstance(watched.sink.fault, Malformed)
    assert b"" == watched.sink.body


def test_what_came_in_one_read_with_it_is_passed_on() -> None:
    """The words before it."""
    watched = Watched().came(WORD + SWALLOWED)
    assert isinstance(watched.sink.fault, Malformed)
    assert WORD == watched.sink.body


def test_what_a_text_says_of_models_is_no_failure() -> None:
    """Its quotes are escaped."""
    told = b'data: {"model":"m","choices":[{"delta":{"content":"{\\"model\\":\\"\\"}"}}]}\n\n'
    assert Watched().came(told, DONE).sink.is_ended


@pytest.mark.parametrize(
    ("ends_with_done", "kind", "status"), [(False, SSE, 200), (True, JSON, 200), (True, SSE, 400)]
)
def test_other_answers_end_as_they_like(*, ends_with_done: bool, kind: tuple[bytes, bytes], status: int) -> None:
    """Other routes, whole answers, refusals."""
    watched = Watched(ends_with_done=ends_with_done, kind=kind, status=status).came(SWALLOWED)
    assert (True, int(status == 200)) == (watched.sink.is_ended, watched.overs)


def test_a_fault_of_the_way_is_passed_on() -> None:
    """Once."""
    watched = Watched()
    watched.answer.error(ConnectionLost("gone"))
    assert isinstance(watched.sink.fault, ConnectionLost)
    watched = Watched()
    watched.answer.data(SWALLOWED)
    watched.answer.error(ConnectionLost("gone"))
    assert isinstance(watched.sink.fault, Malformed)
    assert watched.sink.forbidden == []
