"""A tts-node on the loopback that says what a test wants, and the router's provider of it."""

import json
from typing import Any

from fakes import ManualClock, speech_card
from loopback import Loopback, Peer, Script, ok

from router.domain import Model
from router.ports import Monotonic
from router.providers.origin import Address, Origin
from router.providers.tts_node import TtsNode

MODELS = {"data": [{"id": "turbo", "state": "cold"}, {"id": "espeak"}]}
VOICES = {"voices": [{"id": "fable", "name": "Fable", "language": "en-GB", "gender": "male"}, {"id": "x"}]}
TOLD = {
    "turbo": {"state": "loading", "eta_s": 4.5, "rtf": 0.3, "queue": {"depth": 2, "busy": True, "eta_s": 6.0}},
    "espeak": {"state": "up", "queue": {"depth": 0, "busy": False, "eta_s": 0.0}},
}
TOLD_MODELS = (Model("turbo", "loading", False, 4.5, 0.3, 6.0), Model("espeak", "up", wait_s=0.0))


def node_at(
    upstream: Loopback, clock: Monotonic | None = None, *, api_key: str = "k", connect_s: float = 1
) -> TtsNode:
    clock = clock or ManualClock()
    address = Address("http", "127.0.0.1", upstream.port, "")
    origin = Origin(address, api_key=api_key, connect_s=connect_s, clock=clock)
    return TtsNode(speech_card("gpu", first_byte_s=60, stall_s=60), origin, clock)


def telling(*healths: Any, models: Any = MODELS, voices: Any = VOICES) -> Script:
    """A node whose /health says one of `healths` after the other."""
    said = list(healths)

    async def script(peer: Peer) -> None:
        path = (await peer.request()).line.split()[1]
        document = {"/v1/models": models, "/v1/audio/voices": voices}.get(path)
        if path == "/health":
            document = said.pop(0) if len(said) > 1 else said[0]
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        peer.send(ok(body))
        await peer.until_closed()

    return script
