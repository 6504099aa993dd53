"""The preferred machine's cable is pulled while 32 clients ask, and put back: the contract's figures."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from cable import Cable, start_on_cable
from figures import note
from machines import configuration, provider, start_machine
from processes import Process, start_router
from router_log import changes_of
from trials import (
    ALL,
    DETECTED_S,
    PATIENCE_S,
    RETURNED_S,
    Case,
    Trial,
    check,
    measured,
    middle_of,
    questions,
    routes,
)

pytest_plugins = ["process_logs"]

ROUNDS: Final = 3
CABLE: Final = Case("unplugged", DETECTED_S, RETURNED_S, breaks_streams=True)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Process, Cable]]:
    """A router, a preferred machine on a cable, with two servers, and another machine."""
    with ExitStack() as stack:
        cable = stack.enter_context(start_on_cable(tmp_path, "first0", "127.0.0.2"))
        second = stack.enter_context(start_machine(tmp_path, "second", "127.0.0.9"))
        rows = [
            provider("first0", cable.machine, 1),
            provider("first0-node", cable.machine, 1, "tts-node"),
            provider("second", second, 2, patience_s=PATIENCE_S),
            provider("second-node", second, 2, "tts-node", patience_s=PATIENCE_S),
        ]
        yield stack.enter_context(start_router(configuration(rows, "models:\n" + routes(0)), tmp_path)), cable


def test_unplugged_machine_costs_nothing_but_a_second(house: tuple[Process, Cable]) -> None:
    """Everybody is served elsewhere within 1 s (median of the rounds), whichever server of the machine they were
    asking; nobody fails whose answer had not begun; the machine serves again within 3 s of its return."""
    router, cable = house
    note(f"the cable is {cable.way}")
    rounds = []
    for _ in range(ROUNDS):
        log_at = len(router.output)
        trial = Trial(CABLE, cable.unplug, cable.plug, questions(0))
        answers = asyncio.run(measured(router.port, [trial]))
        assert trial.failures(answers) == []
        rounds.append(trial.figures(answers))
        changes = changes_of(router.output[log_at:])
        assert "unreachable" in [change.state for change in changes if change.is_about(cable.machine.address)]
    for label in ALL:
        rows = [figures[label] for figures in rounds]
        worst_s = max(row.detected_s for row in rows if row.detected_s is not None)
        note(f"  {CABLE.fault:16} {label:15} {middle_of(rows)}  (medians of {ROUNDS}; worst {worst_s * 1000:.0f})")
        check(CABLE, label, middle_of(rows))
    assert "traceback" not in router.output.lower()


def test_stand_in_for_the_cable_is_as_silent(tmp_path: Path) -> None:
    """What unprivileged runs use shows the same: within 1 s elsewhere, back within 3 s."""
    with ExitStack() as stack:
        first = stack.enter_context(start_machine(tmp_path, "first0", "127.0.0.2"))
        second = stack.enter_context(start_machine(tmp_path, "second", "127.0.0.9"))
        rows = [
            provider("first0", first, 1),
            provider("first0-node", first, 1, "tts-node"),
            provider("second", second, 2, patience_s=PATIENCE_S),
            provider("second-node", second, 2, "tts-node", patience_s=PATIENCE_S),
        ]
        router = stack.enter_context(start_router(configuration(rows, "models:\n" + routes(0)), tmp_path))
        rounds = []
        for _ in range(3):
            trial = Trial(CABLE, lambda: first.fault("black_hole"), lambda: first.fault("none"), questions(0))
            answers = asyncio.run(measured(router.port, [trial]))
            assert trial.failures(answers) == []
            rounds.append(trial.figures(answers))
        for label in ALL:
            middle = middle_of([figures[label] for figures in rounds])
            note(f"  {'black_hole':16} {label:15} {middle}  (medians of 3)")
            check(CABLE, label, middle)
