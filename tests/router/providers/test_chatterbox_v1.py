"""A Chatterbox server of a voice agent, at a fake of what document 002 says of it."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from clouds import TEXT, segment
from running import run
from seeds import KEY, chatterbox_v1_at
from vendors.chatterbox_v1 import ChatterboxV1
from vendors.server import RETRY_AFTER_S, Answer, Mode, serving

from router.domain import Model, Utterance, Voice
from router.errors import ConnectionLost, InvalidRequest, Malformed, Rejected, Silent, Untranslated, UpstreamFault
from router.health import ProviderSign
from router.ports import Probe
from router.providers.chatterbox_v1 import ChatterboxV1 as Provider

pytestmark = pytest.mark.usefixtures("_patient")
LENGTH_S = len(TEXT) / 15
USUAL = {"speed": 1.0, "pitch": 1.0, "volume": 1.0, "emotion": "neutral"}
TELEPHONE = {"sample_rate": 8000, "channels": 1, "codec": "pcm_s16le"}


@contextlib.asynccontextmanager
async def _server(fake: ChatterboxV1, **entry: Any) -> AsyncIterator[Provider]:
    async with serving(fake) as running:
        provider = chatterbox_v1_at(running, **entry)
        try:
            yield provider
        finally:
            await provider.aclose()


def _spoken(
    fake: ChatterboxV1 | None = None, voice: str | None = "voice_2", **wishes: Any
) -> tuple[Any, Utterance]:
    """The body that it was asked with, and what came of it."""
    fake, entry = fake or ChatterboxV1(), wishes.pop("entry", {})

    async def main() -> Utterance:
        async with _server(fake, **entry) as provider:
            return await provider.speak(segment(voice, **wishes), "model_1", "id-1")

    utterance = run(main())
    (asked,) = fake.spoken
    assert f"Bearer {KEY}" == asked.headers["authorization"]
    return asked.json, utterance


def _fault(fake: ChatterboxV1, **entry: Any) -> UpstreamFault:
    async def main() -> UpstreamFault:
        async with _server(fake, **entry) as provider:
            with pytest.raises(UpstreamFault) as caught:
                await provider.speak(segment("voice_1"), "model_1", "id-1")
            return caught.value

    return run(main())


@pytest.mark.proves(provider="chatterbox-v1", feature="speech", what="document 002's POST /api/v1/tts, Bearer key")
def test_a_segment_is_asked_for_in_the_documents_words() -> None:
    """All four settings, and no format unless one is configured."""
    body, utterance = _spoken()
    assert {"text": TEXT, "voice_id": "voice_2", "model_id": "model_1", "settings": USUAL} == body
    assert LENGTH_S == pytest.approx(utterance.duration_s, abs=0.01)
    assert "voice_2" == utterance.voice


@pytest.mark.proves(provider="chatterbox-v1", feature="parameters", what="speed, pitch, volume, emotion")
@pytest.mark.parametrize(
    ("wishes", "settings"),
    [
        ({"speed": 1.5}, {"speed": 1.5}),
        (
            {"options": {"pitch": 1.2, "volume": 0.5, "emotion": "happy"}},
            {"pitch": 1.2, "volume": 0.5, "emotion": "happy"},
        ),
        ({"options": {"pitch": 9, "volume": 0}}, {"pitch": 4.0, "volume": 0.0}),
        (
            {"entry": {"pitch": 0.9, "volume": 2.0, "emotion": "calm"}},
            {"pitch": 0.9, "volume": 2.0, "emotion": "calm"},
        ),
        ({"entry": {"emotion": "calm"}, "options": {"emotion": "sad"}}, {"emotion": "sad"}),
    ],
)
def test_settings(wishes: dict[str, Any], settings: dict[str, object]) -> None:
    """The request's words go before the configuration."""
    body, _ = _spoken(**wishes)
    assert {**USUAL, **settings} == body["settings"]


def test_a_setting_that_is_no_number_is_the_clients_fault() -> None:
    """And says which."""
    with pytest.raises(InvalidRequest) as caught:
        _spoken(options={"pitch": "high"})
    assert "pitch" == caught.value.param


@pytest.mark.proves(
    provider="chatterbox-v1", feature="formats", what="WAV, JSON with base64, bare samples at its rate"
)
@pytest.mark.parametrize("answers", ["wav", "json", "samples"])
@pytest.mark.parametrize("entry", [{}, {"audio_format": TELEPHONE}])
def test_whatever_it_answers_becomes_the_houses_pcm(answers: str, entry: dict[str, Any]) -> None:
    """The document does not say what that is. Bare samples are what was asked for, else the document's own."""
    body, utterance = _spoken(ChatterboxV1(answers=answers), entry=entry)
    asked = {**TELEPHONE, "bit_depth": 16} if entry else None
    assert asked == body.get("audio_format")
    assert LENGTH_S == pytest.approx(utterance.duration_s, abs=0.01)
    assert (0.25 if answers == "json" else None) == utterance.generation_s


@pytest.mark.parametrize(
    ("entry", "listed", "voice"),
    [({}, True, "voice_1"), ({"voice": "voice_2"}, True, "voice_2"), ({}, False, "voice_1")],
)
def test_who_speaks_when_nobody_is_named(entry: dict[str, Any], *, listed: bool, voice: str) -> None:
    """Who is configured, else the first that it lists; the answer says who."""
    fake = ChatterboxV1()
    fake.has_list = listed

    async def main() -> Utterance:
        async with _server(fake, **entry) as provider:
            await provider.probe()
            return await provider.speak(segment(None), "model_1", "id-1")

    utterance = run(main())
    assert (voice, voice) == (fake.spoken[0].json["voice_id"], utterance.voice)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (ChatterboxV1.garbage, "bytes of text for sound"),
        (Answer(200, b"\0\0\0", {"content-type": "audio/pcm"}), "3 bytes, which are no whole samples"),
        (Answer(200, b"", {"content-type": "audio/pcm"}), "0 bytes, which are no whole samples"),
        (Answer(200, b"{", {"content-type": "application/json"}), "broken JSON"),
        (Answer.of({"audio": None}), "no sound"),
        (Answer.of(["audio"]), "no sound"),
        (Answer.of({"audio": "%%%"}), "no base64"),
        (Answer(200, b"RIFF\0\0\0\0WAVE", {"content-type": "audio/wav"}), "are no audio"),
    ],
)
def test_what_is_no_sound(answer: Answer, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A status of 200 does not make it so."""
    monkeypatch.setattr(ChatterboxV1, "garbage", answer)
    fault = _fault(ChatterboxV1(Mode.GARBAGE))
    assert type(fault) is Malformed
    assert told in fault.message


@pytest.mark.proves(provider="chatterbox-v1", feature="errors", what="401, 402, 429 with Retry-After, 5xx")
@pytest.mark.parametrize(
    ("mode", "status", "retry_after_s", "told"),
    [
        (Mode.BAD_KEY, 401, None, "refuses our key or plan (status 401)"),
        (Mode.QUOTA, 402, None, "is out of credits (status 402, quota)"),
        (Mode.BUSY, 429, float(RETRY_AFTER_S), "answered with status 429: Too many requests"),
        (Mode.BROKEN, 500, None, "answered with status 500: boom"),
        (Mode.UNAVAILABLE, 503, None, "answered with status 503: Warming up"),
    ],
)
def test_its_refusals(mode: Mode, status: int, retry_after_s: float | None, told: str) -> None:
    """Each is its own fault, so another is asked; in whatever words it has for it."""
    fault = _fault(ChatterboxV1(mode))
    assert type(fault) is Rejected
    assert (status, retry_after_s, told) == (fault.upstream_status, fault.retry_after_s, fault.message)


@pytest.mark.proves(provider="chatterbox-v1", feature="faults", what="cut, reset, silence")
@pytest.mark.parametrize(
    ("mode", "kind"),
    [(Mode.CUT, ConnectionLost), (Mode.RESET, ConnectionLost), (Mode.SLOW, Silent), (Mode.STALLED, Silent)],
)
def test_answers_that_do_not_come(mode: Mode, kind: type[UpstreamFault]) -> None:
    """A cut one is not taken for a whole one."""
    limits = {"first_byte_s": 0.2, "stall_s": 0.2} if kind is Silent else None
    assert kind is type(_fault(ChatterboxV1(mode), limits=limits))


def test_a_voice_that_it_refuses_is_our_fault() -> None:
    """The client never saw its name: another may know it."""

    async def main() -> None:
        async with _server(ChatterboxV1()) as provider:
            with pytest.raises(Untranslated) as caught:
                await provider.speak(segment("fable"), "model_1", "id-1")
            assert "answered with status 422: unknown voice fable" == caught.value.message

    run(main())


async def _probe(fake: ChatterboxV1, **entry: Any) -> Probe:
    async with _server(fake, **entry) as provider:
        return await provider.probe()


@pytest.mark.proves(provider="chatterbox-v1", feature="lists", what="its voices")
def test_its_voices() -> None:
    """As it tells them."""
    probe = run(_probe(ChatterboxV1(), models=["a", "b"]))
    assert (ProviderSign.READY, (Model("a"), Model("b"))) == (probe.provider, probe.models)
    expected = (Voice("voice_1", "Assistant", "en-US", "neutral"), Voice("voice_2", "Operator", "de-DE", "female"))
    assert expected == probe.voices


def test_a_bare_list_of_voices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is one, too; an id is enough."""
    monkeypatch.setattr(ChatterboxV1, "answer", lambda *_: Answer.of([{"id": "x"}]))
    assert (Voice("x", "x"),) == run(_probe(ChatterboxV1())).voices


def test_a_server_without_a_list() -> None:
    """Is up; it is believed to have any voice."""
    fake = ChatterboxV1()
    fake.has_list = False
    probe = run(_probe(fake))
    assert (ProviderSign.READY, None) == (probe.provider, probe.voices)


def test_a_bad_key_shows_at_once() -> None:
    """Nobody has to speak for it; the key is not repeated."""
    probe = run(_probe(ChatterboxV1(), key="another"))
    assert (ProviderSign.FAULT, "refuses our key (status 401); check its api_key") == (
        probe.provider,
        probe.detail,
    )
