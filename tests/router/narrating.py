"""A house whose nodes all have the same voice, made of what is said; and what clients get of a long text."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from fakes import FakeSpeech, speech_card
from houses import Answer, FakeHouse, ask

from router.domain import BYTES_PER_S, Passage, ProviderCard, Segment, Utterance
from router.entry import Entry
from router.errors import RouterError
from router.ports import Header
from router.speech.cleaning import speakable
from router.speech.segments import passages

SEED = 7
SENTENCES = [
    "The first sentence of this text is rather short.",
    "The second one says a little more, and takes its time to do so.",
    "Somebody pulled the plug of the machine in the corner, and nobody noticed.",
    "The fourth goes on as if nothing had happened, which is what this is all about.",
    "Whoever listens hears every word once, and in the order in which it was written.",
    "With that there is nothing left to be said but good night and good luck.",
]
TEXT = " ".join(SENTENCES)


def sound_of(text: str, seed: int = SEED) -> bytes:
    """What `text` sounds like: other words or another seed, another sound. 40 characters a second."""
    size = max(4800, len(text) * BYTES_PER_S // 40 // 2 * 2)
    noise = hashlib.shake_256(f"{seed}\0{text}".encode()).digest(256)
    return (noise * (size // 256 + 1))[:size]


def said(segment: Segment) -> Utterance:
    return Utterance(sound_of(segment.text, segment.seed), 0.01, "engine", segment.voice)


def cut(text: str) -> tuple[Passage, ...]:
    """The segments of a text."""
    return passages(speakable(text), None)


def pcm_of(text: str, seed: int = SEED) -> bytes:
    """The whole answer, silences and all, as nobody's faults would have it."""
    return b"".join(
        sound_of(passage.text, seed) + bytes(round(passage.pause_s * 24_000) * 2) for passage in cut(text)
    )


@dataclass(slots=True)
class Script:
    """A node's voice that calls `on[n]` when it is asked for the segment that is the text's n-th, once each; it
    may raise, or return another utterance."""

    text: str = TEXT
    on: dict[int, Callable[[], Utterance | None]] = field(default_factory=dict)
    spoken: list[int] = field(default_factory=list)

    def __call__(self, segment: Segment) -> Utterance:
        index = [passage.text for passage in cut(self.text)].index(segment.text)
        self.spoken.append(index)
        act = self.on.pop(index, None)
        return (act() if act is not None else None) or said(segment)


def fault(error: RouterError) -> Callable[[], Utterance | None]:
    def act() -> Utterance | None:
        raise error

    return act


def nodes(
    *voices: Callable[[Segment], Utterance], cards: Sequence[ProviderCard] = (), **settings: Any
) -> FakeHouse:
    """Nodes `gpu`, `cpu` and `nas` in order of preference, as many as `voices`, all with model `m`."""
    names = ("gpu", "cpu", "nas")[: len(voices)]
    house = FakeHouse(
        *(
            FakeSpeech(speech_card(name, tier=tier), voice)
            for tier, (name, voice) in enumerate(zip(names, voices, strict=True), 1)
        ),
        settings={
            "models": {
                "speech": {"serves": "speech", "routes": [{"provider": name, "model": "m"} for name in names]}
            },
            **settings,
        },
        has_rest=True,
    )
    for name in names:
        house.report(name, "m")
    return house


def body(text: str = TEXT, **fields: Any) -> bytes:
    return json.dumps({"input": text, "response_format": "pcm", "seed": SEED, **fields}).encode()


@dataclass(frozen=True, slots=True)
class Events:
    """A stream of events, read."""

    audio: bytes
    done: dict[str, Any] | None
    error: dict[str, Any] | None


def events_of(answer: Answer) -> Events:
    events = [json.loads(event.removeprefix(b"data: ")) for event in _events(answer.body)]
    deltas = [event for event in events if event.get("type") == "speech.audio.delta"]
    done = [event for event in events if event.get("type") == "speech.audio.done"]
    errors = [event for event in events if "error" in event]
    assert len(deltas) + len(done) + len(errors) == len(events)
    assert events[-1:] == [*done, *errors][-1:]  # nothing follows either
    return Events(
        b"".join(base64.b64decode(event["audio"]) for event in deltas),
        done[0] if done else None,
        errors[0] if errors else None,
    )


def _events(stream: bytes) -> list[bytes]:
    """Those with data; an `error` event may have a name besides."""
    lines = [line for event in stream.split(b"\n\n") for line in event.split(b"\n")]
    return [line for line in lines if line.startswith(b"data: ") and line != b"data: [DONE]"]


class Slow:
    """A client that takes `allowed` pieces of the body and then reads nothing until it is allowed more."""

    def __init__(self, allowed: int = 0) -> None:
        self._allowed = allowed
        self._changed = asyncio.Event()
        self.is_stuck = asyncio.Event()
        self.taken = 0

    def allow(self, pieces: int = 1_000_000) -> None:
        self._allowed += pieces
        self.is_stuck.clear()
        self._changed.set()

    async def ask(self, house: FakeHouse, body: bytes, headers: Sequence[Header] = (), **more: Any) -> Answer:
        async def entry(scope: Any, receive: Any, send: Any) -> None:
            async def held(message: dict[str, Any]) -> None:
                if message.get("body"):
                    await self._turn()
                await send(message)

            await house.entry(scope, receive, held)

        return await ask(cast("Entry", entry), "POST", "/v1/audio/speech", body, headers, **more)

    async def _turn(self) -> None:
        while self.taken >= self._allowed:
            self.is_stuck.set()
            self._changed.clear()
            await self._changed.wait()
        self.taken += 1
