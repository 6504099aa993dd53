"""Cartesia, at a fake of its published API (tests/vendors/cartesia.py), which its own SDK has checked."""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from clouds import KEY, TEXT, cartesia_at, segment
from fakes import ManualClock
from running import run
from vendors.cartesia import VOICES, Cartesia
from vendors.server import RETRY_AFTER_S, Mode, serving

from router.domain import Model, Utterance, Voice
from router.errors import ConnectionLost, Malformed, Rejected, Silent, Untranslated, UpstreamFault
from router.health import ProviderSign
from router.providers.asking import Complaint
from router.providers.cartesia import Cartesia as Provider
from router.providers.cartesia import understood
from router.providers.voice_pages import EVERY_S

pytestmark = pytest.mark.usefixtures("_patient")
KATIE = str(VOICES[1]["id"])
SONIC = "sonic-3.5"


@contextlib.asynccontextmanager
async def _vendor(mode: Mode = Mode.WELL, **entry: Any) -> AsyncIterator[tuple[Cartesia, Provider]]:
    async with serving(fake := Cartesia(mode)) as running:
        provider = cartesia_at(running, **entry)
        try:
            yield fake, provider
        finally:
            await provider.aclose()


def _spoken(model: str = SONIC, entry: dict[str, Any] | None = None, **wishes: Any) -> tuple[Cartesia, Utterance]:
    """What comes of a segment, and the fake that was asked."""

    async def main() -> tuple[Cartesia, Utterance]:
        async with _vendor(**(entry or {})) as (fake, provider):
            return fake, await provider.speak(segment(wishes.pop("voice", KATIE), **wishes), model, "id-1")

    return run(main())


def _fault(mode: Mode, voice: str = KATIE, **entry: Any) -> UpstreamFault:
    async def main() -> UpstreamFault:
        async with _vendor(mode, **entry) as (_, provider):
            with pytest.raises(UpstreamFault) as caught:
                await provider.speak(segment(voice), SONIC, "id-1")
            return caught.value

    return run(main())


@pytest.mark.proves(provider="cartesia", feature="speech", what="as samples at 24 kHz")
def test_a_segment_is_asked_for_as_the_houses_pcm() -> None:
    """With the version, the key as a Bearer token, and nothing that nobody said."""
    fake, utterance = _spoken()
    (asked,) = fake.spoken
    assert (f"Bearer {KEY}", "2026-08-14") == (asked.headers["authorization"], asked.headers["cartesia-version"])
    assert {
        "model_id": SONIC,
        "transcript": TEXT,
        "voice": {"id": KATIE},
        "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24_000},
    } == asked.json
    assert len(TEXT) / 15 == pytest.approx(utterance.duration_s, abs=0.01)
    assert None is utterance.billed_characters  # it does not tell


@pytest.mark.proves(provider="cartesia", feature="speech", what="versions before 2026-08-14")
def test_an_older_version_has_its_shapes() -> None:
    """A voice with a mode, errors as text."""
    fake, _ = _spoken(entry={"version": "2025-04-16"})
    assert {"mode": "id", "id": KATIE} == fake.spoken[0].json["voice"]
    fault = _fault(Mode.BUSY, version="2025-04-16")
    assert "answered with status 429: Too Many Requests: Too many at once" == fault.message


@pytest.mark.parametrize(
    ("wishes", "config"),
    [
        ({"speed": 1.25}, {"speed": 1.25}),
        ({"speed": 4.0}, {"speed": 1.5}),
        ({"speed": 0.25}, {"speed": 0.6}),
        ({"options": {"volume": 9, "emotion": "joyful"}}, {"volume": 2.0, "emotion": "happy"}),
        ({"options": {"exaggeration": 1.0, "temperature": 1.0}}, None),
    ],
)
@pytest.mark.proves(provider="cartesia", feature="parameters", what="speed 0.25 to 4, volume, emotion")
def test_expression(wishes: dict[str, Any], config: object) -> None:
    """What it has is sent within its range; of the rest of a speed the router takes care."""
    fake, utterance = _spoken(**wishes)
    assert config == fake.spoken[0].json.get("generation_config")
    assert len(TEXT) / 15 / wishes.get("speed", 1.0) == pytest.approx(utterance.duration_s, rel=0.06)


def test_models_without_a_speed_get_it_here() -> None:
    """Before sonic-3 the wishes are ignored, so they are not sent."""

    async def main() -> None:
        async with _vendor() as (fake, provider):
            with pytest.raises(Rejected):  # the fake has the model no more, as the vendor
                await provider.speak(segment(KATIE, speed=1.4), "sonic-2", "id-1")
            assert "generation_config" not in fake.spoken[0].json

    run(main())


@pytest.mark.parametrize(("language", "sent"), [("en-GB", "en"), ("de", "de"), (None, None)])
def test_the_language(language: str | None, sent: str | None) -> None:
    """As two letters."""
    assert sent == _spoken(language=language)[0].spoken[0].json.get("language")


@pytest.mark.parametrize(
    ("mode", "status", "retry_after_s", "told"),
    [
        (Mode.BAD_KEY, 401, None, "refuses our key or plan (status 401)"),
        (Mode.QUOTA, 402, None, "is out of credits (status 402, quota_exceeded)"),
        (Mode.BUSY, 429, float(RETRY_AFTER_S), "answered with status 429: Too Many Requests: Too many at once"),
        (Mode.BROKEN, 500, None, "answered with status 500: Internal Server Error: Something broke"),
        (Mode.UNAVAILABLE, 503, None, "answered with status 503: Service Unavailable: Back soon"),
    ],
)
@pytest.mark.proves(provider="cartesia", feature="errors", what="401, quota spent, 429 with Retry-After, 5xx")
def test_its_refusals(mode: Mode, status: int, retry_after_s: float | None, told: str) -> None:
    """Each is its own fault, so another is asked."""
    fault = _fault(mode)
    assert type(fault) is Rejected
    assert (status, retry_after_s, told) == (fault.upstream_status, fault.retry_after_s, fault.message)


def test_an_unknown_voice() -> None:
    """Is its own fault: it has voices of its own."""
    fault = _fault(Mode.WELL, voice="fable")
    assert type(fault) is Rejected
    assert "answered with status 404: Voice not found: Voice fable does not exist" == fault.message


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        (Mode.CUT, ConnectionLost),
        (Mode.RESET, ConnectionLost),
        (Mode.SLOW, Silent),
        (Mode.STALLED, Silent),
        (Mode.GARBAGE, Malformed),
    ],
)
@pytest.mark.proves(provider="cartesia", feature="faults", what="cut, reset, silence, a 200 without sound")
def test_answers_that_do_not_come(mode: Mode, kind: type[UpstreamFault]) -> None:
    """A chunked answer that ends in its middle is not taken for a whole one."""
    limits = {"first_byte_s": 0.2, "stall_s": 0.2} if kind is Silent else {}
    assert kind is type(_fault(mode, limits=limits))


def test_a_body_that_it_does_not_take_is_our_fault() -> None:
    """The client never saw it."""

    async def main() -> None:
        async with _vendor() as (_, provider):
            with pytest.raises(Untranslated) as caught:
                await provider.speak(segment(KATIE, text=" "), SONIC, "id-1")
            assert "answered with status 400: Bad Request: transcript is empty" == caught.value.message

    run(main())


def test_its_lists() -> None:
    """Voices it tells, models it is configured with."""

    async def main() -> None:
        async with _vendor(models=["sonic-3.5", "sonic-3"]) as (_, provider):
            probe = await provider.probe()
            assert (ProviderSign.READY, (Model("sonic-3.5"), Model("sonic-3"))) == (probe.provider, probe.models)
            assert Voice(KATIE, "Katie", "en", "female") in (probe.voices or ())

    run(main())


@pytest.mark.proves(provider="cartesia", feature="lists", what="voices in pages")
def test_voices_come_a_page_a_probe_and_then_one_by_one() -> None:
    """Each look proves the key; the whole list is read rarely."""

    async def main() -> None:
        clock = ManualClock()
        async with _vendor(clock=clock) as (fake, provider):
            fake.voices = [{"id": str(number), "name": f"V{number}"} for number in range(250)]
            told = [(await provider.probe()).voices for _ in range(4)]
            assert [None, None, 250, 250] == [None if voices is None else len(voices) for voices in told]
            clock.advance(EVERY_S)
            await provider.probe()
            assert ["100", "100", "100", "1", "100"] == [asked.query["limit"] for asked in fake.asked]

    run(main())


@pytest.mark.parametrize(
    ("mode", "key", "detail"), [(Mode.BAD_KEY, KEY, "refuses our key"), (Mode.WELL, "another", "refuses our key")]
)
def test_a_bad_key_shows_at_once(mode: Mode, key: str, detail: str) -> None:
    """Before anybody speaks."""

    async def main() -> None:
        async with _vendor(mode, key=key) as (_, provider):
            probe = await provider.probe()
            assert (ProviderSign.FAULT, True) == (probe.provider, detail in probe.detail)

    run(main())


@pytest.mark.proves(provider="cartesia", feature="voices", what="by id, else the first")
def test_who_speaks_when_nobody_is_named() -> None:
    """The first that it lists; the answer says who."""

    async def main() -> None:
        async with _vendor() as (_, provider):
            await provider.probe()
            assert VOICES[0]["id"] == (await provider.speak(segment(None), SONIC, "id-1")).voice

    run(main())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"error_code":"quota_exceeded","title":"T","message":"M"}',
            Complaint("T: M", None, "quota_exceeded", True),
        ),
        (b'{"title":"T","message":null}', Complaint("T")),
        (b"Title: Message", Complaint("Title: Message")),
        (json.dumps(["x"]).encode(), Complaint()),
        (b"", Complaint()),
    ],
)
def test_what_its_errors_say(body: bytes, expected: Complaint) -> None:
    """JSON, or text as before 2026-03-01."""
    assert expected == understood(body)
