"""ChatTTS, at a fake of the server that document 003 is about (tests/vendors/chattts.py)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from clouds import TEXT, segment
from running import run, until
from seeds import chattts_at
from vendors.chattts import PRESETS, RTF, ChatTTS
from vendors.server import RETRY_AFTER_S, Mode, serving

from router.domain import Model, Utterance
from router.errors import ConnectionLost, InvalidRequest, Malformed, Rejected, Silent, Untranslated, UpstreamFault
from router.health import HostSign, ProviderHealth, ProviderSign, ProviderState, next_provider
from router.ports import Probe
from router.providers.chattts import ChatTTS as Provider

pytestmark = pytest.mark.usefixtures("_patient")
LENGTH_S = len(TEXT) / 15
PLAIN = {
    "text": TEXT,
    "voice": "female_2",
    "speed": 1.0,
    "temperature": 0.3,
    "top_p": 0.7,
    "top_k": 20,
    "response_format": "wav",
    "use_refine": False,
}


@contextlib.asynccontextmanager
async def _server(fake: ChatTTS, **entry: Any) -> AsyncIterator[Provider]:
    async with serving(fake) as running:
        provider = chattts_at(running, **entry)
        try:
            yield provider
        finally:
            await provider.aclose()


def _spoken(
    voice: str | None = "female_2", fake: ChatTTS | None = None, entry: Any = None, **wishes: Any
) -> tuple[Any, Utterance]:
    """The body that it was asked with, and what came of it."""
    fake = fake or ChatTTS()

    async def main() -> Utterance:
        async with _server(fake, **(entry or {})) as provider:
            return await provider.speak(segment(voice, **wishes), "chattts", "id-1")

    utterance = run(main())
    (asked,) = fake.spoken
    return asked.json, utterance


def _fault(mode: Mode, **entry: Any) -> UpstreamFault:
    async def main() -> UpstreamFault:
        async with _server(ChatTTS(mode), **entry) as provider:
            with pytest.raises(UpstreamFault) as caught:
                await provider.speak(segment("male_2"), "chattts", "id-1")
            return caught.value

    return run(main())


@pytest.mark.proves(provider="chattts", feature="speech", what="document 003's words, every field")
def test_a_segment_is_asked_for_in_the_documents_words() -> None:
    """Every field of it, and no other."""
    body, utterance = _spoken()
    assert PLAIN == body
    assert LENGTH_S == pytest.approx(utterance.duration_s, abs=0.01)
    assert "female_2" == utterance.voice


@pytest.mark.proves(
    provider="chattts", feature="parameters", what="temperature, top_p, top_k, refine, each within its range"
)
@pytest.mark.parametrize(
    ("options", "entry", "sent"),
    [
        ({"temperature": 0.5, "top_p": 0.9, "top_k": 12, "use_refine": True}, {}, (0.5, 0.9, 12, True)),
        ({"temperature": 4, "top_p": 0.1, "top_k": 50}, {}, (1.0, 0.5, 30, False)),
        ({"temperature": 0.0, "top_p": 1.5, "top_k": 1}, {}, (0.1, 1.0, 10, False)),
        ({"top_k": 20.4, "use_refine": "yes", "exaggeration": 2}, {}, (0.3, 0.7, 20, False)),
        ({}, {"temperature": 0.9, "top_p": 0.6, "top_k": 11, "use_refine": True}, (0.9, 0.6, 11, True)),
        (
            {"temperature": 0.2, "use_refine": False},
            {"temperature": 0.9, "use_refine": True},
            (0.2, 0.7, 20, False),
        ),
    ],
)
def test_parameters_stay_within_its_ranges(
    options: dict[str, object], entry: Any, sent: tuple[object, ...]
) -> None:
    """Beyond them it answers 422. The request goes before the configuration."""
    body, _ = _spoken(options=options, entry=entry)
    assert sent == tuple(body[name] for name in ("temperature", "top_p", "top_k", "use_refine"))


@pytest.mark.proves(provider="chattts", feature="speed", what="0.25 to 4: its own range, the rest stretched here")
@pytest.mark.parametrize(("speed", "sent"), [(0.25, 0.5), (0.7, 0.7), (2.0, 2.0), (3.0, 2.0), (4.0, 2.0)])
def test_every_speed_is_had(speed: float, sent: float) -> None:
    """Beyond its own range it is asked at the nearest, and the rest is done here."""
    body, utterance = _spoken(speed=speed)
    assert sent == body["speed"]
    assert LENGTH_S / speed == pytest.approx(utterance.duration_s, rel=0.06)


@pytest.mark.proves(
    provider="chattts", feature="voices", what="its presets, else the configured one, and it is told"
)
@pytest.mark.parametrize(
    ("voice", "usual", "sent"),
    [
        (None, "female_1", "female_1"),
        (None, "neutral_2", "neutral_2"),
        ("male_3", "female_1", "male_3"),
        ("male_9", "female_1", "female_1"),
        ("male_9", "nobody", "female_1"),
    ],
)
def test_a_voice_that_it_has_not_is_never_asked_for(voice: str | None, usual: str, sent: str) -> None:
    """It would speak with a man's, and say nothing of it. Who speaks is told."""
    body, utterance = _spoken(voice, entry={"voice": usual})
    assert (sent, sent) == (body["voice"], utterance.voice)


@pytest.mark.proves(
    provider="chattts",
    feature="figures",
    what="processing time or RTF, from headers or JSON, as X-Generation-Time",
)
@pytest.mark.parametrize(
    ("tells_in", "expected_s"),
    [
        ("headers", RTF * LENGTH_S + 0.05),
        ("json", RTF * LENGTH_S + 0.05),
        ("rtf", RTF * LENGTH_S),
        ("nowhere", None),
    ],
)
def test_how_long_it_took_is_its_own_word(tells_in: str, expected_s: float | None) -> None:
    """By its clock, in a header or in JSON, else by its real-time factor; nothing is guessed."""
    _, utterance = _spoken(fake=ChatTTS(tells_in=tells_in))
    assert utterance.generation_s == (expected_s if expected_s is None else pytest.approx(expected_s, abs=0.01))


def test_its_real_time_factor_is_of_what_it_spoke() -> None:
    """Not of what was made faster afterwards."""
    _, utterance = _spoken(fake=ChatTTS(tells_in="rtf"), speed=4.0)
    assert RTF * LENGTH_S / 2 == pytest.approx(utterance.generation_s, rel=0.06)


def test_a_parameter_that_is_no_number_is_the_clients_fault() -> None:
    """And says which."""
    with pytest.raises(InvalidRequest) as caught:
        _spoken(options={"top_p": "much"})
    assert "top_p" == caught.value.param


@pytest.mark.proves(provider="chattts", feature="errors", what="401, 402, 429 with Retry-After, 5xx")
@pytest.mark.parametrize(
    ("mode", "status", "retry_after_s", "told"),
    [
        (Mode.BAD_KEY, 401, None, "refuses our key or plan (status 401)"),
        (Mode.QUOTA, 402, None, "is out of credits (status 402)"),
        (Mode.BUSY, 429, float(RETRY_AFTER_S), "answered with status 429: Too many requests"),
        (Mode.BROKEN, 500, None, "answered with status 500: Error: 500: Failed to generate audio"),
        (Mode.UNAVAILABLE, 503, None, "answered with status 503: Model not loaded"),
    ],
)
def test_its_refusals(mode: Mode, status: int, retry_after_s: float | None, told: str) -> None:
    """Each is its own fault, so another is asked."""
    fault = _fault(mode)
    assert type(fault) is Rejected
    assert (status, retry_after_s, told) == (fault.upstream_status, fault.retry_after_s, fault.message)


@pytest.mark.proves(provider="chattts", feature="faults", what="cut, reset, silence, a 200 without sound")
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
def test_answers_that_are_none(mode: Mode, kind: type[UpstreamFault]) -> None:
    """A cut one is not taken for a whole one, and a page for no sound."""
    is_silent = kind is Silent
    limits = {"first_byte_s": 0.2, "stall_s": 0.2} if is_silent else {}
    assert kind is type(_fault(mode, limits=limits))


def test_what_it_does_not_take_is_our_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client never saw the body: another may understand."""
    monkeypatch.setattr("vendors.chattts.RANGES", {"speed": (0.9, 0.95)})
    fault = _fault(Mode.WELL)
    assert type(fault) is Untranslated
    assert fault.message.startswith("answered with status 422: speed: Input should be")


def test_its_voices_are_the_presets() -> None:
    """With what their names tell."""

    async def main() -> Probe:
        async with _server(ChatTTS()) as provider:
            return await provider.probe()

    probe = run(main())
    assert (ProviderSign.READY, (Model("chattts"),)) == (probe.provider, probe.models)
    assert probe.voices is not None
    assert list(PRESETS) == [voice.id for voice in probe.voices]
    assert ("Male 2", "male") == next((v.name, v.gender) for v in probe.voices if v.id == "male_2")


def test_while_its_model_loads_it_is_down() -> None:
    """It says so."""

    async def main() -> Probe:
        fake = ChatTTS()
        fake.has_model = False
        async with _server(fake) as provider:
            return await provider.probe()

    assert ProviderSign.FAULT is run(main()).provider


@pytest.mark.proves(provider="chattts", feature="health", what="a dial while it speaks: it answers nobody then")
def test_it_is_not_down_while_it_speaks() -> None:
    """It answers nobody then. For us a dial tells that it is there; of what others have spoken its silence says
    that it is slow, which is not dead."""

    async def main() -> None:
        fake = ChatTTS(Mode.SLOW)
        async with _server(fake) as provider:
            work = asyncio.get_running_loop().create_task(provider.speak(segment("male_1"), "chattts", "id-1"))
            await until(lambda: bool(fake.spoken))
            asked = len(fake.asked)
            assert Probe(HostSign.ANSWERED, None) == await provider.probe()
            assert Probe(HostSign.ANSWERED, None) == await provider.touch()
            assert asked == len(fake.asked)  # it was dialled, not asked
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            assert ProviderSign.READY is (await provider.probe()).provider

    run(main())


def test_silence_while_others_have_it_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves it as it was."""
    monkeypatch.setattr("router.providers.origin.PROBE_DEADLINE_S", 0.2)

    async def main() -> Probe:
        fake = ChatTTS()
        async with _server(fake) as provider, fake._turn:
            return await provider.probe()

    probe = run(main())
    assert (HostSign.ANSWERED, ProviderSign.SLOW) == (probe.host, probe.provider)
    assert probe.provider is not None
    was = ProviderHealth(ProviderState.UP)
    assert ProviderState.UP is next_provider(was, probe.provider, probe.detail, 1.0).state


def test_a_process_that_ends_while_it_speaks_is_noticed() -> None:
    """Nobody listens any more."""

    async def main() -> Probe:
        async with serving(ChatTTS()) as running:
            provider = chattts_at(running)
            provider._asked = 1
        probe = await provider.probe()
        await provider.aclose()
        return probe

    probe = run(main())
    assert (HostSign.ANSWERED, ProviderSign.FAULT) == (probe.host, probe.provider)
