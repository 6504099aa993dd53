"""Machines that speak TLS, whose way is another transport, and the faults that chats meet there."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from figures import note
from machines import TRUSTING, Machine, configuration, provider, start_machine
from processes import Process, start_router, wait_until
from router_log import changes_of
from trials import (
    CHATS,
    FIRST_BYTE_S,
    NOISE_S,
    PATIENCE_S,
    RETURNED_S,
    SSE,
    Case,
    Trial,
    chat_routes,
    chats,
    check,
    measured,
)

MACHINES: Final = 4
SLOW_S: Final = FIRST_BYTE_S + NOISE_S
# By fours, each at a machine of its own. What a machine on the internet is spared, its touch, is not there to tell
# of a black hole: the deadlines of the requests do.
BATCHES: Final = (
    [
        Case("gone", returned_s=RETURNED_S + NOISE_S),
        Case("hang_tls", returned_s=RETURNED_S + NOISE_S),
        Case("plain_tls", returned_s=RETURNED_S + NOISE_S),
        Case("reset", returned_s=RETURNED_S + NOISE_S),
    ],
    [
        Case("black_hole", 2 * SLOW_S, RETURNED_S + NOISE_S, breaks_streams=True),
        Case("hang_head", SLOW_S, keeps_up=True),
        Case("hang_body", SLOW_S, keeps_up=True),
        Case("stall", 2 * SLOW_S, breaks_streams=True, keeps_up=True),
    ],
    [
        Case("cut", returned_s=RETURNED_S + NOISE_S, breaks_streams=True),
        Case("reset_body", returned_s=RETURNED_S + NOISE_S, breaks_streams=True),
        Case("status_500", keeps_up=True),
        Case("status_503", keeps_up=True),
    ],
)
MORE_BATCHES: Final = (
    [
        Case("cut_event", breaks_streams=True),
        Case("length_long", breaks_streams=True),
        Case("hang_all", 2 * SLOW_S),
        Case("malformed_http"),
    ],
    [
        Case("many_headers", keeps_up=True),
        Case("huge_headers"),
        Case("malformed_json", unnoticed=(SSE,), keeps_up=True),
        Case("empty", keeps_up=True),
    ],
    [
        Case("status_401", keeps_up=True),
        Case("status_402", keeps_up=True),
        Case("status_404", keeps_up=True),
    ],
    [
        Case("status_429", keeps_up=True),
        Case("trickle", unnoticed=CHATS, keeps_up=True),
        Case("cookie", unnoticed=CHATS, keeps_up=True),
        Case("interim", unnoticed=CHATS, keeps_up=True),
    ],
)
KEEP_ALIVE_RACE: Final = [Case("keep_alive_race", unnoticed=CHATS, keeps_up=True)]


def named(batch: Sequence[Case]) -> str:
    """A batch as a test's id."""
    return "+".join(case.fault for case in batch)


@dataclass(slots=True)
class House:
    """A router that trusts the preferred machines, and those."""

    router: Process
    firsts: list[Machine]

    async def check(self, batch: Sequence[Case]) -> None:
        """Meet every fault at a machine of its own, at once, under load; fail where a client or a bound would."""
        log_at = len(self.router.output)
        machines = self.firsts[: len(batch)]
        trials = [
            Trial(case, partial(machine.fault, case.fault), partial(machine.fault, "none"), chats(index))
            for index, (case, machine) in enumerate(zip(batch, machines, strict=True))
        ]
        answers = await measured(self.router.port, trials)
        log = self.router.output[log_at:]
        for trial in trials:
            for label, row in trial.figures(answers).items():
                note(f"  {trial.case.fault:16} {label + ', TLS':15} {row}")
        for trial, machine in zip(trials, machines, strict=True):
            failures = trial.failures(answers)
            assert failures == [], failures
            for label, row in trial.figures(answers).items():
                check(trial.case, label, row)
            if trial.case.keeps_up:
                changes = [change for change in changes_of(log) if change.is_about(machine.name) and change.blames]
                assert changes == [], changes
        assert "traceback" not in log.lower()


@contextmanager
def start_house(folder: Path) -> Iterator[House]:
    """The preferred machines speak TLS, the other one is plain. Probes once a second, as on the LAN: every 15 s,
    as servers on the internet are by default, a return takes half a minute and is another matter."""
    with ExitStack() as stack:
        second = stack.enter_context(start_machine(folder, "second", "127.0.0.9"))
        firsts = [
            stack.enter_context(start_machine(folder, f"first{index}", f"127.0.0.{2 + index}", has_tls=True))
            for index in range(MACHINES)
        ]
        rows = [provider("second", second, 2, patience_s=PATIENCE_S)]
        rows += [
            provider(first.name, first, 1, more=", probe_interval_s: 1", patience_s=FIRST_BYTE_S)
            for first in firsts
        ]
        models = "models:\n" + "".join(chat_routes(index) for index in range(MACHINES))
        # Below info the log has a line for each step of httpcore.
        config = configuration(rows, models).replace("log_level: debug", "log_level: info")
        router = stack.enter_context(start_router(config, folder, env=TRUSTING))
        wait_until("every machine is up", lambda: set(states_of(router)) == {"up"})
        yield House(router, firsts)


def states_of(router: Process) -> list[str]:
    """Of every provider."""
    return [provider["state"] for provider in router.get("/admin/providers").json()["providers"]]
