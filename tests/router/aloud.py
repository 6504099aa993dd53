"""A house that answers chats aloud: two language models that write what a test lets them, and nodes whose every
segment sounds of its words; and what clients get of it."""

import base64
import io
import json
import wave
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fakes import FakeForward, FakeSpeech, Step, chat_card, head, speech_card
from houses import Answer, FakeHouse
from narrating import said, sound_of

from router.domain import Modality, ProviderCard
from router.errors import UpstreamFault
from router.ports import Header
from router.speech.live import Unfolding

SSE: Header = (b"Content-Type", b"text/event-stream")
JSON: Header = (b"Content-Type", b"application/json")
REPLY = (
    "Good evening to all of you. The house is quiet, and the lamps are lit. "
    "Somebody left a window open in the kitchen, so it may be cold there. Shall I close it?"
)
SEED = 7
Script = list[Step] | UpstreamFault


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    document = {"id": "c-1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(document).encode() + b"\n\n"


USAGE = (
    b'data: {"id":"c-1","object":"chat.completion.chunk","created":7,"model":"m","choices":[],'
    b'"usage":{"prompt_tokens":4,"completion_tokens":9,"total_tokens":13}}\n\n'
)
DONE = b"data: [DONE]\n\n"
BEGINNING = event({"role": "assistant", "content": ""})


def pieces(text: str, size: int = 4) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def words(texts: Iterable[str]) -> list[Step]:
    return [event({"content": text}) for text in texts]


def writes(text: str = REPLY, size: int = 4, *, finish: str = "stop") -> list[Step]:
    """A model that writes `text`, so many characters at a time."""
    return [head(200, SSE), BEGINNING, *words(pieces(text, size)), event({}, finish), USAGE, DONE]


def spoken(text: str) -> list[str]:
    """The segments of a reply."""
    unfolding = Unfolding()
    return [passage.text for passage in (*unfolding.feed(text), *unfolding.close())]


def pcm_of(text: str = REPLY) -> bytes:
    """How it sounds, silences and all."""
    unfolding = Unfolding()
    return b"".join(
        sound_of(passage.text, SEED) + bytes(round(passage.pause_s * 24_000) * 2)
        for passage in (*unfolding.feed(text), *unfolding.close())
    )


def aloud_house(
    *first: Script,
    second: Sequence[Script] = (),
    ear: Script | None = None,
    cards: dict[str, Any] | None = None,
    has_rest: bool = False,
    **settings: Any,
) -> FakeHouse:
    """Models `one` and `two` of the name m, nodes `gpu` and `cpu`, and `ear` where a script says what it hears."""
    names = ("gpu", "cpu")
    providers: list[FakeForward | FakeSpeech] = [
        FakeForward(
            chat_card("one", tier=1, first_byte_s=60, stall_s=60, **(cards or {})), *(first or (writes(),))
        ),
        *(FakeSpeech(speech_card(name, tier=tier), said) for tier, name in enumerate(names, 1)),
    ]
    if second:
        providers.append(FakeForward(chat_card("two", tier=2), *second))
    if ear is not None:
        hearing = ProviderCard("ear", "openai", "ear-host", frozenset({Modality.TRANSCRIPTION}))
        providers.append(FakeForward(hearing, ear))
    routes = [{"provider": name, "model": "v"} for name in names]
    models = {"speech": {"serves": "speech", "routes": routes}}
    house = FakeHouse(*providers, settings={"models": models, **settings}, has_rest=has_rest)
    house.report("one", "m")
    for name in names:
        house.report(name, "v", voices=["alloy"])
    if second:
        house.report("two", "m")
    if ear is not None:
        house.report("ear", "whisper-large")
    return house


def chat(*messages: dict[str, Any], **fields: Any) -> bytes:
    asked = list(messages) or [{"role": "user", "content": "Hello!"}]
    return json.dumps({"model": "m", "messages": asked, **fields}).encode()


def aloud(*messages: dict[str, Any], stream: bool = False, audio: Any = None, **fields: Any) -> bytes:
    """A chat whose answer is to be spoken."""
    voice = {"voice": "alloy", "format": "pcm16", "seed": SEED, **(audio or {})}
    if stream:
        fields["stream"] = True
    return chat(*messages, modalities=["text", "audio"], audio=voice, **fields)


@dataclass(slots=True)
class Heard:
    """A streamed answer, read."""

    deltas: list[dict[str, Any]] = field(default_factory=list)
    finish: list[str] = field(default_factory=list)
    usage: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    is_done: bool = False

    @property
    def audio(self) -> list[dict[str, Any]]:
        return [delta["audio"] for delta in self.deltas if "audio" in delta]

    @property
    def transcript(self) -> str:
        return "".join(audio.get("transcript", "") for audio in self.audio)

    @property
    def content(self) -> str:
        return "".join(delta.get("content") or "" for delta in self.deltas)

    @property
    def pcm(self) -> bytes:
        return b"".join(base64.b64decode(audio["data"]) for audio in self.audio if "data" in audio)

    @property
    def end(self) -> dict[str, Any]:
        """The last of its audio deltas."""
        ends = [audio for audio in self.audio if "expires_at" in audio]
        assert [self.audio[-1]] == ends
        return ends[0]


def heard(answer: Answer) -> Heard:
    """What an SDK would make of it."""
    found = Heard()
    for each in answer.body.split(b"\n\n"):
        data = each.removeprefix(b"data: ")
        if not data:
            continue
        assert not found.is_done, "something follows [DONE]"
        if data == b"[DONE]":
            found.is_done = True
            continue
        document = json.loads(data)
        if "error" in document:
            found.error = document["error"]
            continue
        assert ("chat.completion.chunk", "c-1", "m") == tuple(document[k] for k in ("object", "id", "model"))
        found.usage = document.get("usage") or found.usage
        for choice in document["choices"]:
            found.deltas.append(choice["delta"])
            if choice["finish_reason"]:
                found.finish.append(choice["finish_reason"])
    return found


def pcm_in(wav: bytes) -> bytes:
    """What is in a WAV file that says how long it is."""
    with wave.open(io.BytesIO(wav)) as file:
        assert (24_000, 2, 1) == (file.getframerate(), file.getsampwidth(), file.getnchannels())
        frames: bytes = file.readframes(file.getnframes())
        return frames


def model_of(house: FakeHouse, name: str = "one") -> FakeForward:
    provider = house.forwarder._providers[name]
    assert isinstance(provider, FakeForward)
    assert [] == provider.forbidden
    return provider


def asked_of(house: FakeHouse, name: str = "one") -> Any:
    """The last body that a model's server got."""
    return json.loads(model_of(house, name).sent[-1].body)
