"""Clients that behave badly at random, and machines that fail at random: what may be left behind by that."""

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clients import Question, ask, chat, speech
from crowd import posted
from llm.wire import READ_BYTES
from machines import Machine, configuration, provider, start_machine
from processes import Process, start_router, wait_until
from trials import routes

WORKERS: Final = 48
LONGEST_STAY_S: Final = 0.25
FAULT_EVERY_S: Final = 0.4
IN_TIME_S: Final = 60.0
FAULTS: Final = (
    "none",
    "none",
    "refuse",
    "black_hole",
    "hang_head",
    "hang_body",
    "hang_all",
    "stall",
    "cut",
    "cut_event",
    "reset",
    "reset_body",
    "malformed_http",
    "malformed_json",
    "status_429",
    "status_500",
    "trickle",
    "length_long",
    "length_short",
    "keep_alive_race",
    "empty",
    "interim",
)
QUESTIONS: Final = (
    chat("json0"),
    chat("sse0", stream=True),
    speech("say0"),
    speech("node0"),
)
# How a client ends: it stays, it goes after a while, after the first byte, by a reset, or in the middle of asking.
MANNERS: Final = ("stays", "stays", "leaves", "leaves", "leaves at once", "resets", "after a byte", "half")


@dataclass(slots=True)
class House:
    """A router and two machines, the first of which will fail."""

    router: Process
    first: Machine
    second: Machine
    port: int = 0


def rows(first: Machine, second: Machine) -> str:
    """The configuration for both machines, each with its two servers."""
    providers = [
        provider("first0", first, 1),
        provider("first0-node", first, 1, "tts-node"),
        provider("second", second, 2),
        provider("second-node", second, 2, "tts-node"),
    ]
    return configuration(providers, "models:\n" + routes(0)).replace("log_level: debug", "log_level: error")


@contextmanager
def start_machines(folder: Path) -> Iterator[tuple[Machine, Machine]]:
    """Both machines."""
    with (
        start_machine(folder, "first0", "127.0.0.2") as first,
        start_machine(folder, "second", "127.0.0.9") as second,
    ):
        yield first, second


@contextmanager
def start_house(folder: Path) -> Iterator[House]:
    """Both machines and a router process."""
    with ExitStack() as stack:
        first, second = stack.enter_context(start_machines(folder))
        router = stack.enter_context(start_router(rows(first, second), folder))
        yield House(router, first, second)


async def misbehave(port: int, machine: Machine, requests: int, seed: int) -> Counter[str]:
    """So many requests, each ended in a manner of its own, while the machine goes from fault to fault."""
    dice = random.Random(seed)
    ended: Counter[str] = Counter()
    left = iter(range(requests))

    async def client() -> None:
        for _ in left:
            manner = dice.choice(MANNERS)
            await one(port, dice.choice(QUESTIONS), manner, dice.uniform(0.0, LONGEST_STAY_S))
            ended[manner] += 1

    async def trouble() -> None:
        while True:
            await asyncio.to_thread(machine.fault, dice.choice(FAULTS), delay_s=0.05)
            await asyncio.sleep(FAULT_EVERY_S)

    troubles = asyncio.create_task(trouble())
    try:
        await asyncio.gather(*(client() for _ in range(WORKERS)))
    finally:
        troubles.cancel()
        await asyncio.gather(troubles, return_exceptions=True)
        await asyncio.to_thread(machine.fault, "none")
    return ended


async def one(port: int, question: Question, manner: str, stay_s: float) -> None:
    """One request, and the end of its client."""
    if manner == "stays":
        await ask(port, question)
        return
    sent = posted(port, question.path, question.document)
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(sent[: len(sent) // 2] if manner == "half" else sent)
            if manner == "after a byte":
                with suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(READ_BYTES), 2.0)
            elif manner != "leaves at once":
                await asyncio.sleep(stay_s)
            if manner == "resets":
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        finally:
            writer.close()


def in_flight(router: Process) -> float:
    """Requests that the router works on, but for the one that asks."""
    lines = router.get("/metrics").text.splitlines()
    mine = [line for line in lines if line.startswith("router_inflight_requests{") and '"other"' not in line]
    return sum(float(line.rpartition(" ")[2]) for line in mine)


def descriptors(router: Process) -> int:
    """Open file descriptors (proc(5))."""
    return len(list(Path(f"/proc/{router.pid}/fd").iterdir()))


def resident_mb(router: Process) -> float:
    """Memory in use (proc(5), the second field of statm)."""
    return int(Path(f"/proc/{router.pid}/statm").read_text().split()[1]) * 4096 / 2**20


def serves_well(port: int) -> bool:
    """Whether each kind of request is answered; by whom is up to the circuits that the faults have opened."""

    async def all_kinds() -> Sequence[bool]:
        answers = await asyncio.gather(*(ask(port, question) for question in QUESTIONS))
        return [answer.fault == "" for answer in answers]

    return all(asyncio.run(all_kinds()))


def busy_lines(machine: Machine) -> list[int]:
    """Connections on which an inference is still worked at for somebody who has not closed it."""
    lines = machine.report()["lines"]
    return [line["number"] for line in lines if line["is_busy"] and line["gone_s"] is None]


def settle(house: House, at_most: int | None = None) -> int:
    """Wait until nothing is in flight anywhere and all is well; the open descriptors, `at_most` so many."""
    port = house.router.port
    wait_until("nothing is in flight", lambda: in_flight(house.router) == 0, IN_TIME_S)
    for machine in (house.first, house.second):
        wait_until(f"{machine.name} works for nobody", lambda m=machine: not busy_lines(m), IN_TIME_S)  # type: ignore[misc]
    wait_until("all kinds are served", lambda: serves_well(port), IN_TIME_S)
    for machine in (house.first, house.second):
        machine.hang_up()
    if at_most is not None:
        few = f"at most {at_most} descriptors"
        wait_until(few, lambda: descriptors(house.router) <= at_most, IN_TIME_S)
    return descriptors(house.router)
