"""Piper, and whoever else speaks Wyoming, as a provider of speech."""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from fakes import ManualClock, speech_card
from loopback import Peer, black_hole
from loopback import serving as scripted
from running import run, until
from vendors import piper
from vendors.piper import Mode, Piper
from vendors.sound import seconds_of

from router.domain import Model, Segment, Utterance, Voice
from router.drill.ports import free_port
from router.errors import ConnectionLost, Malformed, Rejected, Silent, UpstreamFault
from router.health import HostSign, ProviderSign
from router.providers.origin import Address, Origin
from router.providers.wyoming import DEAF_DIALS, DEAF_EVERY_S, DESCRIBE_EVERY_S, Wyoming

pytestmark = pytest.mark.usefixtures("_patient")
TEXT = "The kettle is on, and the cat is out."
SEGMENT = Segment(TEXT, "en_US-lessac-medium", 1.0, None, 7)
T = TypeVar("T")


def _at(port: int, clock: ManualClock | None = None, *, program: str = "", patience_s: float = 60) -> Wyoming:
    clock = clock or ManualClock()
    origin = Origin(Address("tcp", "127.0.0.1", port, ""), api_key="", connect_s=5, clock=clock)
    card = speech_card("piper", first_byte_s=patience_s, stall_s=patience_s)
    return Wyoming(card, origin, clock, program=program)


async def _closing(provider: Wyoming, work: Coroutine[Any, Any, T]) -> T:
    try:
        return await work
    finally:
        await provider.aclose()


async def _spoken(fake: Piper, segment: Segment = SEGMENT, **how: Any) -> Utterance:
    async with piper.serving(fake) as running:
        provider = _at(running.port, **how)
        return await _closing(provider, provider.speak(segment, "piper", "id-1"))


@pytest.mark.proves(provider="wyoming", feature="speech", what="samples of any rate, width and number of channels")
@pytest.mark.parametrize(
    ("rate_hz", "width", "channels"),
    [(22_050, 2, 1), (16_000, 2, 1), (24_000, 2, 1), (22_050, 1, 1), (48_000, 4, 2)],
)
def test_a_segment_is_spoken_as_pcm(rate_hz: int, width: int, channels: int) -> None:
    """Whatever its samples are, they become the house's, and last as long."""
    fake = Piper(rate_hz=rate_hz, width=width, channels=channels)
    said = run(_spoken(fake))
    assert seconds_of(TEXT) == pytest.approx(said.duration_s, abs=0.02)
    loudest = max(abs(int.from_bytes(said.pcm[at : at + 2], "little", signed=True)) for at in range(0, 9600, 2))
    assert 6000 < loudest < 10_000
    assert [("synthesize", {"text": TEXT, "voice": {"name": "en_US-lessac-medium"}})] == fake.heard


def test_every_segment_has_a_connection_of_its_own() -> None:
    """Piper swallows what comes on one that has streamed."""

    async def main() -> int:
        fake = Piper()
        async with piper.serving(fake) as running:
            provider = _at(running.port)
            for _ in range(2):
                await provider.speak(SEGMENT, "piper", "id-1")
            await provider.aclose()
        return fake.connections

    assert 2 == run(main())


@pytest.mark.proves(provider="wyoming", feature="voices", what="by name, one of its speakers, or by language")
@pytest.mark.parametrize(
    ("voice", "language", "asked"),
    [
        (None, None, None),
        (None, "de-DE", {"language": "de-DE"}),
        ("en_GB-vctk-medium#p236", "en", {"name": "en_GB-vctk-medium", "speaker": "p236"}),
        ("never-reported", None, {"name": "never-reported"}),
    ],
)
def test_whom_it_is_asked_for(voice: str | None, language: str | None, asked: object) -> None:
    """A voice by name, and one of its speakers behind a `#`; else whoever speaks the language."""
    fake = Piper()
    run(_spoken(fake, replace(SEGMENT, voice=voice, language=language)))
    assert [asked] == fake.voices()


def test_a_program_is_chosen_first() -> None:
    """It holds for the connection, so it is said on each."""
    fake = Piper(programs=2)
    run(_spoken(fake, program="piper-2"))
    assert [("select-program", {"name": "piper-2"})] == fake.heard[:1]


@pytest.mark.proves(provider="wyoming", feature="speed", what="stretched here: the protocol has no word for it")
@pytest.mark.parametrize("speed", [0.5, 1.5])
def test_another_speed_is_made_here(speed: float) -> None:
    """The protocol has no word for it."""
    fake = Piper()
    said = run(_spoken(fake, replace(SEGMENT, speed=speed)))
    assert seconds_of(TEXT) / speed == pytest.approx(said.duration_s, rel=0.1)
    assert {"text", "voice"} == set(fake.heard[0][1])


@pytest.mark.proves(
    provider="wyoming", feature="faults", what="errors, cut and reset connections, noise and audio without end"
)
@pytest.mark.parametrize(
    ("mode", "fault", "why"),
    [
        (Mode.ERROR, Rejected, "failed while it spoke: VoiceNotFoundError"),
        (Mode.CUT, ConnectionLost, "hung up before it had finished"),
        (Mode.RESET, ConnectionLost, "before answering"),
        (Mode.EMPTY, Malformed, "said nothing at all"),
        (Mode.GARBAGE, Malformed, "no event"),
        (Mode.CLAIMS, Malformed, "bytes of data"),
        (Mode.CHANGES, Malformed, "changed the format"),
        (Mode.ENDLESS, Malformed, "too long to be right"),
    ],
)
def test_what_fails_is_its_fault(mode: Mode, fault: type[UpstreamFault], why: str) -> None:
    """Each way is told apart, and another provider may do better."""
    with pytest.raises(fault, match=why):
        run(_spoken(Piper(mode)))


@pytest.mark.proves(provider="wyoming", feature="faults", what="silence before the first byte and in the middle")
@pytest.mark.parametrize("mode", [Mode.SILENT, Mode.STALLED])
def test_silence_is_not_waited_out(mode: Mode) -> None:
    """Before the first byte, and in the middle."""
    with pytest.raises(Silent):
        run(_spoken(Piper(mode), patience_s=0.1))


def test_who_is_cancelled_hangs_up_at_once() -> None:
    """The client is gone: the connection is closed within a tenth of a second."""

    async def main() -> float:
        is_closed = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.some(1)
            await peer.until_closed()
            is_closed.set()

        async with scripted(script) as upstream:
            provider = _at(upstream.port)
            speaking = asyncio.ensure_future(provider.speak(SEGMENT, "piper", "id-1"))
            await until(lambda: upstream.connections == 1)
            await asyncio.sleep(0.01)
            began = time.monotonic()
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            await is_closed.wait()
            took_s = time.monotonic() - began
            await provider.aclose()
            return took_s

    assert run(main()) < 5  # a guard; the figure is in the soak's own test of departures


@pytest.mark.proves(provider="wyoming", feature="voices", what="listed with their languages and speakers")
def test_what_it_can_say_is_asked_for() -> None:
    """One model, and each voice; a voice of several speakers once for each, and once for its own choice."""

    async def main() -> tuple[Any, ...]:
        async with piper.serving(Piper()) as running:
            provider = _at(running.port)
            probe = await _closing(provider, provider.probe())
            return probe.host, probe.provider, probe.models, probe.voices

    voices = [
        ("en_US-lessac-medium", "en-US"),
        ("de_DE-thorsten-medium", "de-DE"),
        ("en_GB-vctk-medium", "en-GB"),
        ("en_GB-vctk-medium#p239", "en-GB"),
        ("en_GB-vctk-medium#p236", "en-GB"),
    ]
    expected = (
        HostSign.ANSWERED,
        ProviderSign.READY,
        (Model("piper"),),
        tuple(Voice(name, name, language) for name, language in voices),
    )
    assert expected == run(main())


def test_it_is_asked_rarely_and_else_only_dialled() -> None:
    """Every half minute; and again when it was gone, for what comes back may be another."""

    async def main() -> list[str]:
        clock, fake = ManualClock(), Piper()
        async with piper.serving(fake) as running:
            provider = _at(running.port, clock)
            for pause_s in (0.0, 1.0, DESCRIBE_EVERY_S):
                clock.advance(pause_s)
                assert ProviderSign.READY == (await provider.probe()).provider
            assert fake.connections == 3
        clock.advance(1.0)
        assert ProviderSign.FAULT == (await provider.probe()).provider
        async with piper.serving(fake, running.port):
            assert ProviderSign.READY == (await provider.probe()).provider
        await provider.aclose()
        return [kind for kind, _ in fake.heard]

    assert ["describe", "describe", "describe"] == run(main())


@pytest.mark.proves(provider="wyoming", feature="health", what="a dial while it speaks: it is deaf then")
def test_while_it_speaks_it_is_only_dialled() -> None:
    """It would not answer: it computes in its event loop."""

    async def main() -> tuple[Any, ...]:
        clock, fake = ManualClock(), Piper(Mode.SILENT)
        async with piper.serving(fake) as running:
            provider = _at(running.port, clock)
            speaking = asyncio.ensure_future(provider.speak(SEGMENT, "piper", "id-1"))
            await fake.is_speaking.wait()
            probe, touch = await provider.probe(), await provider.touch()
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            await provider.aclose()
            return probe.provider, touch and touch.host, [kind for kind, _ in fake.heard]

    assert (ProviderSign.READY, HostSign.ANSWERED, ["synthesize"]) == run(main())


def test_its_backlog_is_not_filled() -> None:
    """Each dial waits there until it has spoken; with a full one the machine would look silent."""

    async def main() -> tuple[int, bool]:
        clock, fake = ManualClock(), Piper(Mode.SILENT)
        async with piper.serving(fake) as running:
            provider = _at(running.port, clock)
            speaking = asyncio.ensure_future(provider.speak(SEGMENT, "piper", "id-1"))
            await fake.is_speaking.wait()
            touches = [await provider.touch() for _ in range(DEAF_DIALS + 5)]
            clock.advance(DEAF_EVERY_S)
            again = await provider.touch()
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            await provider.aclose()
            return sum(touch is not None for touch in touches), again is not None

    assert (DEAF_DIALS, True) == run(main())


@pytest.mark.parametrize(
    ("answer", "sign", "why"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ProviderSign.FAULT, "no event"),
        (b'{"type":"info","data":{"tts":[]}}\n', ProviderSign.FAULT, "offers no text-to-speech"),
        (b'{"type":"info","data":{"tts":{}}}\n', ProviderSign.FAULT, "that is none"),
        (b'{"type":"info","data":{"tts":[{}]}}\n', ProviderSign.FAULT, "that is none"),
        (b'{"type":"pong"}\n' * 200, ProviderSign.FAULT, "is it a Wyoming server"),
        (b"", ProviderSign.FAULT, "before answering"),
    ],
)
def test_what_else_may_listen_there(answer: bytes, sign: ProviderSign, why: str) -> None:
    """It is told what is wrong with it, and nothing is raised."""

    async def main() -> tuple[ProviderSign | None, str]:
        async def script(peer: Peer) -> None:
            await peer.some(1)
            peer.send(answer)

        async with scripted(script) as upstream:
            provider = _at(upstream.port)
            probe = await _closing(provider, provider.probe())
            return probe.provider, probe.detail

    found, detail = run(main())
    assert sign == found
    assert why in detail


def test_a_program_that_it_does_not_have() -> None:
    """Those that it has are told."""

    async def main() -> str:
        async with piper.serving(Piper()) as running:
            provider = _at(running.port, program="pipper")
            return (await _closing(provider, provider.probe())).detail

    assert "has no program called 'pipper'; it has: piper" == run(main())


def test_machines_that_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused is an answer of the machine's; silence is none."""
    monkeypatch.setattr("router.providers.origin.PROBE_DEADLINE_S", 0.2)

    async def main() -> list[tuple[HostSign, ProviderSign | None]]:
        with black_hole() as silent:
            found = []
            for port in (free_port(), silent):
                provider = _at(port)
                probe = await _closing(provider, provider.probe())
                found.append((probe.host, probe.provider))
            return found

    assert [(HostSign.ANSWERED, ProviderSign.FAULT), (HostSign.SILENT, None)] == run(main())


def test_one_that_is_deaf_is_slow_and_not_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """It speaks for somebody else: connected, and no answer."""
    monkeypatch.setattr("router.providers.origin.PROBE_DEADLINE_S", 0.1)

    async def main() -> tuple[HostSign, ProviderSign | None]:
        fake = Piper()
        async with piper.serving(fake) as running:
            await fake.turn.acquire()
            provider = _at(running.port)
            probe = await _closing(provider, provider.probe())
            return probe.host, probe.provider

    assert (HostSign.ANSWERED, ProviderSign.SLOW) == run(main())


def test_odd_descriptions_are_read() -> None:
    """A language as one word; a voice that is not installed, or has a name that cannot be asked for."""
    voices = (
        '[{"name":"a","languages":"de_AT"},{"name":"b","installed":false},{"name":""},{"name":"x\\u0000"},'
        '{"name":"c","speakers":[{"name":"only"}]}]'
    )
    answer = f'{{"type":"info","data":{{"tts":[{{"name":"p","voices":{voices}}}]}}}}\n'.encode()

    async def main() -> object:
        async def script(peer: Peer) -> None:
            await peer.some(1)
            peer.send(answer)
            await peer.until_closed()

        async with scripted(script) as upstream:
            provider = _at(upstream.port)
            return (await _closing(provider, provider.probe())).voices

    assert (Voice("a", "a", "de-AT"), Voice("c", "c")) == run(main())
