"""Recordings through the whole router: routed by the form's model, passed on, and gone afterwards."""

import asyncio
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import JSON, SECRET, FakeForward, Step, chat_card, head, transcription_card, whole
from houses import Answer, FakeHouse
from running import run, until
from uploading import BOUNDARY, FORM, descriptors, field, file, form

from router.api import uploads
from router.api.admission import key_hash
from router.domain import Endpoint
from router.errors import ConnectionLost, DialRefused, Silent, UpstreamFault
from router.ports import Header

TRANSCRIPTIONS = "/v1/audio/transcriptions"
TEXT = b'{"text":"hello"}'
RECORDING = bytes(range(256)) * 40
BODY = form(file(RECORDING), field("model", "whisper-1"))
LARGE = form(file(RECORDING * 400), field("model", "whisper-1"))  # 4 MB: kept on the disk


def _house(*first: Sequence[Step] | UpstreamFault, settings: dict[str, Any] | None = None) -> FakeHouse:
    house = FakeHouse(
        FakeForward(transcription_card("one", tier=1), *first),
        FakeForward(transcription_card("two", tier=2), whole(b'{"text":"two"}')),
        settings=settings,
    )
    house.report("one", "large")
    house.report("two", "small")
    return house


def _ask(
    house: FakeHouse, body: bytes | Sequence[bytes] = BODY, *headers: Header, path: str = TRANSCRIPTIONS
) -> Answer:
    return run(house.ask("POST", path, body, [FORM, *headers]))


def test_a_recording_goes_to_who_transcribes_by_its_own_name_for_the_model() -> None:
    """The form is as it came, but for that; the key and what is not for upstreams stay here."""
    house = _house(whole(TEXT))
    answer = _ask(house, BODY, (b"authorization", b"Bearer x"), (b"traceparent", b"00-1"))
    sent = house.upstream("one").sent[0]
    assert (200, TEXT) == (answer.status, answer.body)
    assert ("one", "large", "1") == tuple(
        answer.get(f"x-router-{name}") for name in ("provider", "model", "attempts")
    )
    assert (Endpoint.TRANSCRIPTIONS, form(file(RECORDING), field("model", "large"))) == (sent.endpoint, sent.body)
    assert (f'multipart/form-data; boundary="{BOUNDARY}"'.encode(), None, b"00-1") == tuple(
        sent.get(name) for name in ("content-type", "authorization", "traceparent")
    )
    record = house.observer.finished[0]
    assert ("transcriptions", "ok", 200, "one") == (
        record.endpoint,
        record.outcome,
        record.status,
        record.provider,
    )


def test_translations_have_their_own_path() -> None:
    """The same servers, another question."""
    house = _house(whole(TEXT))
    assert 200 == _ask(house, path="/v1/audio/translations").status
    assert Endpoint.TRANSLATIONS is house.upstream("one").sent[0].endpoint
    assert "translations" == house.observer.finished[0].endpoint


@pytest.mark.parametrize("body", [BODY, LARGE], ids=["in memory", "on the disk"])
@pytest.mark.parametrize(
    "fault",
    [
        DialRefused("nobody listens"),
        whole(b"{}", status=503),
        [head(200, JSON), ConnectionLost("cut")],
        [ConnectionLost("cut")],
        [Silent("took nothing")],
    ],
    ids=["refused", "503", "cut before the first byte", "cut", "takes nothing"],
)
def test_a_failing_provider_costs_the_client_nothing(body: bytes, fault: Any) -> None:
    """The next gets the whole recording under its own name for the model."""
    house = _house(fault)
    answer = _ask(house, body)
    assert (200, b'{"text":"two"}', "two", "2") == (
        answer.status,
        answer.body,
        answer.get("x-router-provider"),
        answer.get("x-router-attempts"),
    )
    assert body.replace(b"whisper-1", b"small") == house.upstream("two").sent[0].body


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_what_is_the_clients_fault_is_returned_as_it_is(status: int) -> None:
    """A format that the server does not know is not better known elsewhere, as far as anybody can tell."""
    house = _house(whole(b'{"error":{"message":"no such format"}}', status=status))
    assert (status, b'{"error":{"message":"no such format"}}') == (
        (answer := _ask(house)).status,
        answer.body,
    )
    assert [] == house.upstream("two").sent


def test_events_pass_as_they_come() -> None:
    """`stream=true`."""
    events = [b'data: {"type":"transcript.text.delta","delta":"a"}\n\n', b"data: [DONE]\n\n"]
    house = _house([head(200, (b"Content-Type", b"text/event-stream")), *events])
    answer = _ask(house, form(file(RECORDING), field("stream", "true")))
    assert (200, events) == (answer.status, answer.chunks)
    assert house.observer.finished[0].streamed


def test_a_silent_recording_has_an_empty_text() -> None:
    """Which is no broken answer; an empty JSON document is."""
    assert (200, b"", "one") == (
        (answer := _ask(_house(whole(b"", media_type=b"text/plain; charset=utf-8")))).status,
        answer.body,
        answer.get("x-router-provider"),
    )
    assert "two" == _ask(_house(whole(b""))).get("x-router-provider")


@pytest.mark.parametrize(
    ("body", "content_type", "status", "param", "code"),
    [
        (b'{"model":"whisper-1"}', b"application/json", 400, None, "multipart_required"),
        (form(field("model", "m")), FORM[1], 400, "file", "missing_field"),
        (BODY[:-4], FORM[1], 400, None, "invalid_multipart"),
        (form(file(b"x"), field("model", "larg")), FORM[1], 404, "model", "model_not_found"),
        (BODY * 30, FORM[1], 413, None, "payload_too_large"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_openais_shape(
    body: bytes, content_type: bytes, status: int, param: str | None, code: str
) -> None:
    """And nobody is asked."""
    house = _house(whole(TEXT), settings={"transcription": {"max_upload_mb": 0.25}})
    answer = run(house.ask("POST", TRANSCRIPTIONS, [body[:500], body[500:]], [(b"content-type", content_type)]))
    error = answer.json["error"]
    assert (status, param, code) == (answer.status, error["param"], error["code"])
    assert {"message", "type", "param", "code"} == set(error)
    assert [] == house.upstream("one").sent


def test_a_declared_length_is_refused_before_anything_is_read() -> None:
    """The bound is named."""
    house = _house(whole(TEXT), settings={"transcription": {"max_upload_mb": 1}})
    answer = _ask(house, BODY, (b"content-length", b"1048577"))
    assert (413, True) == (answer.status, "transcription.max_upload_mb" in answer.json["error"]["message"])


@pytest.mark.parametrize(("models", "status"), [(["llama*"], 403), (["transcription"], 200)])
def test_a_client_needs_the_model_that_it_means(models: list[str], status: int) -> None:
    """`whisper-1` is but a name for the default."""
    keys = {"clients": {"kid": {"key_sha256": key_hash("k"), "models": models}}}
    house = _house(whole(TEXT), settings=keys)
    assert status == _ask(house, BODY, (b"authorization", b"Bearer k")).status
    assert (status == 200) == bool(house.upstream("one").sent)


def test_where_nobody_transcribes_the_answer_says_what_to_add() -> None:
    """A router with chat alone."""
    house = FakeHouse(FakeForward(chat_card("llm"), whole(TEXT)))
    house.report("llm", "m")
    answer = _ask(house)
    assert (404, "transcription_unavailable") == (answer.status, answer.json["error"]["code"])


def test_a_provider_that_is_down_leaves_a_503_with_reasons() -> None:
    """Nothing of the key, and a line per provider."""
    house = _house(whole(b'{"error":{"message":"bad key %b"}}' % SECRET.encode(), status=500))
    house.roster.drain("two")
    answer = _ask(house)
    assert (503, False) == (answer.status, SECRET in answer.body.decode())
    assert "one" in answer.json["error"]["message"]


def test_uploads_at_once_are_bounded() -> None:
    """Each may fill the disk by `max_upload_mb`."""
    may_end = asyncio.Event()
    house = _house([may_end, *whole(TEXT)], settings={"transcription": {"max_uploads": 1}})

    async def main() -> tuple[int, str | None, list[int]]:
        first = asyncio.create_task(house.ask("POST", TRANSCRIPTIONS, BODY, [FORM]))
        await until(lambda: house.upstream("one").sent != [])
        second = await house.ask("POST", TRANSCRIPTIONS, BODY, [FORM])
        may_end.set()
        third = (await first, await house.ask("POST", TRANSCRIPTIONS, BODY, [FORM]))
        return second.status, second.get("retry-after"), [answer.status for answer in third]

    assert (429, "2", [200, 200]) == run(main())


@pytest.mark.parametrize(
    ("script", "leaves", "outcome"),
    [
        (whole(TEXT), None, "ok"),
        (whole(b"{}", status=400), None, "ok"),
        ([ConnectionLost("cut")], None, "ok"),
        ([asyncio.Event()], lambda _: True, "caller_gone"),
    ],
    ids=["answered", "refused", "failed over", "left by its client"],
)
def test_nothing_is_left_of_an_upload(
    script: list[Step],
    leaves: Callable[[Answer], bool] | None,
    outcome: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No descriptor, no file, no place taken."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = descriptors()
    house = _house(script)

    async def main() -> None:
        await house.ask("POST", TRANSCRIPTIONS, LARGE, [FORM], leaves=leaves)
        await until(lambda: descriptors() <= before)

    run(main())
    assert ([], "<Uploads 0 of 16>") == (list(tmp_path.iterdir()), repr(house.uploads))
    assert outcome == house.observer.finished[0].outcome


def test_a_client_that_stops_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its disconnect comes instead of the rest."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = descriptors()
    house = _house(whole(TEXT))
    inbound: list[dict[str, Any]] = [
        {"type": "http.request", "body": LARGE[:2_000_000], "more_body": True},
        {"type": "http.disconnect"},
    ]
    seen: list[int] = []

    async def receive() -> dict[str, Any]:
        if len(inbound) == 1:
            seen.append(len(descriptors() - before))
        return inbound.pop(0)

    async def send(message: dict[str, Any]) -> None:
        raise AssertionError("nobody is there")

    scope = {
        "type": "http",
        "method": "POST",
        "path": TRANSCRIPTIONS,
        "headers": [(b"host", b"127.0.0.1:8700"), FORM],
    }

    async def main() -> None:
        await house.entry(scope, receive, send)
        await until(lambda: descriptors() <= before)

    run(main())
    assert ([1], "caller_gone") == (seen, house.observer.finished[0].outcome)
    assert ([], []) == (list(tmp_path.iterdir()), house.upstream("one").sent)


@pytest.mark.parametrize("which", ["silence", "all"])
def test_an_upload_that_takes_too_long_is_a_408(which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a byte for so long, or however steadily."""
    monkeypatch.setattr(uploads, "SILENCE_S", 0.05 if which == "silence" else 60.0)
    house = _house(whole(TEXT), settings={"transcription": {"upload_s": 0.05 if which == "all" else 60}})

    async def main() -> tuple[int, str | None, bool]:
        answer = Answer()

        async def receive() -> dict[str, Any]:
            if which == "silence":
                await asyncio.Event().wait()
            await asyncio.sleep(0.01)
            return {"type": "http.request", "body": b"x", "more_body": True}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], list(message["headers"])
            else:
                answer.chunks.append(message["body"])

        scope = {
            "type": "http",
            "method": "POST",
            "path": TRANSCRIPTIONS,
            "headers": [(b"host", b"127.0.0.1:8700"), FORM],
        }
        await house.entry(scope, receive, send)
        return answer.status, answer.get("connection"), "upload_s" in json.dumps(answer.json)

    assert (408, "close", which == "all") == run(main())
