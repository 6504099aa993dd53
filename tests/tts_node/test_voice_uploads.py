"""Uploads to the voice library, on a real socket with real children: good, bad, hostile and many at once."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

import recordings
from fakes import FAKE
from library import ANNA, BERT, ROUTE, listed, node_in, post
from nodes import hosted
from tts_node.voices.library import Upload
from tts_node.voices.shelf import LibraryVoice

pytestmark = pytest.mark.anyio


async def test_an_upload_that_nobody_can_speak_with_says_so() -> None:
    """It is kept, with what to do."""
    async with hosted(FAKE) as (_, client):
        warnings = (await post(client)).json()["warnings"]
    assert "tts-node download chatterbox-turbo" in warnings[-1]


async def test_a_short_recording_serves_whom_it_can(client: httpx.AsyncClient) -> None:
    """Too short for the engine here: refused at once, with what to do."""
    answer = await post(client, recordings.voice(duration_s=1.8))
    assert (400, "clip_too_short") == (answer.status_code, answer.json()["error"]["code"])
    assert "1.8 s; record at least 6 s of continuous speech" in answer.json()["error"]["message"]


HOSTILE = {
    "nothing": (b"", "empty_file"),
    "text": (b"I am a voice. " * 1000, "unreadable_audio"),
    "zip": (b"PK\x03\x04" + bytes(1000), "unreadable_audio"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(1000), "unreadable_audio"),
    "play list": (b"#EXTM3U\n#EXTINF:10,\nfile:///etc/hostname\n", "unreadable_audio"),
    "an hour of silence": (recordings.encoded(bytes(24_000 * 2 * 3600), "flac", "flac"), "clip_silent"),
    "a cut MP3": (recordings.encoded(recordings.speech(2), "mp3", "libmp3lame", "s16p")[:3000], "clip_too_short"),
    "much noise": (recordings.wav(recordings.speech(noise=0.3)), "clip_noisy"),
    "overdriven": (recordings.wav(recordings.speech(gain=20)), "clip_clipped"),
}


async def test_hostile_files_are_refused(client: httpx.AsyncClient) -> None:
    """Each with a 400 that says why; nothing is kept; the node serves on."""
    for what, (data, code) in HOSTILE.items():
        answer = await post(client, data)
        assert (what, 400, code) == (what, answer.status_code, answer.json()["error"]["code"])
    assert [] == await listed(client)
    assert 200 == (await post(client, recordings.lying_wav(recordings.speech()))).status_code
    assert 200 == (await post(client, recordings.film(), "Film")).status_code


async def test_names_and_file_names_are_no_paths(client: httpx.AsyncClient) -> None:
    """A file name is not even looked at; a name with slashes is refused."""
    for name in ("../../evil", "..\\evil", "a\0b", ""):
        assert (400, "invalid_name") == (
            (answer := await post(client, name=name)).status_code,
            answer.json()["error"]["code"],
        )
    files = {"audio_sample": ("../../../../tmp/evil.wav", ANNA, "audio/wav")}
    assert 200 == (await client.post(ROUTE, data={"name": "Anna"}, files=files)).status_code
    for path in ("..%2f..%2fetc%2fpasswd", "%2e%2e", "voice_..%2f"):
        for method in ("GET", "DELETE"):
            assert 404 == (await client.request(method, f"{ROUTE}/{path}")).status_code
    assert 1 == len(await listed(client))


async def test_a_body_beyond_bounds_is_refused(client: httpx.AsyncClient) -> None:
    """10 MiB of sound, a few fields, one file: 413 or 400, at once."""
    huge = await post(client, bytes(10 * 2**20 + 1))
    assert (413, "file_too_large") == (huge.status_code, huge.json()["error"]["code"])
    assert 413 == (await post(client, bytes(11 * 2**20))).status_code
    many = {f"field{n}": "x" for n in range(100)}
    assert 400 == (await post(client, ANNA, "Anna", **many)).status_code
    assert 400 == (await post(client, name="x" * 100_000)).status_code
    two = [("audio_sample", ("a", ANNA)), ("audio_sample", ("b", BERT))]
    assert 400 == (await client.post(ROUTE, data={"name": "Anna"}, files=two)).status_code


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--y\r\n\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nAnna\r\n--x--',
        ),
        (
            "multipart/form-data; boundary=x; charset=klingon",
            b'--x\r\nContent-Disposition: form-data; name="n"\r\n\r\n1',
        ),
        ("multipart/form-data; boundary=" + "x" * 300, b"--" + b"x" * 300),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\r\n--x--',
        ),
        ("", b""),
    ],
)
async def test_what_is_no_upload_is_a_400(client: httpx.AsyncClient, content_type: str, body: bytes) -> None:
    """Never a 500."""
    answer = await client.post(ROUTE, content=body, headers={"content-type": content_type})
    assert 400 == answer.status_code, answer.text
    assert {"message", "type", "param", "code"} == set(answer.json()["error"])


async def test_two_uploads_of_one_name_race(client: httpx.AsyncClient) -> None:
    """One is kept, the other is a 409."""
    answers = await asyncio.gather(post(client, ANNA), post(client, BERT))
    assert [200, 409] == sorted(answer.status_code for answer in answers)
    assert 1 == len(await listed(client))


async def test_an_upload_cut_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    """The connection goes after half the file: no voice, no folder, and the place is free again."""
    async with node_in(tmp_path) as (app, client):
        for _ in range(6):  # more than there are places
            await asyncio.to_thread(_cut_upload, str(client.base_url))
        assert 200 == (await post(client)).status_code
        assert 1 == len(os.listdir(tmp_path))
        assert 1 == len(app.library.voices)


def _cut_upload(url: str) -> None:
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port)) as connection:
        connection.sendall(
            b"POST /v1/audio/voices HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
            b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nAnna\r\n'
            b'--x\r\nContent-Disposition: form-data; name="audio_sample"; filename="a"\r\n\r\n' + ANNA
        )


async def test_more_uploads_than_places_wait_outside(tmp_path: Path) -> None:
    """The fifth body is a 429 with Retry-After, not memory."""
    async with node_in(tmp_path) as (_, client):
        started = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"--x\r\n"
            started.set()
            await asyncio.Event().wait()

        headers = {"content-type": "multipart/form-data; boundary=x"}
        busy = []
        for _ in range(4):
            started.clear()
            busy.append(asyncio.create_task(client.post(ROUTE, content=slow(), headers=headers)))
            await started.wait()
        async with asyncio.timeout(60):
            while (answer := await post(client)).status_code == 200:
                await client.delete(f"{ROUTE}/anna")
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
    assert (429, "uploads_full") == (answer.status_code, answer.json()["error"]["code"])
    assert int(answer.headers["retry-after"]) > 0


async def test_an_upload_keeps_its_place_until_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings that wait for a reader are bounded too: no new one, and no copy, beside four of them."""
    async with node_in(tmp_path) as (app, client):
        arrived, may_go = asyncio.Semaphore(0), asyncio.Event()
        add = app.library.add

        async def slow_add(upload: Upload) -> LibraryVoice:
            arrived.release()
            await may_go.wait()
            return await add(upload)

        monkeypatch.setattr(app.library, "add", slow_add)
        waiting = [asyncio.create_task(post(client, name=f"Anna {number}")) for number in range(4)]
        for _ in waiting:
            await arrived.acquire()
        copy = client.put(f"{ROUTE}/voice_{'0' * 24}", data={"name": "Bert"}, files={"audio_sample": BERT})
        refusals = await asyncio.wait_for(asyncio.gather(post(client, BERT, "Bert"), copy), 60)
        may_go.set()
        await asyncio.gather(*waiting)
        assert 200 == (await post(client, BERT, "Bert")).status_code
    for answer in refusals:
        assert (429, "uploads_full") == (answer.status_code, answer.json()["error"]["code"])
        assert int(answer.headers["retry-after"]) > 0


async def test_health_stays_quick_while_uploads_are_read(client: httpx.AsyncClient) -> None:
    """A body full of line ends is the parser's worst case: it is taken in small steps. By the processor's clock,
    which other work on the machine does not move: server and client are this process."""
    nasty = b"\r\n" * (5 * 2**20 - 1000)
    upload = asyncio.create_task(post(client, nasty))
    waits = []
    while not upload.done():
        started_s = time.process_time()
        assert 200 == (await client.get("/health")).status_code
        waits.append(time.process_time() - started_s)
    assert 400 == (await upload).status_code
    assert max(waits) < 0.25
