"""Our HTTP/1.1 client against h11 on the same bytes, well-formed and wild, however the network cuts them.

Hypothesis chooses the same inputs each time, and shrinks what fails. `make soak` sets HTTP1_FUZZ_EXAMPLES, and so
many inputs, others each time, are made of numbered seeds instead, at a tenth of the cost.
"""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Final

import pytest
from fakes import RecordingSink
from fuzzed import fuzzed
from offline import AbortingSink, Closing, End, Upstream, bytewise, cut, ours, verdict_of
from reference import STRICTER, is_closed_by_rule, is_laxer_by_rule, theirs
from wild import answer, reads_of, wild

from router.errors import Malformed
from router.transport.connection import MAX_HEAD_BYTES


@fuzzed(examples=300, share=0.15)
def test_a_well_formed_answer_is_read_as_h11_reads_it(rng: Random) -> None:
    """The same status, headers and body, the same end, and the connection is kept in the same cases."""
    stream = answer(rng)
    assert theirs(stream) == ours(reads_of(rng, stream)), stream


@fuzzed(examples=1500, share=0.6)
def test_whatever_comes_we_are_never_laxer_than_h11(rng: Random) -> None:
    """What we call whole h11 reads alike; what we keep h11 would; and each case of being stricter has a name."""
    stream = wild(rng)
    closing = rng.choice([Closing.ORDERLY, Closing.ORDERLY, Closing.RESET])
    mine, reference = ours(reads_of(rng, stream), closing), theirs(stream, closing)
    if mine.end is End.WHOLE and is_laxer_by_rule(reference):
        assert mine.body.startswith(reference.body), stream
    elif mine.end is End.WHOLE:
        assert replace(reference, is_kept=mine.is_kept) == mine, stream
        if mine.is_kept is not reference.is_kept:
            assert reference.is_kept, stream
            assert is_closed_by_rule(stream, reference), stream
    else:
        assert not mine.is_kept
        shorter, longer = sorted([mine.body, reference.body], key=len)
        assert longer.startswith(shorter), stream
        if reference.end is End.WHOLE:
            assert any(rule in mine.why for rule in STRICTER), (mine.why, stream)


@fuzzed(examples=300, share=0.15)
def test_how_the_network_cuts_an_answer_changes_nothing(rng: Random) -> None:
    """In one read, byte by byte or cut anywhere: the same verdict, down to the message."""
    stream = wild(rng)
    verdicts = [ours(reads) for reads in (cut(stream, []), reads_of(rng, stream), bytewise(stream))]
    if theirs(stream).surplus:  # empty lines after the end are unseen in the read that ends the answer
        verdicts = [replace(verdict, is_kept=False) for verdict in verdicts]
    assert [(verdicts[0], verdicts[0].why)] * 3 == [(verdict, verdict.why) for verdict in verdicts], stream


@fuzzed(examples=150, share=0.05)
def test_a_sink_that_left_hears_nothing_more(rng: Random) -> None:
    """Whatever is still in the read in which it left; and the connection is gone."""
    upstream = Upstream()
    sink = AbortingSink(upstream, rng.randrange(1, 5))
    upstream.answer(reads_of(rng, wild(rng)), sink=sink)
    assert sink.forbidden == []
    if sink.is_aborted:
        assert (False, False) == (upstream.was_kept, sink.over.is_set())


@fuzzed(examples=150, share=0.05)
def test_a_kept_connection_reads_as_a_fresh_one(rng: Random) -> None:
    """Nothing of an answer is left in the parser or in us for the next one."""
    upstream = Upstream()
    upstream.answer(reads_of(rng, answer(rng)), closing=None)
    if upstream.was_kept:
        second = reads_of(rng, wild(rng))
        assert ours(second) == verdict_of(upstream.answer(second), upstream), second


CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
WHOLE_ANSWERS: Final = [
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX: 1\r\nContent-Length: 7\r\n\r\n0\r\n\r\n\r\n",
    CHUNKED + b"1;a=\"b\"\r\n\n\r\n0000A\r\n0\r\n\r\n0\r\n\r\n\r\n0\r\nX: 1\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("stream", WHOLE_ANSWERS, ids=["length", "chunked", "204"])
@pytest.mark.parametrize("closing", list(Closing))
def test_an_answer_cut_short_anywhere_is_never_whole(stream: bytes, closing: Closing) -> None:
    """At every byte but the last, in one read or many; and the whole of it is kept."""
    for end in range(len(stream)):
        for reads in (cut(stream[:end], []), bytewise(stream[:end])):
            verdict = ours(reads, closing)
            assert (End.LOST, False) == (verdict.end, verdict.is_kept), end
    whole = ours([stream], closing)
    assert (End.WHOLE, True, True) == (whole.end, whole.is_kept, whole.ended_early)


@pytest.mark.parametrize("stream", WHOLE_ANSWERS, ids=["length", "chunked", "204"])
def test_one_changed_byte_never_makes_us_laxer_than_h11(stream: bytes) -> None:
    """Every byte in turn, by each of the bytes that mean something."""
    for at in range(len(stream)):
        for byte in (
            b"",
            b"\0",
            b"\t",
            b"\n",
            b"\r",
            b" ",
            b"+",
            b",",
            b"-",
            b"0",
            b"2",
            b":",
            b";",
            b"a",
            b"\xff",
        ):
            changed = stream[:at] + byte + stream[at + 1 :]
            mine, reference = ours([changed]), theirs(changed)
            if mine.end is End.WHOLE:
                assert replace(reference, is_kept=mine.is_kept) == mine
            assert mine.is_kept <= reference.is_kept


@pytest.mark.parametrize("size", [1, 1000, 65536])
@pytest.mark.parametrize(
    ("begun", "more"),
    [
        (b"HTTP/1.1 200 ", b"a"),
        (b"HTTP/1.1 200 OK\r\n", b"a"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"a"),
        (b"HTTP/1.1 200 OK\r\nX: ", b" "),
        (b"HTTP/1.1 200 OK\r\n", b"X: a\r\n"),
        (b"HTTP/1.1 103 Early Hints\r\n", b"X: a\r\n"),
        (CHUNKED, b"0"),
        (CHUNKED + b"1;a=", b"a"),
        (CHUNKED + b"0\r\n", b"a"),
        (CHUNKED + b"0\r\nX: ", b"a"),
        (CHUNKED + b"0\r\nX: ", b" "),
        (CHUNKED + b"0\r\n", b"X: a\r\n"),
    ],
    ids=[
        "reason", "name", "value", "blanks", "headers", "hints", "chunk size", "extension", "trailer name",
        "trailer value", "trailer blanks", "trailers",
    ],
)  # fmt: skip
def test_what_never_ends_is_cut_off(begun: bytes, more: bytes, size: int) -> None:
    """No part of an answer but its body may grow without bound, for it is held until it is complete."""
    upstream, sink, taken = Upstream(), RecordingSink(), 0

    def reads() -> Iterator[bytes]:
        nonlocal taken
        yield begun
        block = (more * size)[:size] if size > len(more) else more
        while taken < 8 * MAX_HEAD_BYTES:
            taken += len(block)
            yield block

    upstream.answer(reads(), closing=None, sink=sink)
    assert (Malformed, []) == (type(sink.fault), sink.forbidden)
    # One of them was only fetched, and what stands before a trailer is part of another line.
    assert taken <= 2 * MAX_HEAD_BYTES + 2 * size + 16
