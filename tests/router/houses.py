"""A whole router around fake providers, and a client that calls it as an ASGI server would."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from fakes import FakeForward, FakeSpeech, ManualClock, RecordingObserver

from router.api.admission import Door
from router.api.broadcasts import Broadcasts
from router.api.chat_aloud import ChatAloud
from router.api.chats import Chats
from router.api.cors import Cors
from router.api.elevenlabs import ElevenLabs
from router.api.hls import Hls
from router.api.hot import HotRoutes
from router.api.limiter import Limiter
from router.api.ollama import OllamaApi
from router.api.rest import rest_app
from router.api.speech_socket import SPEECH_SOCKETS
from router.api.speeches import Speeches
from router.api.telephone import Telephone
from router.api.transcriptions import Transcriptions
from router.api.uploads import Uploads
from router.api.voice_agent import VoiceAgent
from router.catalogue import Catalogue
from router.config import ConfigError, Settings
from router.domain import Model, Voice
from router.entry import Entry, Rooms
from router.explain import Explained, explain
from router.forward import Forwarder
from router.health import HostSign, ProviderSign
from router.metrics import Metrics
from router.ports import Header, Probe
from router.recital import Reciter
from router.recollection import Recollection
from router.relay import Relay
from router.roster import Roster
from router.speak import Speaker
from router.speech.cache import AudioCache
from router.speech.encoders import Encoders
from router.speech.voices import VoiceBook
from router.state import LocalStore
from router.transcribing import Transcriber
from router.warming import Warmer

Fake = FakeForward | FakeSpeech
HOST: Header = (b"host", b"127.0.0.1:8700")


@dataclass(slots=True)
class Answer:
    """What a client got. `is_complete` is False when the server would cut the connection."""

    status: int = 0
    headers: list[Header] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    is_complete: bool = False
    forbidden: list[str] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def get(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        return [value.decode() for key, value in self.headers if key.decode().lower() == name]


async def _no_rest(scope: Mapping[str, Any], *_: object) -> None:
    raise AssertionError(f"{scope['path']} went past the hot routes")


async def ask(
    entry: Entry,
    method: str,
    path: str,
    body: bytes | Sequence[bytes] = b"",
    headers: Sequence[Header] = (),
    *,
    leaves: Callable[[Answer], bool] | None = None,
    query: str = "",
) -> Answer:
    """One request. `leaves`: the client hangs up as soon as this holds of what it has got."""
    answer = Answer()
    changed = asyncio.Event()
    parts = [body] if isinstance(body, bytes) else list(body)
    inbound = [
        {"type": "http.request", "body": part, "more_body": index < len(parts) - 1}
        for index, part in enumerate(parts)
    ]

    async def receive() -> dict[str, Any]:
        if inbound:
            return inbound.pop(0)
        while leaves is None or not leaves(answer):
            changed.clear()
            with contextlib.suppress(TimeoutError):  # it may look at other things than what was sent
                async with asyncio.timeout(0.01 if leaves is not None else None):
                    await changed.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if answer.is_complete:
            answer.forbidden.append(f"{message['type']} after the end")
        if message["type"] == "http.response.start":
            if answer.status:
                answer.forbidden.append("a second start")
            answer.status = message["status"]
            answer.headers = list(message["headers"])
        else:
            if not answer.status:
                answer.forbidden.append("a body before the start")
            if message.get("body"):
                answer.chunks.append(message["body"])
            answer.is_complete = not message.get("more_body", False)
        changed.set()
        await asyncio.sleep(0)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "http",
        "headers": [HOST, *headers],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8700),
    }
    await entry(scope, cast("Any", receive), cast("Any", send))
    assert answer.forbidden == []
    return answer


class FakeHouse:
    """The rooms, wired as in `app.py`, with a manual clock and a recording observer.

    `reloading` is what a reload answers or raises.
    """

    def __init__(
        self, *providers: Fake, settings: Mapping[str, Any] | None = None, has_rest: bool = False
    ) -> None:
        given = {"cache": {"enabled": False}, **(settings or {})}  # whoever tests the cache says so
        given["speech"] = {"patience_s": 0.05, **given.get("speech", {})}
        self.settings = Settings.model_validate_json(json.dumps(given))
        self.clock = ManualClock()
        self.observer = RecordingObserver()
        self.metrics = Metrics()
        self.is_draining = False
        self.drained: set[str] = set()
        self.reloading: list[str] | ConfigError = []
        self.reloads = 0
        cards = {provider.card.id: provider.card for provider in providers}
        self.roster = Roster(cards, self.observer, self.clock, jitter=lambda: 0.0, drained=self.drained)
        self.voices = VoiceBook(self.settings.voices, self.roster)
        self.copies = None
        self.catalogue = Catalogue(
            cards, self.settings.models, self.settings.speech, self.roster, self.settings.transcription
        )
        self.store = LocalStore(self.clock)
        self.warmer = Warmer({provider.card.id: provider for provider in providers})
        forward = {p.card.id: p for p in providers if isinstance(p, FakeForward)}
        speech = {p.card.id: p for p in providers if isinstance(p, FakeSpeech)}
        self.forwarder = Forwarder(forward, self.roster, self.observer, self.clock, self.warmer)
        relay = Relay(speech, self.roster, self.observer, self.clock, voices=self.voices, warmer=self.warmer)
        self.cache = AudioCache(self.settings.cache)
        self.speaker = Speaker(
            relay,
            Recollection(self.cache, cards, self.roster, self.voices),
            self.roster,
            self.clock,
            settings=self.settings.speech,
            voices=self.voices,
            encoders=Encoders(),
        )
        self.speech = speech
        self._forward = forward
        door = Door(self.settings, "0123abcd")
        self.uploads = Uploads(self.settings.transcription)
        self.transcriber = Transcriber(self.catalogue, self.forwarder, self.observer, self.clock, door.via)
        speech_settings = self.settings.speech
        max_chars = speech_settings.max_input_chars
        reciter = Reciter(self.forwarder, self.speaker, cards, self.observer, self.clock, max_chars=max_chars)
        aloud = ChatAloud(
            self.catalogue,
            self.forwarder,
            reciter,
            self.transcriber,
            self.store,
            self.clock,
            speech_settings,
        )
        logs_text = self.settings.server.log_text
        self.broadcasts = Broadcasts(self.clock)
        speeches = Speeches(self.catalogue, self.speaker, self.store, self.clock, max_chars, logs_text)
        hot = HotRoutes.of(
            [
                Chats(self.catalogue, self.forwarder, self.store, aloud),
                speeches,
                Hls(speeches, self.broadcasts, lambda: rooms, self.observer, speech_settings.ahead_s),
                VoiceAgent(speeches),
                ElevenLabs(speeches, self.voices, list(self.speech), speech_settings.substitution),
                Transcriptions(self.catalogue, self.forwarder, self.uploads, self.clock),
                Telephone(aloud, self.roster, self.settings.telephone),
                OllamaApi(self.catalogue, self.forwarder, self.roster, self.warmer, self.clock),
            ],
            door.via,
            int(self.settings.server.max_body_mb * 2**20),
        )
        rest = rest_app(self) if has_rest else _no_rest  # Litestar takes 0.1 s to build
        rooms = Rooms(door, Cors(self.settings.server.cors_origins), Limiter(self.clock), hot)
        self.entry = Entry(rooms, rest, self.observer, self.clock, SPEECH_SOCKETS)

    def upstream(self, name: str) -> FakeForward:
        """A provider of chats or transcriptions; nothing was done to its exchanges that must not be."""
        provider = self._forward[name]
        assert [] == provider.forbidden
        return provider

    def explain(self, model: str | None, voice: str | None) -> list[Explained]:
        return explain(self.catalogue, self.roster, self.voices, self.settings.speech.substitution, model, voice)

    def drain(self) -> None:
        self.is_draining = True

    async def reload_or_log(self) -> None:
        self.reloads += 1

    async def reload(self) -> list[str]:
        self.reloads += 1
        if isinstance(self.reloading, ConfigError):
            raise self.reloading
        return self.reloading

    def report(self, provider: str, *models: str, voices: Sequence[str] = ()) -> None:
        """The provider is up and has `models` and `voices`."""
        self.sign(
            provider,
            ProviderSign.READY,
            models=tuple(Model(name) for name in models),
            voices=tuple(Voice(name, name) for name in voices) or None,
        )

    def sign(self, provider: str, sign: ProviderSign, detail: str = "", **lists: Any) -> None:
        self.roster.note_probe(provider, Probe(HostSign.ANSWERED, sign, detail, **lists))

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | Sequence[bytes] = b"",
        headers: Sequence[Header] = (),
        *,
        leaves: Callable[[Answer], bool] | None = None,
        query: str = "",
    ) -> Answer:
        """See `ask`."""
        return await ask(self.entry, method, path, body, headers, leaves=leaves, query=query)

    async def chat(self, body: bytes = b'{"model":"m"}', *headers: Header, **more: Any) -> Answer:
        return await self.ask("POST", "/v1/chat/completions", body, headers, **more)

    async def say(self, body: bytes = b'{"input":"Hello there."}', *headers: Header, **more: Any) -> Answer:
        return await self.ask("POST", "/v1/audio/speech", body, headers, **more)
