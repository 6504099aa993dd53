"""A chain of dialects is struck in its middle, and no sentence is lost: some of the drill that `make drill` holds
whole."""

import asyncio
from typing import Final

import pytest
from figures import note
from mixed.drill import Held, drilled

from router.drill.live import Live

BUSY: Final = 2.0  # a busy machine's share of the promises about time, as in tests/e2e/test_drill.py
WANTED: Final = {
    ("house", "node-tts", "killed"),
    ("house", "elevenlabs-tts", "quota"),
    ("document-003", "chattts-tts", "killed"),
}


@pytest.fixture(scope="module")
def held() -> dict[str, Held]:
    """By who is struck."""
    found = asyncio.run(
        drilled(Live(), lambda strike: (strike.chain, strike.victim, strike.name) in WANTED, is_quick=True)
    )
    return {one.victim: one for one in found}


def shown(found: Held) -> None:
    assert not found.ledger.router_had_traceback
    for one in found.verdict:
        assert one.actual is not None, one.name
        note(f"  {found.title}: {one.name}: {one.actual:.2f} (bound {one.bound:g})")
        assert one.actual <= one.bound * BUSY, (one, [str(a) for a in found.ledger.all_answers()])


@pytest.mark.proves(
    provider="tts-node", feature="kill -9 while it speaks", what="ElevenLabs speaks the same sentence; none lost"
)
def test_vendor_takes_over_from_the_killed_node(held: dict[str, Held]) -> None:
    """tts-node → ElevenLabs: nothing failed, cut, repeated or missing, heard again in time."""
    shown(held["node-tts"])
    assert "elevenlabs-tts" in providers(held["node-tts"])


@pytest.mark.proves(
    provider="elevenlabs",
    feature="credits spent while it speaks",
    what="Cartesia speaks the same sentence; none lost",
)
def test_next_vendor_takes_over_when_credits_are_spent(held: dict[str, Held]) -> None:
    """ElevenLabs → Cartesia, the tts-node being gone."""
    shown(held["elevenlabs-tts"])
    assert "cartesia-tts" in providers(held["elevenlabs-tts"])


@pytest.mark.proves(
    provider="chattts",
    feature="kill -9 while it speaks",
    what="Cartesia speaks the same sentence; none lost",
)
def test_cartesia_takes_over_from_chattts(held: dict[str, Held]) -> None:
    """ChatTTS → Cartesia, as document 003 asks."""
    shown(held["chattts-tts"])
    assert "cartesia-tts" in providers(held["chattts-tts"])


def providers(found: Held) -> set[str]:
    """Everybody who had a part in an answer."""
    return {provider for judged in found.ledger.all_answers() for provider in judged.answer.providers}
