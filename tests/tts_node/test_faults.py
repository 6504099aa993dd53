"""Engines that fail behind the real HTTP server: what the client sees of it."""

import asyncio

import httpx
import pytest

from nodes import hosted

pytestmark = pytest.mark.anyio


async def test_a_fault_before_the_first_byte_has_its_status() -> None:
    """503 with Retry-After and the error's shape, streamed or not, events or not."""
    async with hosted() as (_, client):
        for extra in ({}, {"stream": True}, {"stream_format": "sse"}):
            reply = await client.post("/v1/audio/speech", json={"input": "exit"} | extra)
            assert (503, "1") == (reply.status_code, reply.headers["Retry-After"])
            assert ["message", "type", "param", "code"] == list(reply.json()["error"])
            assert "engine_crashed" == reply.json()["error"]["code"]
        assert 200 == (await client.post("/v1/audio/speech", json={"input": "audio"})).status_code


async def test_a_voice_that_vanished_is_missing() -> None:
    """Deleted between its order and its turn: the same 404 as before the order, and no path."""
    async with hosted() as (_, client):
        reply = await client.post("/v1/audio/speech", json={"input": "lose"})
        error = reply.json()["error"]
        assert (404, "voice", "voice_missing") == (reply.status_code, error["param"], error["code"])
        assert "/" not in error["message"]
        assert 200 == (await client.post("/v1/audio/speech", json={"input": "audio"})).status_code


async def test_a_complete_reply_is_whole_or_an_error() -> None:
    """Audio made before the fault is not sent."""
    async with hosted() as (_, client):
        reply = await client.post("/v1/audio/speech", json={"input": "audio exit"})
        assert (503, "application/json") == (reply.status_code, reply.headers["Content-Type"])


async def test_a_fault_after_the_first_byte_cuts() -> None:
    """The stream ends without its last chunk: a client knows that it is short."""
    async with hosted() as (_, client):
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            await client.post(
                "/v1/audio/speech", json={"input": "audio exit", "stream": True, "response_format": "pcm"}
            )
        metrics = (await client.get("/metrics")).text
        assert 'tts_node_requests_total{outcome="engine_crashed"} 1.0' in metrics


async def test_events_tell_the_fault_before_the_cut() -> None:
    """An `error` event with all four keys, no `done`, then the cut."""
    parts: list[bytes] = []

    async def hear(reply: httpx.Response) -> None:
        async for part in reply.aiter_bytes():
            parts.append(part)  # noqa: PERF401  what came before the cut must be kept

    async with hosted() as (_, client):
        body = {"input": "audio raise", "stream_format": "sse", "response_format": "pcm"}
        async with client.stream("POST", "/v1/audio/speech", json=body) as reply:
            with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
                await hear(reply)
    received = b"".join(parts)
    assert b"event: error\ndata: {" in received
    assert b'"code":"engine_failed"' in received
    assert b"speech.audio.done" not in received


async def test_a_hang_is_ended_by_the_watchdog() -> None:
    """503, and the next request works."""
    async with hosted(watchdog_s="2") as (_, client):
        reply = await client.post("/v1/audio/speech", json={"input": "hang"})
        assert (503, "engine_hung") == (reply.status_code, reply.json()["error"]["code"])
        assert 200 == (await client.post("/v1/audio/speech", json={"input": "audio"})).status_code


async def test_leaving_while_the_model_loads_frees_the_turn() -> None:
    """The load goes on for the next."""
    async with hosted(simulate="load=3") as (app, client):
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/v1/audio/speech", json={"input": "audio"}, timeout=httpx.Timeout(60, read=0.3))
        slot = app.node.model(None).slot
        async with asyncio.timeout(60):
            while (await client.get("/health")).json()["queue"]["busy"]:
                pass
        assert "loading" == slot.state
        assert 200 == (await client.post("/v1/audio/speech", json={"input": "audio"})).status_code


async def test_a_slow_upload_is_not_waited_for() -> None:
    """408 when the body does not arrive in time."""
    async with hosted(body_timeout_s="0.2") as (_, client):
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(b'POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{"input":')
        async with asyncio.timeout(60):
            assert b"HTTP/1.1 408 Request Timeout\r\n" == await reader.readline()
        writer.close()
        await writer.wait_closed()
