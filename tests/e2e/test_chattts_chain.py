"""Document 003's fallback: ChatTTS first, Cartesia when it fails, and not a sentence lost or heard twice.

Both are fakes of their published contracts, on loopback sockets; the router is a process. ChatTTS is deaf while it
speaks, and fails in every way that it can, one after the other, while clients ask.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from crowd import Answer, asked, crowd
from figures import note
from processes import Process, free_port, start_router
from vendors.cartesia import VOICES, Cartesia
from vendors.chattts import ChatTTS
from vendors.server import Mode, Running, serving
from vendors.sound import seconds_of

from router.domain import BYTES_PER_S
from router.speech.cleaning import speakable
from router.speech.segments import passages

pytest_plugins = ["process_logs"]

SPEECH: Final = "/v1/audio/speech"
CLIENTS: Final = 3
RTF: Final = 0.01  # some 40 ms for a sentence, during which it answers nobody
FIRST_BYTE_S: Final = 1.0  # the document has 60 s, for which a test will not wait
WITHIN_S: Final = 60.0  # guards against what would hang
FAULTS: Final = (
    Mode.BROKEN,
    Mode.UNAVAILABLE,
    Mode.BAD_KEY,
    Mode.RESET,
    Mode.CUT,
    Mode.STALLED,
    Mode.GARBAGE,
    Mode.SLOW,
)
TEXT: Final = (
    "The lighthouse stands at the end of the pier. It was built of granite, and it has never been painted since. "
    "Ships see it from very far away, at night more than by day. Somebody lives in it with a cat. "
    "The cat catches the fish that the gulls leave behind, and sleeps on the stairs in the afternoon sun."
)
PASSAGES: Final = passages(speakable(TEXT), None)


def bytes_of(seconds: float) -> int:
    return round(seconds * BYTES_PER_S / 2) * 2


EXPECTED_BYTES: Final = sum(bytes_of(seconds_of(p.text)) + bytes_of(p.pause_s) for p in PASSAGES)


@dataclass(slots=True)
class Heard(Answer[int]):
    """An answer, and what the router tells of it afterwards."""

    told: dict[str, Any] = field(default_factory=dict)

    @property
    def by(self) -> set[str]:
        return {segment["provider"] for segment in self.told.get("segments", [])}


@dataclass(slots=True)
class Chain:
    """The two vendors and the router in front of them."""

    chattts: ChatTTS
    cartesia: Cartesia
    router: Process
    port: int
    listening: AsyncExitStack

    async def listen(self) -> Running:
        """ChatTTS' server starts, on the port that it always has."""
        return await self.listening.enter_async_context(serving(self.chattts, self.port))

    async def fall(self) -> None:
        """It ends, in the middle of whatever it does."""
        await self.listening.aclose()


@asynccontextmanager
async def chain(folder: Path, first_byte_s: float = FIRST_BYTE_S) -> AsyncIterator[Chain]:
    """All of them, up."""
    chattts, cartesia, port = ChatTTS(rtf=RTF), Cartesia(), free_port()
    async with AsyncExitStack() as listening, serving(cartesia) as second:
        await listening.enter_async_context(serving(chattts, port))
        config = f"""\
providers:
  chattts: {{kind: chattts, url: "http://127.0.0.1:{port}", first_byte_s: {first_byte_s}, stall_s: {first_byte_s}}}
  cartesia: {{kind: cartesia, url: "{second.url}", api_key: vendor-key, tier: 2, concurrency: 8}}
models:
  speech:
    serves: speech
    routes: [{{provider: chattts, model: chattts}}, {{provider: cartesia, model: sonic-3.5}}]
voices:
  agent: {{use: {{chattts: female_1, cartesia: "{VOICES[1]["id"]}"}}}}
cache: {{enabled: false}}
"""
        with ExitStack() as stack:  # in a thread: the vendors live in this loop, and the router looks at them
            router = await asyncio.to_thread(stack.enter_context, start_router(config, folder))
            try:
                yield Chain(chattts, cartesia, router, port, listening)
            finally:
                await asyncio.to_thread(stack.close)


async def until(what: str, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, f"not within {WITHIN_S:g} s: {what}"
        await asyncio.sleep(0.005)


async def speaks_again(chain: Chain) -> None:
    """ChatTTS, which is preferred."""
    before = len(chain.chattts.spoken)
    await until("ChatTTS speaks again", lambda: len(chain.chattts.spoken) > before + CLIENTS)


async def stands_in(chain: Chain, before: int) -> None:
    await until(f"Cartesia stands in ({chain.chattts.mode})", lambda: len(chain.cartesia.spoken) > before)


def check(answers: list[Heard]) -> None:
    """Whole, every sentence once, in order, and nothing of it but that."""
    for answer in answers:
        assert (200, True) == (answer.status, answer.is_whole), str(answer)
        assert [len(p.text) for p in PASSAGES] == [s["characters"] for s in answer.told["segments"]], answer.told
        assert abs(EXPECTED_BYTES - len(answer.body)) < 16 * len(PASSAGES), answer.told


@pytest.mark.proves(
    provider="chattts",
    feature="failover to Cartesia",
    what="document 003's fallback: no failed request, no sentence missing or repeated, whatever fails",
)
def test_cartesia_stands_in_whatever_fails(tmp_path: Path) -> None:
    """Errors, a bad key, resets, cut and stalled and silent answers, pages for sound, and an end of its
    process."""

    async def main() -> list[Heard]:
        async with chain(tmp_path) as scene, httpx.AsyncClient(trust_env=False, timeout=WITHIN_S) as lookup:

            async def ask(number: int) -> Heard:
                body = {"input": TEXT, "voice": "agent", "response_format": "pcm", "stream": True}
                heard = await asked(Heard(number), scene.router.port, SPEECH, body)
                if heard.status == 200:
                    path = f"{scene.router.base_url}{SPEECH}/{heard.header('x-request-id')}"
                    heard.told = (await lookup.get(path)).json()
                return heard

            async with crowd(CLIENTS, ask) as clients:
                await clients.until("ChatTTS speaks", lambda answer: answer.by == {"chattts"}, WITHIN_S)
                for mode in FAULTS:
                    before, scene.chattts.mode = len(scene.cartesia.spoken), mode
                    await stands_in(scene, before)
                    scene.chattts.mode = Mode.WELL
                    await speaks_again(scene)
                before = len(scene.cartesia.spoken)
                await scene.fall()
                await stands_in(scene, before)
                await scene.listen()
                await speaks_again(scene)
            return clients.answers

    answers = asyncio.run(main())
    check(answers)
    helped = [answer for answer in answers if "cartesia" in answer.by]
    gaps = sorted(answer.told["gap"] for answer in answers)
    assert helped
    assert any(answer.by == {"chattts"} for answer in answers)
    note(
        f"ChatTTS → Cartesia, {len(FAULTS) + 1} faults: {len(answers)} answers, {len(helped)} helped by Cartesia, "
        f"none failed, no sentence missing or repeated; gaps at most {gaps[-1]:.2f} s (a fallback that charges "
        f"is asked after {FIRST_BYTE_S:g} s of silence)"
    )


def test_a_deaf_server_is_not_thought_dead(tmp_path: Path) -> None:
    """While ChatTTS speaks for a second it answers no probe, and nobody else is asked for that."""

    async def main() -> tuple[Heard, int]:
        async with chain(tmp_path, first_byte_s=20) as scene:
            scene.chattts.rtf = 0.15  # over a second for the longest sentence: four touches, and a probe
            body = {"input": TEXT, "voice": "agent", "response_format": "pcm"}
            heard = await asked(Heard(0), scene.router.port, SPEECH, body)
            return heard, len(scene.cartesia.spoken)

    heard, others = asyncio.run(main())
    assert (200, True, 0) == (heard.status, heard.is_whole, others)
