"""One machine of the drill: a tts-node and an LLM server behind a fault proxy, on a cable where possible."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from router.drill import cable as cables
from router.drill.cable import Cable, NoCable
from router.drill.client import Client
from router.drill.orders import Mode, Order
from router.drill.ports import free_port
from router.drill.process import CannotDrill, LeftOut, Process, children_of

ORDER_WITHIN_S: Final = 5.0
READY_POLL_S: Final = 0.03
_DOORS: Final = ("tts", "llm", "writer")
_LLM: Final = """\
server: {{host: 127.0.0.1, port: {port}, log_level: warning, shutdown_grace_s: 1}}
speech: {{voices_dir: "{folder}/voices"}}
providers:
  demo: {{kind: demo, words_per_s: 40}}
"""


@dataclass(frozen=True, slots=True)
class Speech:
    """How the machine's node is started: the command, its engine, and the machine that it behaves like."""

    command: tuple[str, ...]
    engine: str
    simulation: str
    flags: tuple[str, ...] = ()


@dataclass(slots=True)
class Server:
    """A server of a machine. `door` is the port that the router knocks at, `side` one that no fault reaches."""

    name: str
    process: Process
    door: int
    side: int


class Machine:
    """`name`-tts and `name`-llm are its servers' names, as doors and as the router's providers. `name`-writer is a
    door of its own to the LLM server, so that it shows who was asked in another's place, and who was meant."""

    def __init__(self, name: str, number: int, speech: Speech, folder: Path, started: list[Process]) -> None:
        self.name = name
        self.address = "127.0.0.1"
        self.way = "the proxy's full backlog"
        self._number = number
        self._speech = speech
        self._folder = folder
        self._started = started  # the cast ends whatever is in here
        self._cable: Cable | None = None
        self._proxy: Process | None = None
        self._orders = asyncio.Lock()
        self.servers: dict[str, Server] = {}
        self.struck_s: dict[str, list[float]] = {}  # by server: when inferences met a fault of its door

    @property
    def tts(self) -> Server:
        return self.servers[f"{self.name}-tts"]

    @property
    def llm(self) -> Server:
        return self.servers[f"{self.name}-llm"]

    @property
    def writer(self) -> Server:
        return self.servers[f"{self.name}-writer"]

    async def start(self, seed: int) -> None:
        """Proxy, then servers, until both answer. Raises CannotDrill."""
        ports = {
            name: (free_port(), free_port(), free_port()) for name in (f"{self.name}-tts", f"{self.name}-llm")
        }
        writer, llm = f"{self.name}-writer", ports[f"{self.name}-llm"]
        doors = {**ports, writer: (llm[0], free_port(), free_port())}
        where = await self._start_proxy(doors, seed)
        llm_config = self._folder / f"{self.name}-llm.yaml"
        llm_config.write_text(_LLM.format(port=ports[f"{self.name}-llm"][0], folder=self._folder))
        router = [sys.executable, "-m", "router", "serve", "--config", str(llm_config)]
        for name, (target, door, side) in ports.items():
            command = self._node(target) if name.endswith("-tts") else router
            process = Process(name, command, self._folder, where)
            self._started.append(process)
            self.servers[name] = Server(name, process, door, side)
            await process.start()
        _, *knocked_at = doors[writer]
        self.servers[writer] = Server(writer, self.llm.process, *knocked_at)
        await asyncio.gather(*(self.until_answering(server) for server in self.servers.values()))

    def _node(self, port: int) -> list[str]:
        speech = self._speech
        data = (
            "--voices-dir",
            f"{self._folder}/{self.name}-voices",
            "--cache-dir",
            f"{self._folder}/{self.name}-cache",
        )
        return [
            *(*speech.command, "serve", "--port", str(port), "--engine", speech.engine, *data),
            *("--simulate", speech.simulation, "--queue-limit", "32", "--threads", "1", *speech.flags),
        ]

    async def _start_proxy(self, ports: dict[str, tuple[int, int, int]], seed: int) -> list[str]:
        """In a network of its own if that can be had; where its servers are to be started, as in `bound.py`."""
        if cables.is_possible():
            try:
                return await self._start_on_cable(ports, seed)
            except (NoCable, CannotDrill) as exc:
                self.way = f"the proxy's full backlog (no network namespace: {str(exc).strip()[:200]})"
                if self._proxy is not None:
                    await self._proxy.end()
                self.address, self._cable = "127.0.0.1", None
        await self._start_doors(_doors(ports, self.address), seed, [])
        return []

    async def _start_on_cable(self, ports: dict[str, tuple[int, int, int]], seed: int) -> list[str]:
        holder = Process(f"{self.name}-network", [sys.executable, "-I", "-S", "-c", _HOLD], self._folder, ["new"])
        self._started.append(holder)
        await holder.start(has_pipes=True)
        ready = await asyncio.wait_for(_line_of(holder), ORDER_WITHIN_S)
        if not ready:
            raise NoCable(holder.tail())
        self._cable = await cables.lay(holder.pid, self._number)
        self.address, self.way = self._cable.address, "a veth pair into a network namespace"
        await self._start_doors(_doors(ports, self.address), seed, [str(holder.pid)])
        return [str(holder.pid)]

    async def _start_doors(self, doors: list[dict[str, Any]], seed: int, where: list[str]) -> None:
        command = [sys.executable, "-m", "router.drill.proxy", json.dumps(doors), str(seed)]
        self._proxy = Process(f"{self.name}-proxy", command, self._folder, where)
        self._started.append(self._proxy)
        await self._proxy.start(has_pipes=True)
        if not await asyncio.wait_for(_line_of(self._proxy), 20.0):
            raise CannotDrill(f"the fault proxy did not start:\n{self._proxy.tail()}")

    # faults

    async def order(self, server: str, order: Order) -> float:
        """Tell the proxy; when it obeyed (monotonic). `server` is one of the doors."""
        line = {"door": f"{self.name}-{server}", "mode": order.mode, "after": order.after, "rate": order.rate}
        obeyed = await self._tell_proxy(line)
        self.struck_s.setdefault(f"{self.name}-{server}", []).extend(obeyed["struck"])
        return float(obeyed["at"])

    async def asked(self) -> dict[str, list[float]]:
        """By server: when inferences came to its door since this was last asked (monotonic)."""
        return {name: (await self._tell_proxy({"door": name}))["asked"] for name in self.servers}

    async def _tell_proxy(self, line: dict[str, Any]) -> dict[str, Any]:
        assert self._proxy is not None, "the machine has been started"
        async with self._orders:
            streams = self._proxy.streams
            assert streams.stdin is not None, "the proxy has pipes"
            streams.stdin.write(json.dumps(line).encode() + b"\n")
            said = await asyncio.wait_for(_line_of(self._proxy), ORDER_WITHIN_S)
        if not said:
            raise CannotDrill(f"the fault proxy of {self.name} is gone:\n{self._proxy.tail()}")
        answer: dict[str, Any] = json.loads(said)
        return answer

    async def unplug(self) -> float:
        """Packets vanish from now on (monotonic)."""
        if self._cable is not None:
            return await self._cable.set("down")
        return max([await self.order(name, Order(Mode.BLACK_HOLE)) for name in _DOORS])

    async def plug(self) -> float:
        """When (monotonic)."""
        if self._cable is not None:
            return await self._cable.set("up")
        return max([await self.order(name, Order(Mode.PASS)) for name in _DOORS])

    async def end(self, names: Iterable[str], number: int) -> float:
        """Send the servers a signal that ends them, and refuse in their place, as their machine would; when."""
        at = time.monotonic()
        for name in names:
            self.servers[f"{self.name}-{name}"].process.signal(number)
        for name in names:
            process = self.servers[f"{self.name}-{name}"].process
            if number == signal.SIGKILL:
                await process.kill()
            else:
                await process.end()
            await self.order(name, Order(Mode.REFUSE))
        return at

    async def restart(self, names: Iterable[str]) -> float:
        """Start them again; when the last one answered (monotonic)."""
        servers = [self.servers[f"{self.name}-{name}"] for name in names]
        for server in servers:
            await server.process.start()
        await asyncio.gather(*(self.until_answering(server) for server in servers))
        for name in names:
            await self.order(name, Order(Mode.PASS))
        return time.monotonic()

    def signal_node(self, number: int) -> float:
        """When (monotonic)."""
        self.tts.process.signal(number)
        return time.monotonic()

    def kill_engine(self) -> float:
        """SIGKILL to the process that the model runs in; when. Raises LeftOut."""
        engines = [pid for pid, line in children_of(self.tts.process.pid) if "tts_node.life.child" in line]
        if not engines:
            raise LeftOut(f"{self.name}-tts has no engine's process to kill (its children are read from /proc)")
        for pid in engines:
            os.kill(pid, signal.SIGKILL)
        return time.monotonic()

    # the side door

    async def tell_node(self, path: str) -> None:
        """POST to the node, past every fault."""
        await Client(self.address, self.tts.side).post(path)

    async def until_answering(self, server: Server) -> None:
        """Until it answers GET /health through its side door. Raises CannotDrill."""
        client = Client(self.address, server.side)

        async def answers() -> bool:
            return await client.get("/health") is not None

        await server.process.until(answers)

    async def until_loaded(self, within_s: float) -> float | None:
        """When the node says that its model is there (monotonic); None when it does not in time."""
        client = Client(self.address, self.tts.side)
        try:
            async with asyncio.timeout(within_s):
                while True:
                    told = await client.get("/health")
                    if isinstance(told, dict) and told.get("state") == "up":
                        return time.monotonic()
                    await asyncio.sleep(READY_POLL_S)
        except TimeoutError:
            return None


_HOLD: Final = "import sys; print('here', flush=True); sys.stdin.read()"


def _doors(ports: dict[str, tuple[int, int, int]], address: str) -> list[dict[str, Any]]:
    rows = []
    for name, (target, door, side) in ports.items():
        rows.append({"name": name, "listen": [address, door], "target": ["127.0.0.1", target]})
        rows.append({"name": f"{name} aside", "listen": [address, side], "target": ["127.0.0.1", target]})
    return rows


async def _line_of(process: Process) -> bytes:
    stdout = process.streams.stdout
    assert stdout is not None, "it has pipes"
    return await stdout.readline()
