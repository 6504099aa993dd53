"""The benchmark of chats that answer aloud: what a first clause is, how a model writes, what its figures say."""

import asyncio
import json
import socket
import time
from typing import Any

import pytest

from bench.aloud.clauses import first_clause_at_s, first_clause_chars
from bench.aloud.course import Course, Phase, Plan
from bench.aloud.figures import comparison_of, delays_of, gaps_of
from bench.aloud.listener import AnswerFailed, Heard, Listener
from bench.aloud.model import REPLIES, Writer, tokens
from bench.aloud.page import as_markdown
from bench.machine import Machine
from bench.ratios import Estimate

MACHINE = Machine("2026-11-21 12:00 UTC", "a processor", 2, 8.0, "Linux 6", "abc", 0.1, {})


def _heard(delay_s: float = 0.5, *, gaps_s: tuple[float, ...] = (0.0,), written_s: float = 3.0) -> Heard:
    """Asked at 0 s, the first clause there at 1 s."""
    return Heard(0.0, 1.0, 1.0 + delay_s, written_s, 10.0, 4.0, 0.75, gaps_s)


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("The kettle is on. And the tea?", "The kettle is on. "),
        ("When it rains, take it.", "When it rains, "),
        ("Yes, it will rain, I fear.", "Yes, it will rain, "),
        ("It costs 1,250.50 in all, I think.", "It costs 1,250.50 in all, "),
        ("There are some 10, 000 of them; many.", "There are some 10, 000 of them; "),
        ("You may ask Dr. Okafor. She knows.", "You may ask Dr. Okafor. "),
        ("It comes at 3 p.m. or so, I hear.", "It comes at 3 p.m. or so, "),
        ("He met John F. Kennedy there, once.", "He met John F. Kennedy there, "),
        ("Here are the ways:\n\n1. Walk.", "Here are the ways:\n"),
        ("Try these three\n\n1. Walk there; then rest.", "Try these three\n\n1. Walk there; "),
        ("**That is it.** Good.", "**That is it.** "),
        ("I do wonder — and so do you.", "I do wonder — "),
        ("Not a mark in all of it", "Not a mark in all of it"),
        ("It ends here.", "It ends here."),
        ("Yes. No. Why?", "Yes. No. Why?"),
    ],
)
def test_what_a_first_clause_is(text: str, clause: str) -> None:
    """With the white space behind it, which says that it is one."""
    assert clause == text[: first_clause_chars(text)]


def test_when_it_is_there() -> None:
    """With the piece that brings the white space."""
    assert 4.0 == first_clause_at_s(["The kettle", " is on", ".", " And", " the tea?"], [1.0, 2.0, 3.0, 4.0, 5.0])
    assert 2.0 == first_clause_at_s(["Yes", " indeed"], [1.0, 2.0])


def test_the_replies_are_many_and_their_tokens_are_as_long_as_in_life() -> None:
    """Four characters on average; and nothing is lost between them."""
    assert len(set(REPLIES)) == len(REPLIES) >= 40
    pieces = [tokens(reply) for reply in REPLIES]
    assert REPLIES == tuple(map("".join, pieces))
    assert 3.7 < sum(map(len, REPLIES)) / sum(map(len, pieces)) < 4.3


def test_the_delays_of_replies() -> None:
    """Who is in time, and who was heard before the model had finished."""
    heard = [_heard(0.5), _heard(0.8), _heard(2.5), _heard(0.3, written_s=1.2)]
    delays = delays_of(heard)
    assert (4, 0.5, 2.5, 0.75) == (delays.count, delays.p50_s, delays.most_s, delays.share_in_time)
    assert (-0.25, 1.75) == (delays.added_p50_s, delays.added_p99_s)
    assert (3, 2 / 3) == (delays.long_count, delays.share_overtaking)
    assert delays_of([_heard(written_s=1.2)]).share_overtaking is None


def test_the_gaps_of_replies() -> None:
    """All that a reply has, and whether one of them can be heard."""
    gaps = gaps_of([_heard(gaps_s=(0.0, 0.01, 0.015)), _heard(gaps_s=(0.0, 0.5)), _heard(), _heard()])
    assert (0.0, 0.5, 0.5, 0.25) == (gaps.p50_s, gaps.p99_s, gaps.most_s, gaps.share)


def test_the_ways_are_compared_reply_by_reply() -> None:
    """From the question on."""
    found = comparison_of([_heard(0.5), _heard(1.0)], [3.0, 8.0])
    assert (1.5, 2.0, 3.0, 8.0) == (
        found.aloud_p50_s,
        found.aloud_p99_s,
        found.in_turns_p50_s,
        found.in_turns_p99_s,
    )
    assert Estimate(0.375, None, None) == found.ratio


def test_the_page_tells_all() -> None:
    """Failures, too."""
    phase = Phase([_heard(0.5)] * 5, [3.0] * 5, 0.05)
    course = Course(phase, Phase([_heard(gaps_s=(0.3,))] * 2), {10.0: phase}, ["reply 3: cut"])
    page = as_markdown(Plan(), MACHINE, course, 45)
    assert "| first clause to first sound, p50 | 0.50 s | 0.50 s |" in page
    assert "| replies with a gap over 20 ms | 0.0% | 100.0% |" in page
    assert "| the router's CPU for a second of speech | 1.00 ms | 0.00 ms |" in page
    assert "Ratio, reply by reply: 0.50 [0.50, 0.50]." in page
    assert "| 10 | 5 | 0.50 s |" in page
    assert "1 answers failed and are in no figure: reply 3: cut" in page
    assert "a processor, 2 cores, Linux 6, revision abc" in page


def test_a_page_of_nothing_but_failures() -> None:
    """Is one."""
    assert "| replies | 0 | 0 |" in as_markdown(Plan(), MACHINE, Course(failed=["cut"]), 45)


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _served(answer: bytes) -> str:
    """What the listener says of a server that answers so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    port = _port()
    async with await asyncio.start_server(serve, "127.0.0.1", port):
        with pytest.raises(AnswerFailed) as failure:
            await Listener(port, Writer()).aloud(0, 30)
    return str(failure.value)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nwhy?", "status 503: b'why?'"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\ndata: {}\n\n", "the answer was cut"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\ndata: [DONE]\n\n", "no sound"),
    ],
)
def test_an_answer_that_is_none_is_no_figure(answer: bytes, why: str) -> None:
    """And says what it was."""
    assert why in asyncio.run(_served(answer))


def test_the_model_writes_at_its_pace_and_remembers_when() -> None:
    """Streamed and whole. A piece may be late, as on a busy machine, but never early."""

    async def main(question: dict[str, Any]) -> tuple[bytes, Writer]:
        port, model = _port(), Writer()
        body = json.dumps({"user": "u", "reply": 6, "tokens_per_s": 1000, **question}).encode()
        async with model.listening(port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            end = b"0\r\n\r\n" if question else b"}}"
            answer = await reader.readuntil(end)
            writer.close()
        return answer, model

    asked_s = time.monotonic()
    answer, model = asyncio.run(main({"stream": True}))
    written = model.written["u"]
    assert REPLIES[6] == "".join(written.pieces)
    assert written.times_s == sorted(written.times_s)
    assert all(at_s >= asked_s + number / 1000 for number, at_s in enumerate(written.times_s))
    contents = [
        json.loads(line[6:])["choices"][0]["delta"].get("content", "")
        for line in answer.split(b"\n")
        if line.startswith(b"data: {")
    ]
    assert REPLIES[6] == "".join(contents)
    assert json.dumps(REPLIES[6]).encode() in asyncio.run(main({}))[0]
