"""Speech by who charges: never asked twice, asked elsewhere only after a reset or an explicit error, and counted.
A whole router with ElevenLabs and Cartesia, at fakes of both."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from houses import Answer, ask
from running import run, until
from vendors.cartesia import Cartesia
from vendors.elevenlabs import VOICES, ElevenLabs
from vendors.server import Mode, serving

from router.app import House, open_house
from router.config import Settings

pytestmark = pytest.mark.usefixtures("_patient")
TEXT = "The kettle is on, and the cat is out."
RACHEL = VOICES[0]["voice_id"]
PRICES = {"eleven": 100.0, "cart": 40.0}  # per million characters


@dataclass(slots=True)
class Scene:
    """A router, and the two that it pays."""

    house: House
    eleven: ElevenLabs
    cart: Cartesia

    async def say(self, **more: Any) -> Answer:
        body = {"input": TEXT, "voice": "narrator", "response_format": "pcm", **more}
        return await ask(self.house.entry, "POST", "/v1/audio/speech", json.dumps(body).encode())

    def counted(self, name: str, provider: str) -> float:
        return self.house.metrics.registry.get_sample_value(name, {"provider": provider}) or 0.0


@contextlib.asynccontextmanager
async def _scene(
    eleven: Mode = Mode.WELL, cart: Mode = Mode.WELL, *, patience_s: float = 30, **cache: Any
) -> AsyncIterator[Scene]:
    """ElevenLabs is preferred. `patience_s`: how long each may be silent."""
    async with serving(one := ElevenLabs(eleven)) as at_one, serving(two := Cartesia(cart)) as at_two:
        common = {"api_key": "vendor-key", "connect_s": 10, "first_byte_s": patience_s, "stall_s": patience_s}
        providers = {
            "eleven": {"kind": "elevenlabs", "url": at_one.url, "tier": 1, **common},
            "cart": {"kind": "cartesia", "url": at_two.url, "tier": 2, **common},
        }
        for name, entry in providers.items():
            entry["price"] = {"per_million_characters": PRICES[name]}
        routes = [{"provider": "eleven", "model": "eleven_flash_v2_5"}, {"provider": "cart", "model": "sonic-3.5"}]
        given = {
            "providers": providers,
            "models": {"speech": {"serves": "speech", "routes": routes}},
            "voices": {"narrator": {"use": {"eleven": RACHEL}}},
            "speech": {"patience_s": 0.05},
            "cache": {"enabled": False, **cache},
        }
        async with open_house(Settings.model_validate_json(json.dumps(given))) as house:
            yield Scene(house, one, two)


@pytest.mark.parametrize(
    ("mode", "next_is_asked"),
    [
        (Mode.WELL, False),
        (Mode.QUOTA, True),
        (Mode.BUSY, True),
        (Mode.BROKEN, True),
        (Mode.UNAVAILABLE, True),
        (Mode.RESET, True),
        (Mode.CUT, True),
        (Mode.SLOW, False),
        (Mode.STALLED, False),
    ],
)
@pytest.mark.proves(
    provider="elevenlabs",
    feature="billed",
    what="never asked twice; the next only after a reset or an explicit error",
)
def test_the_next_is_asked_after_a_reset_or_an_explicit_error(mode: Mode, next_is_asked: bool) -> None:
    """Silence is no error: what was asked for may have been made, and paid for. Nobody is asked twice."""

    async def main() -> None:
        is_silent = mode in {Mode.SLOW, Mode.STALLED}
        async with _scene(mode, patience_s=0.2 if is_silent else 30) as scene:
            answer = await scene.say()
            assert (1, int(next_is_asked)) == (len(scene.eleven.spoken), len(scene.cart.spoken))
            is_spoken = next_is_asked or mode is Mode.WELL
            assert (200 if is_spoken else 503) == answer.status
            speaker = "cart" if next_is_asked else "eleven"
            assert not is_spoken or speaker == answer.get("x-router-provider")

    run(main())


def test_the_voice_that_was_mapped_is_used_and_another_is_told() -> None:
    """`narrator` is Rachel at the one; the other has its first speak, and says so."""

    async def main() -> None:
        async with _scene() as scene:
            told = [(await scene.say()).get("x-router-substitution")]
            assert f"/v1/text-to-speech/{RACHEL}" == scene.eleven.spoken[0].raw_path
            scene.eleven.mode = Mode.QUOTA
            told.append((await scene.say()).get("x-router-substitution"))
            assert [None, f"voice={scene.cart.voices[0]['id']}"] == told

    run(main())


@pytest.mark.proves(
    provider="elevenlabs", feature="quota spent", what="told as such in a 503 and on the admin's list"
)
@pytest.mark.proves(
    provider="cartesia", feature="quota spent", what="told as such in a 503 and on the admin's list"
)
def test_who_is_out_of_credits_is_told_as_such() -> None:
    """In the lines of the 503 and on the admin's list: a new key would not help."""

    async def main() -> None:
        async with _scene(Mode.QUOTA, Mode.QUOTA) as scene:
            answer = await scene.say()
            assert 503 == answer.status
            lines = answer.json["error"]["message"].splitlines()
            assert "- eleven: is out of credits (status 401, quota_exceeded)" in lines
            assert "- cart: is out of credits (status 402, quota_exceeded)" in lines
            roster = scene.house.roster
            await until(lambda: "out of credits" in roster.standing("eleven").detail)
            await until(lambda: "out of credits" in roster.standing("cart").detail)

    run(main())


@pytest.mark.proves(
    provider="elevenlabs", feature="cost", what="router_cost_total and router_billed_characters_total"
)
@pytest.mark.proves(
    provider="cartesia", feature="cost", what="router_cost_total and router_billed_characters_total"
)
def test_what_is_spoken_is_counted_and_priced() -> None:
    """By the provider's own count where it tells it, else by the text."""

    async def main() -> None:
        async with _scene() as scene:
            await scene.say()
            half = round(len(TEXT) / 2)  # Flash's credits
            assert half == scene.counted("router_billed_characters_total", "eleven")
            assert half * 100 / 1e6 == pytest.approx(scene.counted("router_cost_total", "eleven"))
            scene.eleven.mode = Mode.BROKEN
            await scene.say()
            assert len(TEXT) == scene.counted("router_billed_characters_total", "cart")
            assert len(TEXT) * 40 / 1e6 == pytest.approx(scene.counted("router_cost_total", "cart"))
            assert half == scene.counted("router_billed_characters_total", "eleven")

    run(main())


@pytest.mark.proves(provider="elevenlabs", feature="cache", what="what was spoken before costs nothing")
def test_what_is_remembered_costs_nothing() -> None:
    """The second time it comes from the cache."""

    async def main() -> None:
        async with _scene(enabled=True) as scene:
            first, second = await scene.say(), await scene.say()
            assert ["miss", "hit"] == [answer.get("x-router-cache") for answer in (first, second)]
            assert first.body == second.body
            assert 1 == len(scene.eleven.spoken)
            assert round(len(TEXT) / 2) == scene.counted("router_billed_characters_total", "eleven")

    run(main())


def test_one_that_two_want_at_once_is_paid_once() -> None:
    """Both hear the same flight."""

    async def main() -> None:
        async with _scene(enabled=True) as scene:
            await asyncio.gather(scene.say(), scene.say())
            assert 1 == len(scene.eleven.spoken)
            assert round(len(TEXT) / 2) == scene.counted("router_billed_characters_total", "eleven")

    run(main())
