"""The benchmark of growth: what its figures say, how its page says it, and one dimension measured in truth."""

import asyncio
import json
import math
import os
from dataclasses import replace
from pathlib import Path

import httptools
import pytest

from bench.growth.asking import NotAnswered, ask, request
from bench.growth.dimensions import DIMENSIONS, Cost
from bench.growth.house import Site, router
from bench.growth.page import as_json, as_markdown, table_of, verdict_of
from bench.growth.picture import as_png
from bench.growth.questions import hit_texts, prose
from bench.growth.results import amount, results_of
from bench.growth.rounds import Plan, Sample, run
from bench.growth.scenes import SCENES
from bench.growth.upstream import CHARS_PER_S, listing, serve, speak
from bench.growth.verdict import Verdict, growth_of
from bench.machine import Machine
from bench.node import Node
from bench.ratios import Estimate
from bench.servers import CannotMeasure
from bench.streams import held
from router.drill.ports import free_port

MACHINE = Machine("2026-11-22 12:00 UTC", "a processor", 2, 8.0, "Linux 6", "abc", 0.1, {"Python": "CPython 3.11"})
SIZES = (10, 100, 1000, 10_000)


def _samples(dimension: str, *costs: float, rounds: int = 5) -> list[Sample]:
    """So many rounds, each dearer than the one before."""
    return [
        Sample(dimension, size, number, cost * (1 + number / 10))
        for number in range(1, rounds + 1)
        for size, cost in zip(SIZES, costs, strict=True)
    ]


@pytest.mark.parametrize(
    ("costs", "verdict"),
    [
        ([5.0, 5.0, 5.0, 5.0], Verdict.FLAT),
        ([5.0, 9.0, 4.0, 6.2], Verdict.FLAT),
        ([5.0, 5.1, 5.4, 6.3], Verdict.N_LOG_N),
        ([1.0, 10.0, 100.0, 1000.0], Verdict.N_LOG_N),
        ([n * math.log2(n) for n in SIZES], Verdict.N_LOG_N),
        ([1000.0 + n for n in SIZES], Verdict.N_LOG_N),
        ([n**1.3 for n in SIZES], Verdict.WORSE),
        ([1e6 + n**2 for n in SIZES], Verdict.WORSE),
        ([1.0, 10.0, 1000.0, 10_000.0], Verdict.WORSE),
    ],
    ids=["same", "noise", "creeping", "n", "n log n", "fixed + n", "n^1.3", "fixed + n^2", "a leap"],
)
def test_the_verdict(costs: list[float], verdict: Verdict) -> None:
    """A large fixed cost hides no square; a leap in between is not forgiven."""
    assert verdict is growth_of(SIZES, [costs]).verdict


def test_ratios_are_taken_within_a_round() -> None:
    """A machine that is slower in one round than in the other changes neither ratio nor exponent."""
    growth = growth_of((10, 1000), [[2.0, 20.0], [20.0, 200.0], [4.0, 40.0], [6.0, 60.0], [8.0, 80.0]])
    assert Estimate(10.0, 10.0, 10.0) == growth.ratio
    assert 0.5 == pytest.approx(growth.exponent.median)
    assert [Estimate(6.0, 2.0, 20.0), Estimate(60.0, 20.0, 200.0)] == list(growth.costs)
    assert 54 / 990 == pytest.approx(growth.one_more)


@pytest.mark.parametrize(("sizes", "rounds"), [((10,), [[1.0]]), ((10, 100), [[1.0, 0.0]])])
def test_growth_of_nothing_is_none(sizes: tuple[int, ...], rounds: list[list[float]]) -> None:
    """A nought would make everything infinitely worse, or better."""
    with pytest.raises(ValueError, match="growth takes"):
        growth_of(sizes, rounds)


@pytest.mark.parametrize(
    ("cost", "kind", "words"),
    [
        (0.0, Cost.REQUEST, "0.00 ns"),
        (1.234e-7, Cost.REQUEST, "123 ns"),
        (99.96e-6, Cost.REQUEST, "100 µs"),
        (0.9999, Cost.CPU, "1.00 s"),
        (12.34, Cost.TIME, "12.3 s"),
        (24_150, Cost.MEMORY, "24.1 KB"),
        (512, Cost.MEMORY, "512 B"),
    ],
)
def test_figures_have_a_unit_that_fits(cost: float, kind: Cost, words: str) -> None:
    """Three places, and never a thousand of a unit."""
    assert words == amount(cost, kind)


def test_samples_are_put_together_by_dimension() -> None:
    """In the order of the list, whatever the order of measuring; what was not measured is left out."""
    samples = _samples("events", 1.0, 2.0, 3.0, 4.0) + _samples("clients", 1.0, 1.0, 1.0, 1.0)
    clients, events = results_of(samples[::-1])
    assert ["clients", "events"] == [each.dimension.name for each in (clients, events)]
    assert SIZES == events.growth.sizes
    assert pytest.approx((1.1, 2.2, 3.3, 4.4)) == events.rounds[0]


def test_what_is_as_it_must_be() -> None:
    """What is merely there must be flat; of what a request brings along, less than n log n is enough."""
    good = results_of(_samples("clients", 1.0, 1.0, 1.0, 1.2) + _samples("events", 1.0, 10.0, 100.0, 1000.0))
    bad = results_of(_samples("clients", 1.0, 1.0, 1.0, 1.3) + _samples("events", 1.0, 1.0, 1.0, 100.0))
    assert ([True, True], [False, False]) == tuple([r.is_as_it_must_be for r in found] for found in (good, bad))


def test_the_table() -> None:
    """A row each, as wide as its head; what is too much is marked."""
    results = results_of(_samples("clients", 1e-4, 1e-4, 1.1e-4, 2e-4) + _samples("events", 1e-3, 1e-2, 1e-1, 1.0))
    head, _, clients, events = table_of(results).splitlines()
    assert {head.count("|")} == {clients.count("|"), events.count("|")}
    assert (
        "| keys | 10 · 100 · 1,000 · 10,000 | a chat | 130 µs · 130 µs · 143 µs · 260 µs | 2.00 [2.00, 2.00] |"
        in (clients)
    )
    assert clients.endswith("| n log n at most ⚠ | flat |")
    assert "| 1.00 | 130 µs per event | n log n at most | n log n at most |" in events


def test_the_page_says_plainly_what_grows_too_fast() -> None:
    """And where in the router that is."""
    bad = results_of(_samples("clients", 1e-4, 1e-4, 1.1e-4, 2e-4))
    page = as_markdown(Plan(rounds=5), MACHINE, bad)
    assert "1 of 1 grow faster than they may" in page
    assert "**keys, a chat**: n log n at most, must be flat. 260 µs at 10,000, 2.00 times what it is at 10" in page
    assert "(`api/admission.py`)" in page
    assert "5 rounds" in page
    assert "a processor, 2 cores" in page
    assert "All 1 grow as slowly" in verdict_of(results_of(_samples("clients", 1.0, 1.0, 1.0, 1.0)))


def test_the_raw_figures_are_compact() -> None:
    """A line for each dimension, four places a figure."""
    text = as_json(Plan(rounds=1), MACHINE, results_of(_samples("events", 1.0, 2.0, 3.00004, 4.0, rounds=1)))
    document = json.loads(text)
    assert {"unit": "CPU s per request", "sizes": list(SIZES), "rounds": [[1.1, 2.2, 3.3, 4.4]]} == (
        document["dimensions"]["events"]
    )
    assert "abc" == document["machine"]["revision"]
    assert len(text.splitlines()) == 3


def test_the_picture_is_small() -> None:
    """A few kilobytes for a panel."""
    samples = [each for d in DIMENSIONS[:2] for each in _samples(d.name, 1e-4, 1e-3, 1e-2, 1e-1)]
    png = as_png(results_of(samples))
    assert png.startswith(b"\x89PNG")
    assert len(png) < 20_000


def test_every_dimension_is_measured_once() -> None:
    """No scene measures what has no words, and no words are without a scene."""
    measured = [name for scene in SCENES for name in scene.dimensions]
    assert sorted(each.name for each in DIMENSIONS) == sorted(measured)
    assert all(len(scene.sizes) == 4 and list(scene.sizes) == sorted(scene.sizes) for scene in SCENES)


def test_texts_are_as_long_as_they_say_and_never_the_same() -> None:
    """What has been spoken before would cost less."""
    assert [200, 20_000] == [len(prose(chars, 1)) for chars in (200, 20_000)]
    assert prose(200, 1) != prose(200, 2)
    texts = hit_texts(1)
    assert len(set(texts)) == len(texts)
    assert set(hit_texts(1, 100)) == set(texts)


def _body(answer: bytes) -> bytes:
    pieces: list[bytes] = []

    class _Callbacks:
        def on_body(self, body: bytes) -> None:
            pieces.append(body)

    httptools.HttpResponseParser(_Callbacks()).feed_data(answer)
    return b"".join(pieces)


def test_the_servers_behind_the_router() -> None:
    """A model's list is as long as its address says; the node speaks as long as the text is."""
    names = [each["id"] for each in json.loads(_body(listing(b"/duo/3/v1/models")))["data"]]
    assert ["everywhere", "duo-0000", "duo-0001", "duo-0002"] == names
    head, pcm = Node(speak).spoken("x" * CHARS_PER_S)
    assert 48_000 == len(pcm) == len(_body(head + bytes(pcm)))
    assert b"X-Audio-Duration: 1.000\r\n" in head


async def _asked(answer: bytes) -> str:
    """What the client says of a server that answers so and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    port = free_port()
    async with await asyncio.start_server(serve, "127.0.0.1", port):
        with pytest.raises(NotAnswered) as failure:
            await ask(port, [request("/", "key")] * 3, 2)
    return str(failure.value)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 500 No\r\nContent-Length: 4\r\n\r\nwhy?", "status 500: b'why?'"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\nshort", "the connection was lost"),
    ],
)
def test_an_answer_that_is_none_is_no_figure(answer: bytes, why: str) -> None:
    """And says what it was."""
    assert why in asyncio.run(_asked(answer))


def test_nobody_there_is_told() -> None:
    """Without a trace of tasks and groups."""
    with pytest.raises(NotAnswered, match="no answer"):
        asyncio.run(ask(free_port(), [request("/", "key")], 1))


def test_streams_are_as_long_as_they_are_asked_for() -> None:
    """Or stay open until the client goes."""

    async def main() -> bytes:
        port = free_port()
        server = asyncio.create_task(serve(port, 1))
        chat = {"model": "duo-0000", "shape": "events-3"}
        await _until_listening(port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/duo/1/v1/chat/completions", "key", chat))
        answer = await reader.readuntil(b"0\r\n\r\n")
        writer.close()
        asked = request("/duo/1/v1/chat/completions", "key", {"shape": "held"})
        async with held(port, asked, 3, lambda _: None):
            assert not server.done()
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
        return answer

    answer = asyncio.run(main())
    assert 3 == answer.count(b'"content":" word"')
    assert 1 == answer.count(b"data: [DONE]")


async def _until_listening(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0)
            else:
                writer.close()
                return


def test_a_router_that_ends_is_told_with_its_log(tmp_path: Path) -> None:
    """At once, not when nobody waits any more."""
    it = Site(tmp_path, min(os.sched_getaffinity(0)), 1, ("lar-key",))
    wrong = {"providers": {"machine": {"kind": "nothing"}}}
    with pytest.raises(CannotMeasure, match=r"Nothing listens on port \d+"), router(it, "wrong", wrong, 1):
        pytest.fail("it came up")


def test_a_dimension_is_measured_in_truth() -> None:
    """Two sizes, one round: real processes, a cost each, and this process's cores as they were."""
    cores = os.sched_getaffinity(0)
    scene = next(scene for scene in SCENES if scene.name == "clients")
    samples = run(Plan(1, 0.2, (replace(scene, sizes=(1, 3)),)), lambda _: None)
    assert [("clients", 1), ("clients", 3)] == [(each.dimension, each.size) for each in samples]
    assert all(1e-6 < each.cost < 1 for each in samples)
    assert cores == os.sched_getaffinity(0)
