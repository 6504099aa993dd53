"""Wyoming both ways, against the library itself: what Home Assistant does with the router's voices, a service
made with the library behind the router, and the fake Piper, which the library's client holds to its word.

The two ways of Home Assistant are those of its `components/wyoming/tts.py`: the same events in the same order,
read in the same way.
"""

import asyncio
import io
import socket
import sys
import threading
import warnings
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from processes import ROOT, Process, free_port, http, start_router, started
from vendors import piper
from vendors.piper import Mode, Piper
from vendors.sound import seconds_of, tone

with warnings.catch_warnings():  # it loads audioop, which Python 3.13 no longer has
    warnings.simplefilter("ignore", DeprecationWarning)
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.client import AsyncTcpClient
    from wyoming.error import Error
    from wyoming.event import Event
    from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
    from wyoming.ping import Ping, Pong
    from wyoming.server import AsyncEventHandler, AsyncTcpServer
    from wyoming.tts import (
        Synthesize,
        SynthesizeChunk,
        SynthesizeStart,
        SynthesizeStop,
        SynthesizeStopped,
        SynthesizeVoice,
    )

TEXT = "The kettle is on, and the cat is out. Somebody left a window open in the kitchen. Shall I close it?"
LESSAC = "en_US-lessac-medium"


# Home Assistant


async def described(port: int, host: str = "127.0.0.1") -> Info:
    """`data.py`: a second for an answer."""
    async with AsyncTcpClient(host, port) as client, asyncio.timeout(5):
        await client.write_event(Describe().event())
        while True:
            event = await client.read_event()
            assert event is not None, "connection lost"
            if Info.is_type(event.type):
                return Info.from_event(event)


async def one_shot(port: int, text: str, voice: SynthesizeVoice | None = None) -> bytes | None:
    """`async_get_tts_audio`: the WAV; None when the connection was lost. Errors are not looked at."""
    with io.BytesIO() as wav_io:
        writer: wave.Wave_write | None = None
        async with AsyncTcpClient("127.0.0.1", port) as client:
            await client.write_event(Synthesize(text=text, voice=voice).event())
            while True:
                event = await client.read_event()
                if event is None:
                    return None
                if AudioStop.is_type(event.type):
                    break
                if AudioChunk.is_type(event.type):
                    chunk = AudioChunk.from_event(event)
                    if writer is None:
                        writer = wave.open(wav_io, "wb")  # noqa: SIM115  as they do
                        writer.setframerate(chunk.rate)
                        writer.setsampwidth(chunk.width)
                        writer.setnchannels(chunk.channels)
                    writer.writeframes(chunk.audio)
            if writer is not None:
                writer.close()
        return wav_io.getvalue()


@dataclass
class Streamed:
    """A streamed answer: the WAV, whether its end was told, and when it began and the text ended."""

    wav: bytes
    is_whole: bool
    first_audio_at: float
    written_at: float


async def streamed(port: int, pieces: list[str], pause_s: float = 0.0) -> Streamed:
    """`async_stream_tts_audio`: what a model writes, piece by piece; one header, from the first audio-start."""
    loop = asyncio.get_running_loop()
    answer = Streamed(b"", False, 0.0, 0.0)

    async def write(client: AsyncTcpClient) -> None:
        await client.write_event(SynthesizeStart().event())
        for piece in pieces:
            await client.write_event(SynthesizeChunk(text=piece).event())
            await asyncio.sleep(pause_s)
        await client.write_event(Synthesize(text="".join(pieces)).event())  # for services that cannot stream
        await client.write_event(SynthesizeStop().event())
        answer.written_at = loop.time()

    async with AsyncTcpClient("127.0.0.1", port) as client:
        writing = asyncio.create_task(write(client))
        try:
            is_header_sent = False
            while (event := await client.read_event()) is not None:
                if SynthesizeStopped.is_type(event.type):
                    answer.is_whole = True
                    break
                if AudioStart.is_type(event.type) and not is_header_sent:
                    start = AudioStart.from_event(event)
                    header = io.BytesIO()
                    with wave.open(header, "wb") as writer:
                        writer.setframerate(start.rate)
                        writer.setsampwidth(start.width)
                        writer.setnchannels(start.channels)
                        writer.setnframes(0)
                    answer.wav, is_header_sent = header.getvalue(), True
                elif AudioChunk.is_type(event.type):
                    answer.first_audio_at = answer.first_audio_at or loop.time()
                    answer.wav += AudioChunk.from_event(event).audio
        finally:
            await writing
    return answer


def seconds(wav: bytes) -> float:
    """Of the samples, whatever the header says of their number."""
    with wave.open(io.BytesIO(wav), "rb") as file:
        bytes_per_s: int = file.getframerate() * file.getsampwidth() * file.getnchannels()
    return (len(wav) - 44) / bytes_per_s


# What is behind the router


def is_listening(process: Process) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", process.port)) == 0


@contextmanager
def fake_piper(folder: Path, mode: str = "well") -> Iterator[Process]:
    port = free_port()
    command: list[str | Path] = [sys.executable, "-m", "vendors.piper", str(port), mode]
    env = {"PYTHONPATH": str(ROOT / "tests")}
    with started("piper", command, port, folder, env=env, is_ready=is_listening) as process:
        yield process


class Service(AsyncEventHandler):
    """A voice service as people write them with the library."""

    async def handle_event(self, event: Event) -> bool:
        whose = Attribution("somebody", "https://example.org")
        if Describe.is_type(event.type):
            voice = TtsVoice("mira", whose, True, "Mira", None, ["de"])
            await self.write_event(Info(tts=[TtsProgram("theirs", whose, True, None, None, [voice])]).event())
        elif Synthesize.is_type(event.type):
            asked = Synthesize.from_event(event)
            if "error" in asked.text:
                await self.write_event(Error("cannot say that", "ValueError").event())
                return False
            await self.write_event(AudioStart(16_000, 2, 1).event())
            samples = tone(seconds_of(asked.text), 16_000)
            for at in range(0, len(samples), 2048):
                await self.write_event(AudioChunk(16_000, 2, 1, samples[at : at + 2048]).event())
            await self.write_event(AudioStop().event())
        return True


@contextmanager
def library_service() -> Iterator[int]:
    """The library's own server, in a thread of its own."""
    port, loop, is_up = free_port(), asyncio.new_event_loop(), threading.Event()
    server = AsyncTcpServer("127.0.0.1", port)

    async def begin() -> None:
        await server.start(Service)
        is_up.set()

    def work() -> None:
        loop.create_task(begin())
        loop.run_forever()

    thread = threading.Thread(target=work)
    thread.start()
    assert is_up.wait(30)
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


def config_of(upstream: int, wyoming: int) -> str:
    return f"""
providers:
  piper: {{kind: wyoming, url: "tcp://127.0.0.1:{upstream}"}}
models:
  speech: {{serves: speech, routes: [{{provider: piper}}]}}
voices:
  house: {{use: {{piper: {LESSAC}}}, language: en-GB}}
speech: {{default_voice: house}}
cache: {{enabled: false}}
wyoming: {{enabled: true, port: {wyoming}}}
"""


@dataclass
class House:
    """A router between Home Assistant and a voice service."""

    router: Process
    port: int


@contextmanager
def house_before(upstream: int, folder: Path) -> Iterator[House]:
    port = free_port()
    with start_router(config_of(upstream, port), folder) as router:
        yield House(router, port)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with fake_piper(folder) as fake, house_before(fake.port, folder) as running:
        yield running


# the router as a voice service


@pytest.mark.shows(
    client="wyoming", route="Wyoming describe", what="Home Assistant finds every voice of the house"
)
def test_home_assistant_finds_every_voice(house: House) -> None:
    """One program that streams; each voice under its language."""
    info = asyncio.run(described(house.port))
    (program,) = [each for each in info.tts if each.installed]
    assert program.supports_synthesize_streaming
    found = {voice.name: voice.languages for voice in program.voices if voice.installed}
    assert ["en-GB"] == found["house"]
    assert ["de-DE"] == found["de_DE-thorsten-medium"]
    assert "en_GB-vctk-medium#p236" in found
    assert info.satellite is None


@pytest.mark.parametrize("voice", [None, SynthesizeVoice(name=LESSAC), SynthesizeVoice(name="house")])
@pytest.mark.shows(client="wyoming", route="Wyoming synthesize", what="Home Assistant speaks a text")
def test_home_assistant_speaks(house: House, voice: SynthesizeVoice | None) -> None:
    """A WAV, as long as the text."""
    wav = asyncio.run(one_shot(house.port, TEXT, voice))
    assert wav is not None
    assert seconds_of(TEXT) == pytest.approx(seconds(wav), abs=1.5)


@pytest.mark.shows(
    client="wyoming", route="Wyoming synthesize", what="a text of which nothing can be said is a moment of silence"
)
def test_home_assistant_says_nothing(house: House) -> None:
    """No failure."""
    wav = asyncio.run(one_shot(house.port, "🙂"))
    assert wav is not None
    assert 0.1 == pytest.approx(seconds(wav), abs=0.01)


@pytest.mark.shows(client="wyoming", route="Wyoming synthesize", what="an unknown voice ends the connection")
def test_home_assistant_learns_of_a_failure(house: House) -> None:
    """It takes no notice of errors, only of the end."""
    assert asyncio.run(one_shot(house.port, TEXT, SynthesizeVoice(name="nobody"))) is None


@pytest.mark.shows(
    client="wyoming", route="Wyoming synthesize-start", what="Home Assistant hears a text while it is written"
)
def test_home_assistant_streams(house: House) -> None:
    """The first sentence before the last word is written; all of it; one WAV."""
    pieces = [word + " " for word in TEXT.split(" ")] + [""]
    answer = asyncio.run(streamed(house.port, pieces, pause_s=0.1))
    assert answer.is_whole
    assert answer.first_audio_at < answer.written_at
    assert seconds_of(TEXT) == pytest.approx(seconds(answer.wav), abs=2)


@pytest.mark.shows(client="wyoming", route="Wyoming ping", what="it is answered while a text is spoken")
def test_ping(house: House) -> None:
    """On the same connection."""

    async def main() -> str | None:
        async with AsyncTcpClient("127.0.0.1", house.port) as client:
            await client.write_event(SynthesizeStart().event())
            await client.write_event(SynthesizeChunk("And then").event())
            await client.write_event(Ping("you?").event())
            event = await client.read_event()
            assert event is not None
            return Pong.from_event(event).text

    assert "you?" == asyncio.run(main())


def test_many_at_once(house: House) -> None:
    """Piper speaks one after the other, and nobody is lost."""

    async def main() -> list[bytes | None]:
        return await asyncio.gather(*(one_shot(house.port, f"Number {number} says so.") for number in range(8)))

    assert all(wav and seconds(wav) > 1 for wav in asyncio.run(main()))


# the router before a voice service


def speech(router: Process, text: str, **more: Any) -> Any:
    body = {"model": "speech", "input": text, "response_format": "pcm", "voice": "mira", **more}
    return http.post(f"{router.base_url}/v1/audio/speech", json=body)


@pytest.mark.proves(
    provider="wyoming", feature="a service made with the library", what="its voices, its speech, its errors"
)
def test_a_service_made_with_the_library(tmp_path: Path) -> None:
    """Its voices are listed, its speech resampled, its errors told."""
    with library_service() as port, house_before(port, tmp_path) as house:
        voices = http.get(f"{house.router.base_url}/v1/audio/voices").json()["voices"]
        assert "mira" in {voice["id"] for voice in voices}
        spoken = speech(house.router, "Guten Abend allerseits.")
        assert 200 == spoken.status_code
        assert seconds_of("Guten Abend allerseits.") == pytest.approx(len(spoken.content) / 48_000, abs=0.05)
        failed = speech(house.router, "This is an error.")
        assert 503 == failed.status_code
        assert "cannot say that" in failed.text


# the fake Piper


@asynccontextmanager
async def client_of(fake: Piper) -> AsyncIterator[AsyncTcpClient]:
    async with piper.serving(fake) as running, AsyncTcpClient("127.0.0.1", running.port) as client:
        yield client


async def heard(client: AsyncTcpClient, last: str) -> list[Event]:
    events: list[Event] = []
    while not events or events[-1].type != last:
        event = await client.read_event()
        if event is None:
            break
        events.append(event)
    return events


@pytest.mark.checks(fake="piper", client="wyoming", what="its description is one that the library reads")
def test_the_fakes_description() -> None:
    """Every field that the parser asks for."""

    async def main() -> Info:
        async with piper.serving(Piper()) as running:
            return await described(running.port)

    (program,) = asyncio.run(main()).tts
    assert ("piper", 3) == (program.name, len(program.voices))
    assert program.voices[2].speakers is not None
    assert ["p239", "p236"] == [speaker.name for speaker in program.voices[2].speakers]


@pytest.mark.checks(fake="piper", client="wyoming", what="speech, as Home Assistant asks for it")
def test_the_fakes_speech() -> None:
    """Piper's 22 050 Hz."""

    async def main() -> bytes | None:
        async with piper.serving(Piper()) as running:
            return await one_shot(running.port, TEXT, SynthesizeVoice(name=LESSAC))

    wav = asyncio.run(main())
    assert wav is not None
    assert seconds_of(TEXT) == pytest.approx(seconds(wav), abs=0.01)


@pytest.mark.checks(fake="piper", client="wyoming", what="streaming, and that a text after it is swallowed")
def test_the_fakes_stream() -> None:
    """An audio-stop for each sentence, then synthesize-stopped; nothing more on that connection."""

    async def main() -> tuple[int, bool]:
        async with client_of(Piper()) as client:
            await client.write_event(SynthesizeStart().event())
            for piece in ("One. T", "wo. Three"):
                await client.write_event(SynthesizeChunk(text=piece).event())
            await client.write_event(SynthesizeStop().event())
            events = await heard(client, "synthesize-stopped")
            await client.write_event(Synthesize(text="Four.").event())
            try:
                async with asyncio.timeout(0.3):
                    await client.read_event()
            except TimeoutError:
                return sum(event.type == "audio-stop" for event in events), True
            return 0, False

    assert (3, True) == asyncio.run(main())


@pytest.mark.checks(fake="piper", client="wyoming", what="errors end the connection; nothing to say is audio-stop")
def test_the_fakes_failures() -> None:
    """Each as Piper does it."""

    async def main(mode: Mode, text: str) -> list[str]:
        async with client_of(Piper(mode)) as client:
            await client.write_event(Synthesize(text=text).event())
            return [event.type for event in await heard(client, "audio-stop")]

    assert ["error"] == asyncio.run(main(Mode.ERROR, TEXT))
    assert ["audio-stop"] == asyncio.run(main(Mode.WELL, "..."))
    assert "audio-stop" not in asyncio.run(main(Mode.CUT, TEXT))


@pytest.mark.checks(fake="piper", client="wyoming", what="deaf while it speaks, and never a pong")
def test_the_fake_is_deaf_while_it_speaks() -> None:
    """What is asked meanwhile waits."""

    async def main() -> bool:
        fake = Piper()
        async with piper.serving(fake) as running, AsyncTcpClient("127.0.0.1", running.port) as client:
            await client.write_event(Ping().event())
            async with fake.turn:
                await client.write_event(Describe().event())
                try:
                    async with asyncio.timeout(0.2):
                        await client.read_event()
                except TimeoutError:
                    pass
                else:
                    return False
            event = await client.read_event()
            return event is not None and event.type == "info"

    assert asyncio.run(main())
