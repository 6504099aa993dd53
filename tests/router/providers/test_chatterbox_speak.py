"""A Chatterbox server of an AI telephone, at a fake of what document 000 says of it."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from clouds import TEXT, segment
from running import run
from seeds import chatterbox_speak_at
from vendors.chatterbox_speak import ChatterboxSpeak
from vendors.server import RETRY_AFTER_S, Mode, Running, serving

from router.domain import Model, Utterance, Voice
from router.drill.ports import free_port
from router.errors import ConnectionLost, Malformed, Rejected, Silent, UpstreamFault
from router.health import HostSign, ProviderSign
from router.ports import Probe
from router.providers.chatterbox_speak import ChatterboxSpeak as Provider

pytestmark = pytest.mark.usefixtures("_patient")
LENGTH_S = len(TEXT) / 15


@contextlib.asynccontextmanager
async def _server(fake: ChatterboxSpeak, **more: Any) -> AsyncIterator[Provider]:
    async with serving(fake) as running:
        provider = chatterbox_speak_at(running, **more)
        try:
            yield provider
        finally:
            await provider.aclose()


def _spoken(fake: ChatterboxSpeak, base: str = "", path: str = "/speak", **wishes: Any) -> Utterance:
    async def main() -> Utterance:
        async with _server(fake, base=base, path=path) as provider:
            return await provider.speak(segment("nova", **wishes), "chatterbox", "id-1")

    return run(main())


@pytest.mark.proves(
    provider="chatterbox-speak", feature="speech", what="document 000's POST /speak: text in, WAV of any rate out"
)
@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 44_100])
def test_only_the_text_is_asked_for(rate_hz: int) -> None:
    """Nothing else is known there, no key either; whatever rate its WAV has, the house's comes out."""
    fake = ChatterboxSpeak(rate_hz=rate_hz)
    utterance = _spoken(fake, options={"temperature": 0.5})
    (asked,) = fake.asked
    assert ({"text": TEXT}, None) == (asked.json, asked.headers.get("authorization"))
    assert LENGTH_S == pytest.approx(utterance.duration_s, abs=0.01)
    assert ("default", None) == (utterance.voice, utterance.generation_s)


@pytest.mark.parametrize("base", ["", "/speak"])
def test_the_url_may_have_the_route_already(base: str) -> None:
    """As the telephone's own CHATTERBOX_URL has it."""
    fake = ChatterboxSpeak()
    _spoken(fake, base)
    assert "/speak" == fake.asked[0].path


@pytest.mark.proves(provider="chatterbox-speak", feature="speed", what="stretched here")
@pytest.mark.parametrize("speed", [0.5, 1.0, 3.0])
def test_it_knows_no_speed(speed: float) -> None:
    """So that is done here."""
    assert LENGTH_S / speed == pytest.approx(_spoken(ChatterboxSpeak(), speed=speed).duration_s, rel=0.06)


def _fault(mode: Mode, limits: Any = None) -> UpstreamFault:
    async def main() -> UpstreamFault:
        async with _server(ChatterboxSpeak(mode), limits=limits) as provider:
            with pytest.raises(UpstreamFault) as caught:
                await provider.speak(segment(None), "chatterbox", "id-1")
            return caught.value

    return run(main())


@pytest.mark.proves(
    provider="chatterbox-speak", feature="faults", what="errors, cut, reset, silence, a 200 without sound"
)
@pytest.mark.parametrize(
    ("mode", "kind", "told"),
    [
        (Mode.BAD_KEY, Rejected, "refuses our key or plan (status 401)"),
        (Mode.BUSY, Rejected, "answered with status 429"),
        (Mode.BROKEN, Rejected, "answered with status 500"),
        (Mode.UNAVAILABLE, Rejected, "answered with status 503"),
        (Mode.GARBAGE, Malformed, "sent 36 bytes that are no WAV"),
        (Mode.CUT, ConnectionLost, "closed the connection in the middle of its answer"),
        (Mode.RESET, ConnectionLost, "reset"),
        (Mode.SLOW, Silent, "no byte within 0.2 s"),
        (Mode.STALLED, Silent, "no byte within 0.2 s"),
    ],
)
def test_its_faults(mode: Mode, kind: type[UpstreamFault], told: str) -> None:
    """Never is something else played for the words: not a page of HTML, not half a file."""
    fault = _fault(mode, {"first_byte_s": 0.2, "stall_s": 0.2} if kind is Silent else None)
    assert kind is type(fault)
    assert told in fault.message


def test_when_to_come_back() -> None:
    """It may say so."""
    fault = _fault(Mode.BUSY)
    assert isinstance(fault, Rejected)
    assert RETRY_AFTER_S == fault.retry_after_s


@pytest.mark.proves(provider="chatterbox-speak", feature="health", what="a dial: it has no route for that")
def test_a_probe_only_dials() -> None:
    """It has no route for that, and may be speaking."""

    async def main() -> Probe:
        fake = ChatterboxSpeak()
        async with _server(fake) as provider:
            probe = await provider.probe()
            assert [] == fake.asked
            return probe

    expected = (HostSign.ANSWERED, ProviderSign.READY, (Model("chatterbox"),), (Voice("default", "Default"),))
    probe = run(main())
    assert expected == (probe.host, probe.provider, probe.models, probe.voices)


def test_nobody_listens() -> None:
    """Then it is down; its machine is not."""

    async def main() -> Probe:
        provider = chatterbox_speak_at(Running(ChatterboxSpeak(), free_port()))
        probe = await provider.probe()
        await provider.aclose()
        return probe

    probe = run(main())
    assert (HostSign.ANSWERED, ProviderSign.FAULT, None) == (probe.host, probe.provider, probe.models)
