"""Everybody in the drill: the router under test, a machine that is like one with a GPU, and one that is not."""

import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from router.drill.client import Client
from router.drill.engines import Engine, engine
from router.drill.machine import Machine
from router.drill.ports import free_port
from router.drill.process import CannotDrill, Process, ended
from router.drill.router_log import RouterLog

PREFERRED: Final = "gpu"
OTHER: Final = "cpu"
_ROUTER: Final = """\
server: {{host: 127.0.0.1, port: {port}, log_level: debug, log_format: json, shutdown_grace_s: 2}}
cache: {{enabled: false}}
speech: {{voices_dir: "{folder}/voices", max_input_chars: 100000}}
hosts:
  gpu: {{address: {gpu.address}}}
  cpu: {{address: {cpu.address}}}
providers:
  gpu-tts: {{kind: tts-node, host: gpu, port: {gpu.tts.door}, tier: 1}}
  gpu-llm: {{kind: openai, host: gpu, port: {gpu.llm.door}, tier: 1}}
  cpu-tts: {{kind: tts-node, host: cpu, port: {cpu.tts.door}, tier: 2}}
  cpu-llm: {{kind: openai, host: cpu, port: {cpu.llm.door}, tier: 2}}
  cpu-writer: {{kind: openai, host: cpu, port: {cpu.writer.door}, tier: 2}}
models:
  speech:
    serves: speech
    routes: [{{provider: gpu-tts, model: {model}}}, {{provider: cpu-tts, model: {model}}}]
  chat:
    serves: chat
    routes: [{{provider: gpu-llm, model: demo}}, {{provider: cpu-llm, model: demo}}]
  writer: {{serves: chat, routes: [{{provider: cpu-writer, model: demo}}]}}
"""


@dataclass(slots=True)
class Cast:
    """`port` is the router's."""

    engine: Engine
    preferred: Machine
    other: Machine
    router: Process
    port: int
    log: RouterLog

    @property
    def client(self) -> Client:
        return Client("127.0.0.1", self.port)

    @property
    def machines(self) -> tuple[Machine, Machine]:
        return self.preferred, self.other


@contextlib.asynccontextmanager
async def on_stage(engine_name: str, seed: int) -> AsyncIterator[Cast]:
    """Everybody, from ready to gone. Raises CannotDrill."""
    if sys.platform == "win32":
        raise CannotDrill("the drill's own machines need Linux or macOS; --provider NAME works here too")
    started: list[Process] = []
    with tempfile.TemporaryDirectory(prefix="drill-") as named:
        folder = Path(named)
        async with ended(started):
            chosen = await engine(engine_name, folder, started)
            preferred = Machine(PREFERRED, 0, chosen.speech(chosen.gpu_like), folder, started)
            other = Machine(OTHER, 1, chosen.speech(chosen.cpu_like), folder, started)
            await preferred.start(seed)
            await other.start(seed)
            port = free_port()
            config = folder / "router.yaml"
            config.write_text(
                _ROUTER.format(port=port, folder=folder, gpu=preferred, cpu=other, model=chosen.model)
            )
            router = Process("router", [sys.executable, "-m", "router", "serve", "--config", str(config)], folder)
            started.append(router)
            await router.start()
            cast = Cast(chosen, preferred, other, router, port, RouterLog(router.log))

            async def is_ready() -> bool:
                return await cast.client.get("/ready") is not None

            await router.until(is_ready)
            yield cast
