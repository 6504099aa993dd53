"""Every fault, met by each kind of request, while 32 clients ask: nobody whose answer had not begun notices.

A preferred machine (tier 1) is faulted while it works and healed again; another (tier 2) stays well. Measured from
the moment of the switch: the first good answer by the other machine, its first byte, the unluckiest request that
was in flight, and how long after healing the preferred machine serves again. The table is shown at the run's end.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from figures import note
from machines import Machine, configuration, provider, start_machine
from processes import Process, start_router
from router_log import changes_of
from trials import (
    ALL,
    DETECTED_S,
    FIRST_BYTE_S,
    NOISE_S,
    PATIENCE_S,
    RETURNED_S,
    SSE,
    Case,
    Trial,
    check,
    measured,
    questions,
    routes,
)

pytest_plugins = ["process_logs"]

PROBE_S: Final = 1.0
SLOW_S: Final = FIRST_BYTE_S + NOISE_S
# Those whose times the contract gives come alone, the others by threes, each at a machine of its own.
BATCHES: Final = (
    [Case("refuse", PROBE_S + NOISE_S, RETURNED_S)],  # connections that are open go on to serve
    [Case("reset", DETECTED_S, RETURNED_S)],
    [Case("cut", DETECTED_S, RETURNED_S, breaks_streams=True)],
    [Case("cut_event", DETECTED_S, RETURNED_S, breaks_streams=True)],
    [Case("reset_body", DETECTED_S, RETURNED_S, breaks_streams=True)],
    [Case("length_long", DETECTED_S, RETURNED_S, breaks_streams=True)],
    [
        Case("hang_head", SLOW_S, keeps_up=True),
        Case("hang_body", SLOW_S, keeps_up=True),
        Case("stall", 2 * SLOW_S, breaks_streams=True, keeps_up=True),
    ],
    [Case("hang_all", SLOW_S), Case("malformed_http"), Case("many_headers")],
    [
        Case("malformed_json", unnoticed=(SSE,), keeps_up=True),
        Case("empty", keeps_up=True),
        Case("length_short", unnoticed=(SSE,)),
    ],
    [Case("huge_headers"), Case("status_401", keeps_up=True), Case("status_402", keeps_up=True)],
    [Case("status_404", keeps_up=True), Case("status_429", keeps_up=True), Case("status_500", keeps_up=True)],
    [Case("status_503", keeps_up=True), Case("trickle", unnoticed=ALL, keeps_up=True)],
    [
        Case("cookie", unnoticed=ALL, keeps_up=True),
        Case("interim", unnoticed=ALL, keeps_up=True),
        Case("keep_alive_race", unnoticed=ALL, keeps_up=True),
    ],
)
SILENT: Final = {"hang_head", "hang_body", "stall", "hang_all"}
MACHINES: Final = 3


@dataclass(slots=True)
class House:
    """The preferred machines; the other one stays well. Two routers: `hasty` has deadlines of a second, for faults
    that a deadline must meet; to `patient` a machine that is merely busy looks like no fault."""

    hasty: Process
    patient: Process
    firsts: list[Machine]

    def router_for(self, batch: list[Case]) -> Process:
        return self.hasty if any(case.fault in SILENT for case in batch) else self.patient


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Machines of two servers each: one for chat and speech, one that is a tts-node."""
    folder: Path = tmp_path_factory.mktemp("matrix")
    with ExitStack() as stack:
        second = stack.enter_context(start_machine(folder, "second", "127.0.0.9"))
        firsts = [
            stack.enter_context(start_machine(folder, f"first{index}", f"127.0.0.{2 + index}"))
            for index in range(MACHINES)
        ]
        models = "models:\n" + "".join(routes(index) for index in range(MACHINES))
        routers = []
        for name, patience_s in (("hasty", FIRST_BYTE_S), ("patient", PATIENCE_S)):
            rows = [
                provider(f"{machine.name}{suffix}", machine, tier, kind, patience_s=limit_s)
                for tier, machine, limit_s in (
                    (2, second, PATIENCE_S),
                    *((1, first, patience_s) for first in firsts),
                )
                for suffix, kind in (("", "openai"), ("-node", "tts-node"))
            ]
            router = start_router(configuration(rows, models), folder, name=name)
            routers.append(stack.enter_context(router))
        note(
            "faults at the preferred machine under 32 clients, ms: first good answer elsewhere / its first byte /"
        )
        note("  unluckiest request in flight / preferred again after healing")
        yield House(routers[0], routers[1], firsts)


@pytest.mark.parametrize("batch", BATCHES, ids=["+".join(case.fault for case in batch) for batch in BATCHES])
def test_fault_costs_no_request_that_had_not_begun(house: House, batch: list[Case]) -> None:
    """The fault is met in time, nobody fails whose answer had not begun, and the machine is used again."""
    router = house.router_for(batch)
    log_at = len(router.output)
    machines = house.firsts[: len(batch)]
    trials = [
        Trial(case, partial(machine.fault, case.fault), partial(machine.fault, "none"), questions(index))
        for index, (case, machine) in enumerate(zip(batch, machines, strict=True))
    ]
    answers = asyncio.run(measured(router.port, trials))
    log = router.output[log_at:]
    for trial, machine in zip(trials, machines, strict=True):
        figures = trial.figures(answers)
        for label, row in figures.items():
            note(f"  {trial.case.fault:16} {label:15} {row}")
        assert trial.failures(answers) == []
        for label, row in figures.items():
            check(trial.case, label, row)
        if trial.case.keeps_up:
            names = (machine.name, f"{machine.name}-node", machine.address)
            assert [change for change in changes_of(log) if change.is_about(*names) and change.blames] == []
    assert "traceback" not in log.lower()
