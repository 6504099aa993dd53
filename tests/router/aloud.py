"""A house that answers chats aloud: two language models that write what a test lets them, and nodes whose every
segment sounds of its words; and what clients get of it."""

import base64
import io
import json
import wave
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fakes import FakeForward, FakeSpeech, chat_card, speech_card, transcription_card
from houses import Answer, FakeHouse
from narrating import said, sound_of
from replies import REPLY, Script, writes

from router.speech.live import Unfolding

SEED = 7


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
        providers.append(FakeForward(transcription_card("ear", first_byte_s=60, stall_s=60), ear))
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


async def mute(house: FakeHouse) -> None:
    """Nobody speaks any more; the house must have its admin's routes."""
    for name in ("gpu", "cpu"):
        assert 200 == (await house.ask("POST", f"/admin/providers/{name}/drain")).status


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


def message_of(answer: Answer) -> Any:
    """What a whole answer says."""
    return answer.json["choices"][0]["message"]


def sound_in(answer: Answer) -> bytes:
    """What is heard of a whole answer, in the format that was asked for."""
    return base64.b64decode(message_of(answer)["audio"]["data"])


def pcm_in(wav: bytes) -> bytes:
    """What is in a WAV file that says how long it is."""
    with wave.open(io.BytesIO(wav)) as file:
        assert (24_000, 2, 1) == (file.getframerate(), file.getsampwidth(), file.getnchannels())
        frames: bytes = file.readframes(file.getnframes())
        return frames


def asked_of(house: FakeHouse, name: str = "one") -> Any:
    """The last body that a model's server got."""
    return json.loads(house.upstream(name).sent[-1].body)
