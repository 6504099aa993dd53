"""The voice library over HTTP, on a real socket with real children: what it keeps, lists, changes and speaks with.

`test_voice_uploads.py` is about uploads that are refused.
"""

import asyncio
import hashlib
from pathlib import Path

import httpx
import pytest

import recordings
import sound
from cloning import pitch_of, tone
from library import ANNA, BERT, ROUTE, listed, node_in, post, speak
from nodes import eventually

pytestmark = pytest.mark.anyio


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


async def test_a_recording_in_the_folder_is_served(tmp_path: Path) -> None:
    """`anna.wav` mounted into the library's folder is the voice anna soon after the start."""
    (tmp_path / "anna.wav").write_bytes(ANNA)
    async with node_in(tmp_path) as (app, client):
        assert await asyncio.to_thread(eventually, lambda: bool(app.library.voices))
        assert hashlib.sha256(ANNA).hexdigest() == (await speak(client, voice="anna")).headers["x-tts-voice-hash"]
