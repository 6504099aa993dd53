"""The espeak engine: what it is told (pure), and what comes out of it (in a real child process)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

import sound
from fakes import Recorder
from tts_node.domain import Job
from tts_node.engines import ESPEAK
from tts_node.engines.espeak import Pace, pace_of, recipe_of
from tts_node.engines.espeak_voices import TIMBRES
from tts_node.life.limits import SlotLimits
from tts_node.life.process import ChildProcess
from tts_node.life.slot import Slot

pytestmark = pytest.mark.anyio
TEXT = "The quick brown fox jumps over the lazy dog."


@asynccontextmanager
async def espeak() -> AsyncIterator[Slot]:
    """A slot with the real engine."""
    slot = Slot(ESPEAK, SlotLimits(), ChildProcess.spawn, Recorder())
    yield slot
    await slot.close()


async def speak(slot: Slot, text: str = TEXT, voice: str = "alloy", **options: object) -> bytes:
    """The PCM of one job."""
    job = Job(id=slot.next_job_id(), text=text, voice=voice, **options)  # type: ignore[arg-type]
    async with slot.speaking(job) as utterance:
        return b"".join([pcm async for pcm in utterance.pieces()])


@pytest.mark.parametrize(
    ("speed", "expected"),
    [(1.0, Pace(175, 1.0)), (4.0, Pace(700, 1.0)), (0.5, Pace(88, 1.0)), (0.25, Pace(80, 0.25 / 0.477))],
)
async def test_speeds_become_paces(speed: float, expected: Pace) -> None:
    """espeak's own rate where it has one, a stretch below that."""
    assert expected == pace_of(speed)


async def test_recipes() -> None:
    """A named voice takes its timbre into the asked language; a language's voice keeps its language."""
    job = Job(id=1, text="", voice="coral")
    assert "gmw/en-US+f2" == recipe_of(job).name
    assert "gmw/de+f2" == recipe_of(Job(id=1, text="", voice="coral", language="de")).name
    assert "gmw/de" == recipe_of(Job(id=1, text="", voice="de", language="fr-fr")).name


async def test_seeds_make_takes_within_bounds() -> None:
    """A seed moves pitch and intonation a little; neighbours differ; none stays at the voice's own."""
    recipes = [recipe_of(Job(id=1, text="", voice="coral", seed=seed)) for seed in range(-20, 200)]
    assert all(abs(recipe.pitch - 55) <= 4 and abs(recipe.pitch_range - 50) <= 10 for recipe in recipes)
    assert all(one != other for one, other in pairwise(recipes))


async def test_the_same_job_gives_the_same_bytes() -> None:
    """Whatever was spoken before; another seed gives another take."""
    async with espeak() as slot:
        first = await speak(slot, seed=7)
        await speak(slot, "Something else, in between.", "onyx", speed=1.7)
        assert first == await speak(slot, seed=7)
        assert first != await speak(slot, seed=8)
        assert sound.of_pcm(first).is_speech_like


async def test_every_openai_voice_sounds_different() -> None:
    """Thirteen names, thirteen recordings, all of them loud."""
    async with espeak() as slot:
        recordings = [await speak(slot, voice=voice) for voice in TIMBRES]
    assert 13 == len(set(recordings))
    assert all(sound.of_pcm(pcm).loudness > 300 for pcm in recordings)


async def test_languages_speak() -> None:
    """Timbres keep to the asked language, and scripts are read."""
    async with espeak() as slot:
        german = await speak(slot, "Guten Tag", language="de")
        english = await speak(slot, "Guten Tag")
        chinese = await speak(slot, "你好世界", "cmn")
    assert german != english
    assert sound.of_pcm(chinese).duration_s > 0.5


async def test_speed_changes_the_length() -> None:
    """Over OpenAI's whole range, to within a tenth where espeak is rough."""
    async with espeak() as slot:
        lengths = {speed: len(await speak(slot, speed=speed)) for speed in (0.25, 0.5, 1.0, 2.0, 4.0)}
        slow = sound.of_pcm(await speak(slot, speed=0.25))
    for speed, length in lengths.items():
        assert speed == pytest.approx(lengths[1.0] / length, rel=0.1)
    assert slow.is_speech_like


@pytest.mark.parametrize("text", ["…", "\0", "\u200b", "🙂", "a\0b", "<b>&amp;</b>", "\x1b[0m", "-o /etc/passwd"])
async def test_any_text_gives_audio(text: str) -> None:
    """What cannot be spoken is a moment of silence, never nothing and never a fault."""
    async with espeak() as slot:
        assert sound.of_pcm(await speak(slot, text)).duration_s >= 0.1


async def test_a_nul_does_not_cut_the_text() -> None:
    """C strings end there; sentences do not."""
    async with espeak() as slot:
        assert len(await speak(slot, f"Hello\0{TEXT}")) > len(await speak(slot))


async def test_leaving_stops_the_engine_soon() -> None:
    """The turn is free long before a long text could be over."""
    async with espeak() as slot:
        async with slot.speaking(Job(id=slot.next_job_id(), text=TEXT * 90, voice="alloy")) as utterance:
            await anext(utterance.pieces())
        async with asyncio.timeout(60):
            assert await speak(slot, "Next.")
