"""Clients that ask a node for everything at once, and look hard at what they get; voices come and go meanwhile."""

import asyncio
import base64
import hashlib
import io
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

import av
import httpx

import recordings
from mixed_plan import HELLO, RECORDINGS, Ask, Manner, probes
from sound import Sound, of_pcm
from spoken import MODELS
from tts_node.domain import SAMPLE_RATE
from tts_node.engines.chatterbox.plausibility import bounds_of
from tts_node.sound.audio import pcm_of

CLIENTS = 5
ROUTE = "/v1/audio/voices"
_DEADLINE_S = 120.0  # of one request, the loads before it included
_FIELDS: dict[Manner, dict[str, Any]] = {
    Manner.WHOLE: {"stream": False},
    Manner.STREAMED: {"stream": True},
    Manner.EVENTS: {"stream_format": "sse"},
}
_FRAME = {"mp3": 1152, "aac": 1024, "opus": 960}  # samples; an encoder pads by up to three of them


class Fault(AssertionError):
    """A reply is not what it must be."""


@dataclass
class Report:
    """What happened."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Crowd:
    """Clients of one node, and the voices they share."""

    def __init__(self, url: str, chance: random.Random) -> None:
        self.report = Report()
        self._http = httpx.AsyncClient(base_url=url, timeout=_DEADLINE_S, trust_env=False)
        self._chance = chance
        self._hashes: dict[str, str] = {}
        self._known: dict[str, bytes] = {}
        self._guest: asyncio.Future[tuple[str, str]] | None = None  # its id and hash, once there was one

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def settle(self) -> None:
        """Uploads the voices, and asks for each probe while nobody else asks for anything."""
        for model in MODELS:  # all load at once
            await self._http.post("/warm", params={"model": model})
        for name, (pitch_hz, duration_s) in RECORDINGS.items():
            row = await self._upload(name.title(), recordings.voice(pitch_hz, duration_s))
            self._hashes[name] = row["hash"]
        for ask in probes():
            assert ask.probe
            reply = await self._http.post("/v1/audio/speech", json=ask.body)
            self._check_voice(reply, ask.body["voice"])
            self._known[ask.probe] = reply.content
        assert len(self._known) == len(set(self._known.values())), "two voices sound alike"

    async def ask_all(self, asks: list[Ask], visits: range) -> None:
        """By several clients at once, while guests come and go."""
        line = iter(asks)
        clients = (self._client(line) for _ in range(CLIENTS))
        self._guest = self._guest or asyncio.get_running_loop().create_future()
        await asyncio.gather(self._librarian(visits), *clients)

    async def _client(self, line: Any) -> None:
        for ask in line:
            try:
                outcome = await self._outcome(ask)
            except (Fault, httpx.HTTPError, av.FFmpegError) as exc:
                self.report.faults.append(f"{ask}: {exc!r}")
                outcome = "fault"
            self.report.outcomes[outcome] += 1

    async def _outcome(self, ask: Ask) -> str:
        if ask.is_for_guest:
            return await self._ask_for_guest(ask.body)
        match ask.manner:
            case Manner.GONE_EARLY:
                return await self._leave_early(ask)
            case Manner.GONE_WHILE_SPEAKING:
                return await self._leave_while_speaking(ask)
        reply = await self._post(ask.body | _FIELDS[ask.manner])
        if ask.refusal:
            return refused(reply, ask.refusal)
        self._check_voice(reply, ask.body["voice"])
        if ask.probe:
            expect(self._known[ask.probe] == reply.content, f"other bytes than alone: {len(reply.content)}")
            return "probe"
        audio, told_s = of_events(reply) if ask.manner is Manner.EVENTS else (reply.content, duration_of(reply))
        expect((told_s is None) == (ask.manner is Manner.STREAMED), f"duration {told_s}")
        check_sound(ask.body, audio, told_s)
        return ask.manner.name.lower()

    async def _post(self, body: dict[str, Any]) -> httpx.Response:
        return await self._http.post("/v1/audio/speech", json=body)

    def _check_voice(self, reply: httpx.Response, voice: str) -> None:
        expect(reply.status_code == 200, f"{reply.status_code} {reply.text[:300]}")
        check_hash(reply, self._hashes.get(voice))

    # who leaves

    async def _leave_early(self, ask: Ask) -> str:
        try:
            async with asyncio.timeout(self._chance.random() * 0.3):
                reply = await self._post(ask.body | {"stream": False})
        except TimeoutError:
            return "gone early"
        self._check_voice(reply, ask.body["voice"])
        return "not gone early enough"

    async def _leave_while_speaking(self, ask: Ask) -> str:
        async with self._http.stream("POST", "/v1/audio/speech", json=ask.body | {"stream": True}) as reply:
            expect(reply.status_code == 200, f"{reply.status_code}")
            await anext(reply.aiter_raw())
            check_hash(reply, self._hashes[ask.body["voice"]])
        return "gone while speaking"

    # voices that come and go

    async def _ask_for_guest(self, body: dict[str, Any]) -> str:
        assert self._guest
        voice_id, its_hash = await asyncio.shield(self._guest)
        reply = await self._post(body | {"voice": voice_id})
        if reply.status_code == 404:  # deleted before the request, or between its order and its turn
            return refused(reply, (404, "voice_missing"))
        expect(reply.status_code == 200, f"{reply.status_code} {reply.text[:300]}")
        check_hash(reply, its_hash)
        check_sound(body | {"response_format": "mp3"}, reply.content, duration_of(reply))
        return "guest"

    async def _librarian(self, visits: range) -> None:
        for number in visits:
            try:
                await self._visit(number)
            except (Fault, httpx.HTTPError) as exc:
                self.report.faults.append(f"visit {number}: {exc!r}")

    async def _visit(self, number: int) -> None:
        """A voice comes, speaks, gets another name and an alias, speaks alike, and goes."""
        file, model = recordings.voice(140 + number, 6.0), MODELS[number % len(MODELS)]
        row = await self._upload(f"Guest {number}", file)
        expect(row["hash"] == hashlib.sha256(file).hexdigest(), "no hash of the upload")
        voice = f"{ROUTE}/{row['id']}"
        self._welcome(row["id"], row["hash"])
        wish = {"input": HELLO, "model": model, "response_format": "pcm", "seed": 5}
        first = await self._speak_as(wish | {"voice": f"Guest {number}"}, row["hash"])
        expect(first not in self._known.values(), "the guest sounds like another voice")
        again = await self._http.post(ROUTE, data={"name": "Twin"}, files={"audio_sample": file})
        expect(again.status_code == 409, f"a twin: {again.status_code}")
        change = {"name": f"Friend {number}", "aliases": ["nova"]}
        changed = await self._http.patch(voice, json=change)
        expect(changed.status_code == 200, f"not renamed: {changed.text}")
        refused(await self._post(wish | {"voice": f"Guest {number}"}), (404, "voice_missing"))
        for name in (f"friend {number}", "nova"):
            expect(first == await self._speak_as(wish | {"voice": name}, row["hash"]), f"other bytes as {name}")
        await self._speak_as(wish | {"model": "espeak", "voice": "nova"}, None)
        gone = await self._http.delete(voice)
        expect(gone.status_code == 200, f"not deleted: {gone.text}")
        refused(await self._post(wish | {"voice": row["id"]}), (404, "voice_missing"))
        self.report.outcomes["visit"] += 1

    def _welcome(self, voice_id: str, its_hash: str) -> None:
        assert self._guest
        if self._guest.done():
            self._guest = asyncio.get_running_loop().create_future()
        self._guest.set_result((voice_id, its_hash))

    async def _speak_as(self, body: dict[str, Any], its_hash: str | None) -> bytes:
        reply = await self._post(body)
        expect(reply.status_code == 200, f"{reply.status_code} {reply.text[:300]}")
        check_hash(reply, its_hash)
        return reply.content

    async def _upload(self, name: str, file: bytes) -> Any:
        reply = await self._http.post(ROUTE, data={"name": name}, files={"audio_sample": file})
        expect(reply.status_code == 200, f"{reply.status_code} {reply.text[:300]}")
        return reply.json()


def expect(is_so: bool, what: str) -> None:
    """Raises Fault."""
    if not is_so:
        raise Fault(what)


def check_hash(reply: httpx.Response, expected: str | None) -> None:
    """Whose voice it is: a recording's hash, none for a voice of the model's own."""
    told = reply.headers.get("x-tts-voice-hash")
    expect(expected == told, f"the hash of another voice: {told}")


def refused(reply: httpx.Response, expected: tuple[int, str]) -> str:
    """The outcome's name, when it is the one that is due."""
    expect(reply.status_code != 200, f"served, and not {expected}")
    error = reply.json()["error"]
    expect(expected == (reply.status_code, error["code"]), f"{reply.status_code} {error}")
    expect(len(error["message"]) > 20, f"unclear: {error}")
    return f"{expected[0]} {expected[1]}"


def duration_of(reply: httpx.Response) -> float | None:
    """As the header tells it."""
    told = reply.headers.get("x-audio-duration")
    return float(told) if told else None


def of_events(reply: httpx.Response) -> tuple[bytes, float | None]:
    """The audio of server-sent events, and the duration that the last one tells."""
    expect(reply.status_code == 200, f"{reply.status_code} {reply.text[:300]}")
    events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: ")]
    expect(events[-1]["type"] == "speech.audio.done", f"no end: {events[-1]['type']}")
    audio = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    return audio, float(events[-1]["audio_duration"])


def check_sound(body: dict[str, Any], audio: bytes, told_s: float | None) -> None:
    """It decodes in its format, is no silence, and lasts as long as was told and as the text may take."""
    sound, rate, channels = decoded(body, audio)
    audio_format = body["response_format"]
    wanted = 48_000 if audio_format == "opus" else body.get("sample_rate", SAMPLE_RATE)
    expect((rate, channels) == (wanted, body.get("channels", 1)), f"{rate} Hz, {channels} channels")
    if told_s is not None:
        tolerance_s = 0.03 + 3 * _FRAME.get(audio_format, 0) / body.get("sample_rate", SAMPLE_RATE)
        expect(abs(sound.duration_s - told_s) < tolerance_s, f"{sound.duration_s:.3f} s, told {told_s:.3f} s")
    pieces = 2 + body["input"].count(".")
    longest_s = (2 * bounds_of(body["input"], body.get("language")).longest_s + 3.5 * pieces) / body.get(
        "speed", 1
    )
    expect(0.05 < sound.duration_s < longest_s, f"{sound.duration_s:.2f} s of at most {longest_s:.1f} s")
    if body.get("codec") != "pcm_u8":  # tiny models may whisper below its steps
        expect(any(sound.samples), "silent")


def decoded(body: dict[str, Any], audio: bytes) -> tuple[Sound, int, int]:
    """What is heard; the rate and the channels as they came. Raw samples are read as they were asked for."""
    raw: dict[str, Any] = {}
    if body["response_format"] == "pcm":
        layout = "stereo" if body.get("channels") == 2 else "mono"
        rate = str(body.get("sample_rate", SAMPLE_RATE))
        codec = body.get("codec", "pcm_s16le").removeprefix("pcm_")
        raw = {"format": codec, "options": {"sample_rate": rate, "ch_layout": layout}}
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    with av.open(io.BytesIO(audio), "r", **raw) as container:
        stream = container.streams.audio[0]
        rate, channels = stream.rate, stream.channels
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    return of_pcm(pcm_of(frames)), rate, channels
