"""ElevenLabs, at a fake of its published API (tests/vendors/elevenlabs.py), which its own SDK has checked."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from clouds import KEY, TEXT, elevenlabs_at, segment
from fakes import ManualClock
from running import run, until
from vendors.elevenlabs import VOICES, ElevenLabs
from vendors.server import RETRY_AFTER_S, Answer, Mode, serving

from router.domain import Model, Utterance, Voice
from router.errors import ConnectionLost, InvalidRequest, Malformed, Rejected, Silent, Untranslated, UpstreamFault
from router.health import ProviderSign
from router.providers.asking import Complaint
from router.providers.elevenlabs import ElevenLabs as Provider
from router.providers.elevenlabs import understood
from router.providers.voice_pages import EVERY_S

pytestmark = pytest.mark.usefixtures("_patient")
RACHEL = str(VOICES[0]["voice_id"])
V2, FLASH, V3 = "eleven_multilingual_v2", "eleven_flash_v2_5", "eleven_v3"


@contextlib.asynccontextmanager
async def _vendor(mode: Mode = Mode.WELL, **entry: Any) -> AsyncIterator[tuple[ElevenLabs, Provider]]:
    async with serving(fake := ElevenLabs(mode)) as running:
        provider = elevenlabs_at(running, **entry)
        try:
            yield fake, provider
        finally:
            await provider.aclose()


def _spoken(
    model: str = FLASH, entry: dict[str, Any] | None = None, **wishes: Any
) -> tuple[ElevenLabs, Utterance]:
    """What comes of a segment, and the fake that was asked."""

    async def main() -> tuple[ElevenLabs, Utterance]:
        async with _vendor(**(entry or {})) as (fake, provider):
            return fake, await provider.speak(segment(wishes.pop("voice", RACHEL), **wishes), model, "id-1")

    return run(main())


def _fault(mode: Mode, voice: str = RACHEL, model: str = FLASH, **entry: Any) -> UpstreamFault:
    async def main() -> UpstreamFault:
        async with _vendor(mode, **entry) as (_, provider):
            with pytest.raises(UpstreamFault) as caught:
                await provider.speak(segment(voice), model, "id-1")
            return caught.value

    return run(main())


@pytest.mark.proves(
    provider="elevenlabs", feature="speech", what="as samples at 24 kHz, the key in its own header"
)
def test_a_segment_is_asked_for_as_the_houses_pcm() -> None:
    """With the key in its own header, the voice quoted in the path, and nothing that nobody said."""
    fake, utterance = _spoken()
    (asked,) = fake.spoken
    assert f"/v1/text-to-speech/{RACHEL}" == asked.raw_path
    assert {"output_format": "pcm_24000"} == asked.query
    assert (KEY, None) == (asked.headers.get("xi-api-key"), asked.headers.get("authorization"))
    assert {"text": TEXT, "model_id": FLASH, "seed": 7} == asked.json
    assert len(TEXT) / 15 == pytest.approx(utterance.duration_s, abs=0.01)


def test_a_voice_id_cannot_leave_its_place() -> None:
    """A slash or a question mark in it is part of it."""
    fake, _ = _spoken(voice="odd/id?")
    assert "/v1/text-to-speech/odd%2Fid%3F" == fake.spoken[0].raw_path


@pytest.mark.proves(provider="elevenlabs", feature="cost", what="its own count of characters, by character-cost")
def test_what_it_charged_is_its_own_count() -> None:
    """Flash costs half a credit a character."""
    assert round(len(TEXT) / 2) == _spoken(FLASH)[1].billed_characters
    assert len(TEXT) == _spoken(V2)[1].billed_characters


@pytest.mark.parametrize(
    ("model", "language", "sent"), [(FLASH, "en-GB", "en"), (FLASH, None, None), (V2, "de", None)]
)
def test_the_language_goes_to_models_that_take_it(model: str, language: str | None, sent: str | None) -> None:
    """As two letters; the multilingual one hears it for itself, and refuses to be told."""
    fake, _ = _spoken(model, language=language)
    assert sent == fake.spoken[0].json.get("language_code")


@pytest.mark.parametrize(
    ("options", "entry", "sent"),
    [
        ({"temperature": 0.8, "exaggeration": 0.5}, {}, {"stability": 0.5, "style": 0.0}),
        ({"temperature": 0.3, "exaggeration": 2}, {}, {"stability": 1.0, "style": 1.0}),
        ({"emotion": "excited"}, {}, {"style": pytest.approx(1 / 3)}),
        ({"stability": 0.2, "temperature": 0.3}, {}, {"stability": 0.2}),
        (
            {"similarity_boost": 7, "use_speaker_boost": False},
            {},
            {"similarity_boost": 1.0, "use_speaker_boost": False},
        ),
        ({}, {"stability": 0.4, "style": 0.1}, {"stability": 0.4, "style": 0.1}),
        ({"style": 0.0}, {"style": 0.1, "similarity_boost": 0.9}, {"style": 0.0, "similarity_boost": 0.9}),
        ({}, {}, None),
    ],
)
@pytest.mark.proves(
    provider="elevenlabs",
    feature="parameters",
    what="style, stability, similarity; exaggeration, temperature and emotion translated",
)
def test_expression(options: dict[str, object], entry: dict[str, float], sent: object) -> None:
    """The request's words, its own or the house's, go before the configuration; unsaid, the voice's own hold."""
    fake, _ = _spoken(V2, entry, options=options)
    assert sent == fake.spoken[0].json.get("voice_settings")


def test_v3_is_told_only_what_it_takes() -> None:
    """Stability; a speed it would accept and ignore, so that is done here."""
    fake, utterance = _spoken(V3, options={"temperature": 0.8, "exaggeration": 1}, speed=1.2)
    assert {"stability": 0.5} == fake.spoken[0].json["voice_settings"]
    assert len(TEXT) / 15 / 1.2 == pytest.approx(utterance.duration_s, rel=0.06)


@pytest.mark.parametrize(("speed", "sent"), [(1.1, 1.1), (2.5, 1.2), (0.3, 0.7)])
@pytest.mark.proves(
    provider="elevenlabs", feature="speed", what="0.25 to 4: its own range, the rest stretched here"
)
def test_every_speed_is_had(speed: float, sent: float) -> None:
    """Beyond its own range it is asked at the nearest, and the rest is done here."""
    fake, utterance = _spoken(FLASH, speed=speed)
    assert {"speed": sent} == fake.spoken[0].json["voice_settings"]
    assert len(TEXT) / 15 / speed == pytest.approx(utterance.duration_s, rel=0.06)


def test_a_seed_that_is_too_large_is_made_to_fit() -> None:
    """It takes 32 bits."""
    assert 5 == _spoken(seed=2**32 + 5)[0].spoken[0].json["seed"]


def test_an_option_that_is_no_number_is_the_clients_fault() -> None:
    """Nothing is asked, so nothing is paid."""

    async def main() -> None:
        async with _vendor() as (fake, provider):
            with pytest.raises(InvalidRequest) as caught:
                await provider.speak(segment(RACHEL, options={"style": "very"}), FLASH, "id-1")
            assert ("style", []) == (caught.value.param, fake.asked)

    run(main())


@pytest.mark.parametrize(
    ("mode", "status", "retry_after_s", "told"),
    [
        (Mode.BAD_KEY, 401, None, "refuses our key or plan (status 401, unauthorized)"),
        (Mode.QUOTA, 401, None, "is out of credits (status 401, quota_exceeded)"),
        (Mode.BUSY, 429, float(RETRY_AFTER_S), "answered with status 429: Too many at once"),
        (Mode.BROKEN, 500, None, "answered with status 500: Internal Server Error"),
        (Mode.UNAVAILABLE, 503, None, "answered with status 503: Back soon"),
    ],
)
@pytest.mark.proves(provider="elevenlabs", feature="errors", what="401, quota spent, 429 with Retry-After, 5xx")
def test_its_refusals(mode: Mode, status: int, retry_after_s: float | None, told: str) -> None:
    """Each is its own fault, so another is asked; an empty account is not taken for a bad key."""
    fault = _fault(mode)
    assert type(fault) is Rejected
    assert (status, retry_after_s, told) == (fault.upstream_status, fault.retry_after_s, fault.message)


def test_an_unknown_voice_says_how_names_are_mapped() -> None:
    """No copy is sent there: it has voices of its own."""
    fault = _fault(Mode.WELL, voice="fable")
    assert type(fault) is Rejected
    assert "voice_id fable was not found" in fault.message
    assert "voices.NAME.use" in fault.message


@pytest.mark.parametrize(
    ("mode", "kind"),
    [(Mode.CUT, ConnectionLost), (Mode.RESET, ConnectionLost), (Mode.SLOW, Silent), (Mode.STALLED, Silent)],
)
@pytest.mark.proves(
    provider="elevenlabs", feature="faults", what="cut, reset, silence before the first byte and in the middle"
)
def test_answers_that_do_not_come(mode: Mode, kind: type[UpstreamFault]) -> None:
    """A cut one is not taken for a whole one."""
    limits = {"first_byte_s": 0.2, "stall_s": 0.2} if kind is Silent else {}
    assert kind is type(_fault(mode, limits=limits))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (ElevenLabs.garbage, "application/json"),
        (Answer(200, b"\0\0\0", {"content-type": "audio/pcm"}), "half a sample"),
        (Answer(200, b"RIFF\0\0\0\0WAVE", {"content-type": "audio/pcm"}), "a file"),
        (Answer(200, bytes(9_000_000), {"content-type": "audio/pcm"}), "longer than"),
    ],
)
@pytest.mark.proves(provider="elevenlabs", feature="faults", what="a 200 without sound")
def test_what_is_not_the_sound(answer: Answer, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A status of 200 does not make it so."""
    monkeypatch.setattr(ElevenLabs, "garbage", answer)
    fault = _fault(Mode.GARBAGE)
    assert isinstance(fault, Malformed)
    assert told in fault.message


def test_a_body_that_it_does_not_take_is_our_fault() -> None:
    """The client never saw it: another may understand."""

    async def main() -> None:
        async with _vendor() as (_, provider):
            with pytest.raises(Untranslated) as caught:
                await provider.speak(segment(RACHEL, text=" "), FLASH, "id-1")
            assert "answered with status 400: The text is empty" == caught.value.message

    run(main())


@pytest.mark.proves(provider="elevenlabs", feature="lists", what="models that speak, voices")
def test_its_lists() -> None:
    """Models that speak, and every voice."""

    async def main() -> None:
        async with _vendor() as (_, provider):
            probe = await provider.probe()
            assert (ProviderSign.READY, "") == (probe.provider, probe.detail)
            assert (Model(V2), Model(FLASH), Model(V3)) == probe.models
            expected = (
                Voice(RACHEL, "Rachel", None, "female"),
                Voice("pNInz6obpgDQGcFmaJgB", "Adam", "en", "male"),
                Voice("odd/id?", "Odd"),
            )
            assert expected == probe.voices

    run(main())


@pytest.mark.proves(provider="elevenlabs", feature="lists", what="voices in pages")
def test_voices_come_a_page_a_probe_and_then_rarely() -> None:
    """No look takes long; a list of hundreds is not read every quarter of a minute."""

    async def main() -> None:
        clock = ManualClock()
        async with _vendor(clock=clock) as (fake, provider):
            fake.voices = [{"voice_id": str(number), "name": f"V{number}"} for number in range(250)]
            told = [(await provider.probe()).voices for _ in range(4)]
            assert [None, None, 250, 250] == [None if voices is None else len(voices) for voices in told]
            clock.advance(EVERY_S)
            await provider.probe()
            assert 4 == sum(asked.path == "/v2/voices" for asked in fake.asked)

    run(main())


def test_a_key_that_may_not_list_voices_may_speak() -> None:
    """Restricted keys exist."""

    async def main() -> None:
        async with _vendor() as (fake, provider):
            fake._page = lambda query: fake.refusal(Mode.BAD_KEY)  # type: ignore[method-assign]
            probe = await provider.probe()
            assert (ProviderSign.READY, None) == (probe.provider, probe.voices)
            await provider.speak(segment(RACHEL), FLASH, "id-1")

    run(main())


def test_a_bad_key_shows_at_once() -> None:
    """Nobody has to speak for it; the key is not repeated."""

    async def main() -> None:
        async with _vendor(key="another") as (_, provider):
            probe = await provider.probe()
            assert (ProviderSign.FAULT, "refuses our key (status 401); check its api_key") == (
                probe.provider,
                probe.detail,
            )

    run(main())


def test_an_empty_account_is_told_until_it_speaks_again() -> None:
    """The lists are answered all the same."""

    async def main() -> None:
        async with _vendor(Mode.QUOTA) as (fake, provider):
            with pytest.raises(Rejected):
                await provider.speak(segment(RACHEL), FLASH, "id-1")
            assert "is out of credits (status 401, quota_exceeded)" == (await provider.probe()).detail
            fake.mode = Mode.WELL
            await provider.speak(segment(RACHEL), FLASH, "id-1")
            assert "" == (await provider.probe()).detail

    run(main())


@pytest.mark.proves(provider="elevenlabs", feature="voices", what="by id, else the configured one, else the first")
def test_who_speaks_when_nobody_is_named() -> None:
    """Who is configured, else the first that it lists; the answer says who. Nobody is guessed."""

    async def main() -> None:
        async with _vendor() as (fake, provider):
            with pytest.raises(Untranslated) as caught:
                await provider.speak(segment(None), FLASH, "id-1")
            assert ("providers.eleven.voice" in caught.value.message, fake.asked) == (True, [])
            await provider.probe()
            assert RACHEL == (await provider.speak(segment(None), FLASH, "id-1")).voice
            assert None is (await provider.speak(segment(RACHEL), FLASH, "id-1")).voice
        async with _vendor(voice="pNInz6obpgDQGcFmaJgB") as (_, provider):
            assert "pNInz6obpgDQGcFmaJgB" == (await provider.speak(segment(None), FLASH, "id-1")).voice

    run(main())


def test_who_leaves_is_not_spoken_to() -> None:
    """Cancelling closes the connection: what is not made yet is not paid."""

    async def main() -> None:
        async with _vendor(Mode.SLOW) as (fake, provider):
            work = asyncio.get_running_loop().create_task(provider.speak(segment(RACHEL), FLASH, "id-1"))
            await until(lambda: bool(fake.spoken))
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            await until(lambda: fake.hung_up == 1)

    run(main())


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"detail": "gone"}, Complaint("gone")),
        (
            {"detail": [{"type": "missing", "loc": ["body", "text"], "msg": "Field required"}]},
            Complaint("text: Field required", "text"),
        ),
        (
            {"detail": {"code": "insufficient_credits", "message": "None left"}},
            Complaint("None left", None, "insufficient_credits", True),
        ),
        ({"detail": {"status": "quota_exceeded"}}, Complaint("", None, "quota_exceeded", True)),
        ({"detail": {"code": 7, "status": None, "message": ["x"], "param": "text"}}, Complaint("", "text")),
        ({"detail": []}, Complaint()),
        ({"detail": [{"loc": "body", "msg": 1}]}, Complaint("body: ")),
        ([], Complaint()),
        ("gone", Complaint()),
    ],
)
def test_what_its_errors_say(document: object, expected: Complaint) -> None:
    """An object, a list or a text; anything else says nothing."""
    assert expected == understood(json.dumps(document).encode())


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff{", b"[" * 100_000])
def test_what_is_no_error_of_its(body: bytes) -> None:
    """A proxy's page, say."""
    assert Complaint() == understood(body)
