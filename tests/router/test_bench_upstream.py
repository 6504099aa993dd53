"""The benchmark's mock upstream and the client of its streams, over real sockets."""

import asyncio
import contextlib
import http.client
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bench.cases import MODELS, PROMPT_BYTES, case_named
from bench.prepared import MODELS_PER_WIDE, WHOLE, listing
from bench.samples import SampleFailed
from bench.streams import connected, open_streams, request_of
from bench.upstream import model_of, serve
from bench.wide import PROVIDERS, providers
from router.drill.ports import free_port


@contextlib.asynccontextmanager
async def _upstream() -> AsyncIterator[int]:
    port = free_port()
    serving = asyncio.create_task(serve(port))
    try:
        async with asyncio.timeout(20):
            await _until_it_listens(port)
        yield port
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


async def _until_it_listens(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            continue  # the attempt itself lets the server's task go on
        writer.close()
        await writer.wait_closed()
        return


def _counts(port: int, path: str = "/counts") -> dict[str, int]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    counts: dict[str, int] = json.loads(connection.getresponse().read())
    connection.close()
    return counts


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (b'{"model":"bench-json","messages":[]}', b"bench-json"),
        (b'{"messages": [{"role": "user"}], "model": "bench-paced"}', b"bench-paced"),
        (b'{"messages":[]}', b""),
    ],
    ids=["as it was sent", "written anew", "none"],
)
def test_a_model_is_found_however_a_gateway_writes(body: bytes, model: bytes) -> None:
    """Some parse a request and write it anew."""
    assert model == model_of(body)


def test_every_prepared_answer_is_whole() -> None:
    """Its head tells its length; a burst's events are as many as are counted."""
    for name, prepared in WHOLE.items():
        head, _, body = prepared.content.partition(b"\r\n\r\n")
        if prepared.events:
            assert (prepared.events, True) == (body.count(b"data: "), body.endswith(b"0\r\n\r\n")), name
        else:
            assert b"Content-Length: %d\r\n" % len(body) in head + b"\r\n", name


def test_long_prompts_are_as_long_as_they_say() -> None:
    """64 KB, give or take a sentence."""
    assert abs(len(case_named("prompt-32").body) - PROMPT_BYTES) < 300


def test_a_large_site_has_500_models_in_each_of_50_places() -> None:
    """None in two places, but for the benchmark's own: two candidates, as in the small house."""
    assert 50 == len(providers(1)) == PROVIDERS
    lists = [
        [each["id"] for each in json.loads(listing(b"/wide/%d/v1/models" % n).partition(b"\r\n\r\n")[2])["data"]]
        for n in range(PROVIDERS)
    ]
    own = [name for each in lists for name in each if name not in MODELS]
    assert PROVIDERS * MODELS_PER_WIDE == len(own) == len(set(own))
    assert 2 == sum("bench-json" in each for each in lists)


def test_streams_follow_one_another_on_a_connection() -> None:
    """The first event is there at once, with a delay that is told; the end is in order."""
    delays: list[float] = []

    async def follow() -> dict[str, int]:
        async with _upstream() as port:
            stream = await connected(port, request_of(case_named("first-256"), "key", {}), delays.append)
            for _ in range(2):
                stream.ask()
                await stream.has_begun
                await stream.has_ended
            assert stream.can_ask
            stream.close()
            return await asyncio.to_thread(_counts, port)

    counts = asyncio.run(follow())
    assert (2, 2, 0) == (counts["requests"], counts["events"], counts["streams"])
    assert (2, True) == (len(delays), all(delay > 0 for delay in delays))


def test_streams_that_are_left_open_can_be_ended() -> None:
    """Some gateways forget them; the next contender must not wait."""

    async def leave() -> tuple[int, int]:
        async with _upstream() as port:
            request = request_of(case_named("idle-1000"), "key", {})
            streams = await open_streams(port, request, 40, lambda _: None)
            before = await asyncio.to_thread(_counts, port)
            after = await asyncio.to_thread(_counts, port, "/end")
            for stream in streams:
                await stream.has_ended
                stream.close()
            return before["streams"], after["streams"]

    assert (40, 0) == asyncio.run(leave())


def test_a_stream_that_is_refused_says_so() -> None:
    """With the status, and how many had begun."""
    case = replace(case_named("idle-1000"), model="bench-none")

    async def refused() -> None:
        async with _upstream() as port:
            await open_streams(port, request_of(case, "key", {}), 3, lambda _: None)

    with pytest.raises(SampleFailed, match="0 of 3 streams began, then a stream was answered with status 404"):
        asyncio.run(refused())


def test_a_gateway_that_has_ended_is_told() -> None:
    """Nobody listens on port 1."""
    with pytest.raises(SampleFailed, match="takes no connection"):
        asyncio.run(open_streams(1, b"", 1, lambda _: None))
