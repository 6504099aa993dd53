"""Everybody: the router, the tts-node behind the drill's fault proxy, the vendors, and the voice of all."""

import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mixed.vendor import PACES, VendorServer
from router.drill.cast import Cast
from router.drill.client import Client
from router.drill.engines import engine
from router.drill.machine import Machine
from router.drill.ports import free_port
from router.drill.process import CannotDrill, Process, ended
from router.drill.router_log import RouterLog

NODE: Final = "node-tts"
# By provider: the vendor, and the model that is asked for. "flat": a plan that is paid whatever is asked.
MODELS: Final = {
    "elevenlabs-tts": ("elevenlabs", "eleven_flash_v2_5", True),
    "cartesia-tts": ("cartesia", "sonic-3.5", True),
    "chattts-tts": ("chattts", "chattts", False),
    "elevenlabs-flat-tts": ("elevenlabs", "eleven_flash_v2_5", False),
    "cartesia-flat-tts": ("cartesia", "sonic-3.5", False),
}
CHAINS: Final = {
    "house": (NODE, "elevenlabs-tts", "cartesia-tts"),
    "house-flat": (NODE, "elevenlabs-flat-tts", "cartesia-flat-tts"),
    "document-003": ("chattts-tts", "cartesia-tts"),
    "document-003-flat": ("chattts-tts", "cartesia-flat-tts"),
}
# The same voice of the house at each; what the fakes sound like does not depend on it.
VOICES: Final = {
    NODE: "alloy",
    "elevenlabs-tts": "21m00Tcm4TlvDq8ikWAM",
    "elevenlabs-flat-tts": "21m00Tcm4TlvDq8ikWAM",
    "cartesia-tts": "a0e99841-438c-4a64-b679-ae501e7d6091",
    "cartesia-flat-tts": "a0e99841-438c-4a64-b679-ae501e7d6091",
    "chattts-tts": "female_1",
}
_ROUTER: Final = """\
server: {{host: 127.0.0.1, port: {port}, log_level: debug, log_format: json, shutdown_grace_s: 2}}
cache: {{enabled: false}}
speech: {{voices_dir: "{folder}/voices", max_input_chars: 100000, default_model: house, default_voice: reader}}
hosts:
  node: {{address: {address}}}
providers:
  node-tts: {{kind: tts-node, host: node, port: {door}, tier: 1}}
{providers}
models:
{models}
voices:
  reader: {{use: {{{voices}}}}}
"""


@dataclass(slots=True)
class MixedCast:
    """`drill` is what the drill's own faults are for: its preferred machine has the tts-node."""

    drill: Cast
    vendors: dict[str, VendorServer]

    @property
    def client(self) -> Client:
        return self.drill.client

    @property
    def node(self) -> Machine:
        return self.drill.preferred


def model_of(provider: str) -> str:
    """What a client asks for to have that provider and no other."""
    return f"{provider}/{'espeak' if provider == NODE else MODELS[provider][1]}"


@contextlib.asynccontextmanager
async def on_stage(seed: int) -> AsyncIterator[MixedCast]:
    """Everybody, from ready to gone. Raises CannotDrill."""
    started: list[Process] = []
    with tempfile.TemporaryDirectory(prefix="mixed-") as named:
        folder = Path(named)
        async with ended(started):
            chosen = await engine("espeak", folder, started)
            voice_url = await _voice(chosen.command, folder, started)
            node = Machine("node", 2, chosen.speech(chosen.gpu_like), folder, started)
            await node.start(seed)
            vendors = {name: VendorServer(name, voice_url, folder, started) for name in PACES}
            for vendor in vendors.values():
                await vendor.start()
            port = free_port()
            config = folder / "router.yaml"
            config.write_text(config_of(port, folder, node, vendors))
            router = Process("router", [sys.executable, "-m", "router", "serve", "--config", str(config)], folder)
            started.append(router)
            await router.start()
            # Nobody is its other machine: those who stand in are vendors.
            cast = MixedCast(Cast(chosen, node, node, router, port, RouterLog(router.log)), vendors)

            async def is_ready() -> bool:
                return await cast.client.get("/ready") is not None

            await router.until(is_ready)
            yield cast


def config_of(port: int, folder: Path, node: Machine, vendors: dict[str, VendorServer]) -> str:
    """The router's configuration."""
    rows = []
    for tier, (provider, (vendor, model, is_billed)) in enumerate(MODELS.items(), 2):
        key = "" if vendor == "chattts" else "api_key: vendor-key, "
        rows.append(
            f"  {provider}: {{kind: {vendor}, url: '{vendors[vendor].url}', {key}models: [{model}], "
            f"billed: {str(is_billed).lower()}, probe_interval_s: 1, tier: {tier}}}"
        )
    chains = [f"  {name}: {{serves: speech, routes: [{_routes(chain)}]}}" for name, chain in CHAINS.items()]
    return _ROUTER.format(
        port=port,
        folder=folder,
        address=node.address,
        door=node.tts.door,
        providers="\n".join(rows),
        models="\n".join(chains),
        voices=", ".join(f"{name}: '{voice}'" for name, voice in VOICES.items()),
    )


def _routes(chain: tuple[str, ...]) -> str:
    rows = []
    for tier, provider in enumerate(chain, 1):
        model = "espeak" if provider == NODE else MODELS[provider][1]
        rows.append(f"{{provider: {provider}, model: {model}, tier: {tier}}}")
    return ", ".join(rows)


async def _voice(command: tuple[str, ...], folder: Path, started: list[Process]) -> str:
    """The node whose voice the fakes have; no fault reaches it. Its URL."""
    port = free_port()
    data = ("--voices-dir", f"{folder}/fakes-voices", "--cache-dir", f"{folder}/fakes-cache")
    flags = ("--port", str(port), "--engine", "espeak", "--queue-limit", "32")
    process = Process("voice-of-the-fakes", [*command, "serve", *flags, *data], folder)
    started.append(process)
    await process.start()

    async def answers() -> bool:
        return await Client("127.0.0.1", port).get("/health") is not None

    await process.until(answers)
    if not process.is_alive:
        raise CannotDrill(f"the fakes have no voice:\n{process.tail()}")
    return f"http://127.0.0.1:{port}"
