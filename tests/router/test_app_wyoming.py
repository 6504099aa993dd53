"""The house's port for Home Assistant: opened and closed with it, and kept through reloads."""

import json
from typing import Any

import pytest
from running import run
from vendors import piper
from vendors.piper import Piper
from vendors.sound import seconds_of
from wyoming_clients import client_of, pcm_in

from router.app import House
from router.config import Settings
from router.drill.ports import free_port

pytestmark = pytest.mark.usefixtures("_patient")
TEXT = "The kettle is on."


def _settings(port: int, upstream: int, name: str = "one", **wyoming: Any) -> Settings:
    return Settings.model_validate_json(
        json.dumps(
            {
                "providers": {name: {"kind": "wyoming", "url": f"tcp://127.0.0.1:{upstream}"}},
                "models": {"speech": {"serves": "speech", "routes": [{"provider": name}]}},
                "wyoming": {"enabled": True, "port": port, **wyoming},
                "cache": {"enabled": False},
            }
        )
    )


async def _spoken(port: int) -> bytes:
    async with client_of(port) as client:
        client.say("synthesize", text=TEXT)
        return pcm_in(await client.until("audio-stop"))


def test_from_home_assistant_to_piper() -> None:
    """Both sides at once: as long as the text, one request in the metrics, and a closed port behind the house."""

    async def main() -> tuple[bytes, bytes, bool]:
        port = free_port()
        async with piper.serving(Piper()) as fake:
            settings = _settings(port, fake.port)
            async with House(settings, lambda: settings).open() as house:
                spoken, metrics = await _spoken(port), house.metrics.exposition()
            try:
                async with client_of(port):
                    is_open = True
            except OSError:
                is_open = False
        return spoken, metrics, is_open

    spoken, metrics, is_open = run(main())
    assert seconds_of(TEXT) == pytest.approx(len(spoken) / 48_000, abs=0.05)
    assert b'router_requests_total{endpoint="speech",model="speech",outcome="ok",provider="one"} 1.0' in metrics
    assert not is_open


def test_a_reload_in_the_middle_of_a_text() -> None:
    """Who is spoken to is spoken to by the old configuration, to the end; on the same connection the next text is
    the new one's."""

    async def main() -> tuple[list[str], list[str], bool]:
        port, one, two = free_port(), Piper(rtf=0.2), Piper()
        async with piper.serving(one) as at_one, piper.serving(two) as at_two:
            new = _settings(port, at_two.port, "two")
            async with House(_settings(port, at_one.port), lambda: new).open() as house, client_of(port) as client:
                client.say("synthesize", text=TEXT)
                await one.is_speaking.wait()
                await house.reload()
                first = pcm_in(await client.until("audio-stop"))
                client.say("synthesize", text=TEXT)
                await client.until("audio-stop")
        return one.texts(), two.texts(), bool(first)

    assert ([TEXT], [TEXT], True) == run(main())


def test_a_reload_closes_and_opens_it() -> None:
    """Off and on again, without a restart."""

    async def main() -> list[bool]:
        port, found = free_port(), []
        async with piper.serving(Piper()) as fake:
            next_one = [_settings(port, fake.port, enabled=False), _settings(port, fake.port)]
            async with House(_settings(port, fake.port), lambda: next_one.pop(0)).open() as house:
                for is_due in (True, False, True):
                    found.append((house.wyoming.port is not None) is is_due)
                    if next_one:
                        await house.reload()
        return found

    assert [True, True, True] == run(main())


def test_who_only_looks_does_not_listen() -> None:
    """`explain`, and the drill's own house beside one that runs."""

    async def main() -> int | None:
        async with piper.serving(Piper()) as fake, House(_settings(free_port(), fake.port), None).open() as house:
            return house.wyoming.port

    assert run(main()) is None
