"""Recordings that the router has written down for its own use."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from fakes import FakeForward, Sent, Step, head, transcription_card
from houses import FakeHouse
from running import run, until
from uploading import parts_of

from router.domain import Endpoint
from router.errors import ConnectionLost, Forbidden, InvalidRequest, NothingCanServe, UpstreamFault
from router.transcribing import MAX_ANSWER_BYTES

RECORDING = b"RIFF\r\n--odd\r\n" + bytes(range(256))


def _answer(body: bytes, status: int = 200) -> list[Step]:
    return [head(status, (b"Content-Type", b"application/json")), body]


def _house(*scripts: Sequence[Step] | UpstreamFault, second: Sequence[Step] | None = None) -> FakeHouse:
    providers = [FakeForward(transcription_card("one", tier=1), *scripts)]
    if second is not None:
        providers.append(FakeForward(transcription_card("two", tier=2), second))
    house = FakeHouse(*providers)
    for provider in providers:
        house.report(provider.card.id, f"whisper-{provider.card.id}")
    return house


async def _transcript(house: FakeHouse, filename: str = "speech.wav", **more: Any) -> str:
    asked = {"request_id": "req-1", "may_use": lambda _: True, **more}
    return await house.transcriber.transcript(RECORDING, filename, **asked)


def _sent(house: FakeHouse, name: str = "one") -> Sent:
    return house.upstream(name).sent[0]


def _parts(sent: Sent) -> dict[str, tuple[str | None, bytes]]:
    content_type = sent.get("content-type")
    assert content_type is not None
    return {name: (filename, content) for name, filename, content in parts_of(content_type, sent.body)}


def test_a_recording_becomes_its_text() -> None:
    """Asked for as any client would."""
    house = _house(_answer(b'{"text":"hello","usage":{"input_tokens":7,"output_tokens":2}}'))
    assert "hello" == run(_transcript(house, language="de", client="kid"))
    sent = _sent(house)
    assert Endpoint.TRANSCRIPTIONS is sent.endpoint
    assert {
        "model": (None, b"whisper-one"),
        "response_format": (None, b"json"),
        "language": (None, b"de"),
        "file": ("speech.wav", RECORDING),
    } == _parts(sent)
    assert (b"req-1", b"1.1 local-ai-router-0123abcd") == (sent.get("x-request-id"), sent.get("via"))


def test_it_is_a_request_of_its_own() -> None:
    """In metrics and log."""
    house = _house(_answer(b'{"text":"hello"}'))
    run(_transcript(house, client="kid"))
    started, finished = house.observer.started, house.observer.finished
    assert started == finished
    record = finished[0]
    assert ("transcriptions", "req-1", "kid", "one", "whisper-one", 200, "ok") == (
        record.endpoint,
        record.request_id,
        record.client,
        record.provider,
        record.model,
        record.status,
        record.outcome,
    )


@pytest.mark.parametrize(
    "script",
    [
        [ConnectionLost("cut")],
        _answer(b"{}", 503),
        _answer(b'{"text":'),
        _answer(b'{"no":"text"}'),
        [head(200), b'{"text":"ha', ConnectionLost("cut in the middle")],
        [head(200), b"x" * (MAX_ANSWER_BYTES + 1)],
    ],
    ids=["cut", "503", "broken", "no text", "cut in the middle", "too long"],
)
def test_what_fails_is_written_down_by_the_next(script: list[Step]) -> None:
    """Also in the middle of the answer, of which nobody has heard."""
    house = _house(script, second=_answer(b'{"text":"two"}'))
    assert "two" == run(_transcript(house))
    assert ("ok", 2) == (house.observer.finished[0].outcome, house.observer.finished[0].attempts)


def test_what_a_provider_refuses_is_the_recordings_fault() -> None:
    """Its message goes on to whoever sent it."""
    house = _house(_answer(b'{"error":{"message":"too short","code":"audio_too_short"}}', 400))
    with pytest.raises(InvalidRequest) as caught:
        run(_transcript(house))
    error = caught.value
    assert (400, "one: too short", "messages", "audio_too_short") == (
        error.status,
        error.message,
        error.param,
        error.code,
    )
    assert "caller_bad_request" == house.observer.finished[0].outcome


def test_where_nobody_transcribes_it_is_told_so() -> None:
    """The chat's audio needs somebody."""
    house = FakeHouse()
    with pytest.raises(InvalidRequest) as caught:
        run(_transcript(house))
    assert ("messages", "transcription_unavailable") == (caught.value.param, caught.value.code)
    assert "serves: [transcription]" in caught.value.message


def test_when_everybody_fails_nothing_can_serve() -> None:
    """As for a client."""
    house = _house([ConnectionLost("cut")])
    with pytest.raises(NothingCanServe):
        run(_transcript(house))
    assert "provider_none" == house.observer.finished[0].outcome


def test_who_may_not_use_it_is_refused() -> None:
    """By the name of the default model."""
    asked: list[str] = []

    def may_use(name: str) -> bool:
        asked.append(name)
        return False

    house = _house(_answer(b'{"text":"hello"}'))
    with pytest.raises(Forbidden):
        run(_transcript(house, may_use=may_use))
    assert ["transcription"] == asked
    assert "caller_forbidden" == house.observer.finished[0].outcome


def test_cancelling_it_frees_the_provider() -> None:
    """The chat's client has left."""
    house = _house([asyncio.Event()])

    async def main() -> tuple[bool, str]:
        task = asyncio.create_task(_transcript(house))
        provider = house.upstream("one")
        await until(lambda: provider.exchanges != [])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return provider.exchanges[0].is_aborted, house.observer.finished[0].outcome

    assert (True, "caller_gone") == run(main())


def test_an_odd_filename_cannot_leave_its_header() -> None:
    """Its ending tells the format."""
    house = _house(_answer(b'{"text":"hello"}'))
    run(_transcript(house, 'a"\r\nX: y\\.mp3'))
    assert ("a___X: y_.mp3", RECORDING) == _parts(_sent(house))["file"]
