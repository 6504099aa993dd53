"""The voice library over HTTP, on a real socket with real children: uploads good, bad and hostile."""

import asyncio
import hashlib
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

import recordings
import sound
from cloning import CLONER, pitch_of, tone
from fakes import FAKE
from nodes import eventually, hosted
from tts_node.app import App
from tts_node.voices.library import Upload
from tts_node.voices.shelf import LibraryVoice

pytestmark = pytest.mark.anyio
ANNA = recordings.voice(120)
BERT = recordings.voice(180)
ROUTE = "/v1/audio/voices"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A node whose engine copies voices, and an empty library."""
    async with hosted(CLONER) as (_, client):
        yield client


async def post(client: httpx.AsyncClient, data: bytes = ANNA, name: str = "Anna", **fields: str) -> httpx.Response:
    """An upload as OpenAI's clients send it."""
    files = {"audio_sample": ("sample.wav", data, "audio/wav")}
    return await client.post(ROUTE, data={"name": name} | fields, files=files)


async def listed(client: httpx.AsyncClient) -> list[Any]:
    """The library's voices."""
    return [row for row in (await client.get(ROUTE)).json()["voices"] if not row["builtin"]]


async def speak(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    """One sentence as PCM."""
    wish = {"input": "Hello there, how are you?", "response_format": "pcm"}
    return await client.post("/v1/audio/speech", json=wish | body)


async def test_an_upload_answers_as_openai_does(client: httpx.AsyncClient) -> None:
    """object, id, name, created_at; and what else is known."""
    answer = await post(client, language="de", gender="female", consent="cons_123")
    assert 200 == answer.status_code, answer.text
    row = answer.json()
    content_hash = hashlib.sha256(ANNA).hexdigest()
    expected = {
        "object": "audio.voice",
        "id": f"voice_{content_hash[:24]}",
        "name": "Anna",
        "hash": content_hash,
        "language": "de",
        "gender": "female",
        "builtin": False,
        "default": False,
        "engines": ["cloner"],
        "warnings": [],
    }
    assert expected.items() <= row.items()
    assert row["created_at"] > 1_700_000_000
    assert [row] == await listed(client)
    assert row == (await client.get(f"{ROUTE}/{row['id']}")).json() == (await client.get(f"{ROUTE}/anna")).json()


async def test_library_voices_come_first(client: httpx.AsyncClient) -> None:
    """Then the engines' own."""
    await post(client)
    rows = (await client.get("/audio/voices")).json()["voices"]
    assert [False, True, "alloy"] == [rows[0]["builtin"], rows[1]["builtin"], rows[1]["id"]]


async def test_speech_with_a_copied_voice(client: httpx.AsyncClient) -> None:
    """By id, by name, and as {"id"}: the same sound, and the headers say whose it is."""
    row = (await post(client)).json()
    answers = [await speak(client, voice=wanted) for wanted in (row["id"], "ANNA", {"id": row["id"]})]
    for answer in answers:
        assert 200 == answer.status_code, answer.text
        assert (row["id"], row["hash"]) == (answer.headers["x-tts-voice"], answer.headers["x-tts-voice-hash"])
        assert tone(pitch_of(row["hash"]), 1.25) == answer.content
    own = await speak(client, voice="nova")
    assert "x-tts-voice-hash" not in own.headers
    assert tone(220, 1.25) == own.content


async def test_voices_do_not_bleed(client: httpx.AsyncClient) -> None:
    """Nine requests at once with two voices and none: each sounds like its own."""
    rows = [(await post(client)).json(), (await post(client, BERT, "Bert")).json()]
    wishes = [[*rows, None][n % 3] for n in range(9)]
    answers = await asyncio.gather(*(speak(client, voice=row["id"] if row else "nova") for row in wishes))
    expected = [tone(pitch_of(row["hash"]) if row else 220, 1.25) for row in wishes]
    assert expected == [answer.content for answer in answers]


async def test_a_deleted_voice_is_missing_and_may_come_again(client: httpx.AsyncClient) -> None:
    """404 `voice_missing` is what a router pulls by."""
    row = (await post(client)).json()
    assert {"object": "audio.voice.deleted", "id": row["id"], "deleted": True} == (
        await client.delete(f"{ROUTE}/{row['id']}")
    ).json()
    missing = await speak(client, voice=row["id"])
    assert (404, "voice_missing") == (missing.status_code, missing.json()["error"]["code"])
    assert 404 == (await client.delete(f"{ROUTE}/{row['id']}")).status_code
    files = {"audio_sample": ANNA}
    again = await client.put(f"{ROUTE}/{row['id']}", data={"name": "Anna", "created_at": "77"}, files=files)
    assert (201, 77) == (again.status_code, again.json()["created_at"])
    assert 200 == (await client.put(f"{ROUTE}/{row['id']}", data={"name": "Anna"}, files=files)).status_code
    assert row["hash"] == (await speak(client, voice=row["id"])).headers["x-tts-voice-hash"]


async def test_a_copy_must_be_what_its_id_says(client: httpx.AsyncClient) -> None:
    """400 `hash_mismatch`, and ids that are none."""
    for voice_id, code in (
        ("voice_" + "0" * 24, "hash_mismatch"),
        ("..%2f..%2fetc", None),
        ("anna", "invalid_id"),
    ):
        answer = await client.put(f"{ROUTE}/{voice_id}", data={"name": "Anna"}, files={"audio_sample": ANNA})
        assert answer.status_code in ({400} if code else {400, 404})
        assert code in (answer.json()["error"]["code"], None)
    assert [] == await listed(client)


async def test_preview_and_original(client: httpx.AsyncClient) -> None:
    """A short WAV to hear; the bytes as they came, for another library."""
    row = (await post(client, recordings.voice(duration_s=30))).json()
    preview = await client.get(f"{ROUTE}/{row['id']}/preview")
    assert "audio/wav" == preview.headers["content-type"]
    assert 10.0 == sound.decode(preview.content, "wav").duration_s
    original = await client.get(f"{ROUTE}/{row['id']}/clip")
    assert row["hash"] == hashlib.sha256(original.content).hexdigest() == original.headers["x-tts-voice-hash"]
    assert ("nosniff", "attachment") == (
        original.headers["x-content-type-options"],
        original.headers["content-disposition"],
    )


async def test_details_can_be_changed(client: httpx.AsyncClient) -> None:
    """By PATCH and by POST; what is not given stays, null clears; the list's revision changes."""
    row = (await post(client, language="de")).json()
    before = (await client.get("/health")).json()["voices_revision"]
    changed = (await client.patch(f"{ROUTE}/{row['id']}", json={"name": "Berta", "aliases": ["Alloy"]})).json()
    assert ("Berta", "de", ["alloy"]) == (changed["name"], changed["language"], changed["aliases"])
    assert before != (await client.get("/health")).json()["voices_revision"]
    assert row["hash"] == (await speak(client, voice="alloy")).headers["x-tts-voice-hash"]
    cleared = (await client.post(f"{ROUTE}/{row['id']}", json={"language": None, "aliases": []})).json()
    assert (None, []) == (cleared["language"], cleared["aliases"])
    assert 400 == (await client.patch(f"{ROUTE}/{row['id']}", json={"hash": "x"})).status_code
    assert 409 == (await client.patch(f"{ROUTE}/alloy", json={"name": "x"})).status_code


async def test_an_alias_is_no_handle(client: httpx.AsyncClient) -> None:
    """It may be another's own voice: 409 that names the voice; nothing is changed or deleted."""
    row = (await post(client, aliases="alloy,boss")).json()
    if not row["aliases"]:
        row = (await client.patch(f"{ROUTE}/{row['id']}", json={"aliases": ["alloy", "boss"]})).json()
    for alias in ("alloy", "Boss"):
        for answer in (
            await client.delete(f"{ROUTE}/{alias}"),
            await client.patch(f"{ROUTE}/{alias}", json={"name": "x"}),
        ):
            assert (409, "voice_alias") == (answer.status_code, answer.json()["error"]["code"])
            assert "'Anna'" in answer.json()["error"]["message"]
    assert [row] == await listed(client)
    assert 200 == (await client.delete(f"{ROUTE}/anna")).status_code


async def test_an_upload_that_nobody_can_speak_with_says_so() -> None:
    """It is kept, with what to do."""
    async with hosted(FAKE) as (_, client):
        warnings = (await post(client)).json()["warnings"]
    assert "tts-node download chatterbox-turbo" in warnings[-1]


async def test_the_default_voice(client: httpx.AsyncClient) -> None:
    """Speaks when none is asked for; null takes it back."""
    row = (await post(client)).json()
    default = f"{ROUTE}/default"
    assert {"voice": None} == (await client.get(default)).json()
    assert {"voice": row["id"]} == (await client.put(default, json={"voice": "anna"})).json()
    assert row["hash"] == (await speak(client)).headers["x-tts-voice-hash"]
    assert True is (await listed(client))[0]["default"]
    assert {"voice": None} == (await client.put(default, json={"voice": None})).json()
    assert "x-tts-voice-hash" not in (await speak(client)).headers
    assert 404 == (await client.put(default, json={"voice": "nobody"})).status_code
    assert [400, 400] == [(await client.put(default, json=each)).status_code for each in ({"voice": 7}, {})]


async def test_a_voice_is_prepared_ahead(client: httpx.AsyncClient) -> None:
    """Not while the model is cold, unless that is wished."""
    row = (await post(client)).json()
    prepare = f"{ROUTE}/{row['id']}/prepare"
    assert False is (await client.post(prepare)).json()["prepared"]
    assert True is (await client.post(prepare, params={"load": "true"})).json()["prepared"]
    assert 404 == (await client.post(f"{ROUTE}/nobody/prepare")).status_code
    await client.post("/yield")
    assert 503 == (await client.post(prepare)).status_code


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


@asynccontextmanager
async def node_in(folder: Path) -> AsyncIterator[tuple[App, httpx.AsyncClient]]:
    """A node whose library is there."""
    async with hosted(CLONER, voices_dir=str(folder)) as (app, client):
        yield app, client


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


async def test_a_recording_in_the_folder_is_served(tmp_path: Path) -> None:
    """`anna.wav` mounted into the library's folder is the voice anna soon after the start."""
    (tmp_path / "anna.wav").write_bytes(ANNA)
    async with node_in(tmp_path) as (app, client):
        assert await asyncio.to_thread(eventually, lambda: bool(app.library.voices))
        assert hashlib.sha256(ANNA).hexdigest() == (await speak(client, voice="anna")).headers["x-tts-voice-hash"]


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
