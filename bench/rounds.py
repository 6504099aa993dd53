"""The run: every case, contender after contender, round after round, so that drift meets all alike.

The gateway has a core to itself; load and upstream have the others. A sample that gives no figures is recorded
with its reason, and the run goes on; a contender that ends is told and left out from then on.
"""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from bench import contenders, wide
from bench.cases import WIDE, Case, Kind
from bench.closed import closed_sample
from bench.contenders import Contender, CouldNotStart, LineUp
from bench.first_bytes import first_sample
from bench.fresh import idle_sample, start_sample
from bench.house import House
from bench.paced import paced_sample
from bench.paired import DIRECT, ROUTER
from bench.plan import Plan, does_take, rotated
from bench.processes import allow_many_files, is_running, pinned
from bench.samples import Sample, SampleFailed, failed
from bench.servers import CannotMeasure, Cores
from bench.shipped import LOG, complaints
from router.api.admission import new_key

_LOADED: Final = {Kind.CLOSED: closed_sample, Kind.PACED: paced_sample, Kind.FIRST: first_sample}
_COMPLAINTS: Final = 5
_FRESH: Final = {Kind.START: start_sample, Kind.IDLE: idle_sample}


@dataclass(slots=True)
class Outcome:
    """What came of a run. `missing`: who was not measured, or not to the end, and why."""

    contenders: tuple[Contender, ...] = ()
    samples: list[Sample] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)


def run(plan: Plan, tell: Callable[[str], None]) -> Outcome:
    """All samples of `plan`. Raises CannotMeasure."""
    if shutil.which("wrk") is None:
        raise CannotMeasure("wrk is missing: sudo apt-get install wrk")
    with _house(plan.python) as house:
        a_run = _Run(plan, house, tell)
        a_run.all_loaded()
        a_run.all_fresh()
    return a_run.outcome


@contextlib.contextmanager
def _house(python: str) -> Iterator[House]:
    """This process goes to the load's core when everything else has its own."""
    cores = Cores.of_this_machine()
    allow_many_files()
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="router-bench-")))
        upstream = stack.enter_context(contenders.upstream(directory, cores.upstream))
        stack.enter_context(pinned(cores.load))
        yield House(cores, upstream, new_key()[0], directory, python)


class _Run:
    """Where a run stands."""

    def __init__(self, plan: Plan, house: House, tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._house = house
        self._tell = tell
        self._expected_s = 0.0
        self._began = time.monotonic()
        self.outcome = Outcome()

    def all_loaded(self) -> None:
        """The contenders side by side; each in its turn has the load."""
        with self._everyone(self._house.directory, self._plan.only) as (present, missing):
            them = (Contender(DIRECT, self._house.upstream.port), *present)
            self.outcome.contenders, self.outcome.missing = them, dict(missing)
            for name, why in missing.items():
                self._tell(f"not measured: {name}: {why}")
            self._expected_s = self._plan.expected_s(them)
            names = ", ".join(contender.name for contender in them)
            self._tell(f"{self._plan.rounds} rounds of {names}: about {self._expected_s / 60:.0f} min")
            self._slow_starts(them)
            for round_ in range(1, self._plan.rounds + 1):
                for case in self._plan.loaded():
                    self._one_case(round_, case, them)

    def all_fresh(self) -> None:
        """Each contender alone, but for the slow ones."""
        cases = self._plan.fresh()
        for round_ in range(1, self._plan.rounds + 1):
            for contender in rotated(self.outcome.contenders, round_):
                if contender.is_slow or contender.name in self.outcome.missing:
                    continue
                if mine := [case for case in cases if self._plan.does_take(contender, case, round_)]:
                    self._started_anew(round_, mine, contender)

    def _slow_starts(self, them: Sequence[Contender]) -> None:
        """Of those that have just been started for the loads: nobody waits for their second decimal."""
        starts = [case for case in self._plan.fresh() if case.kind is Kind.START]
        for case, contender in ((case, contender) for case in starts for contender in them):
            if contender.is_slow and does_take(contender, case):
                take = partial(_FRESH[case.kind], self._house, 1, case, contender)
                self._take(1, case, contender, take, self._house.directory)

    def _one_case(self, round_: int, case: Case, them: tuple[Contender, ...]) -> None:
        with contextlib.ExitStack() as stack:
            if WIDE in case.only:
                try:
                    them = (*them, stack.enter_context(wide.router(self._house)))
                except CouldNotStart as error:
                    self._tell(f"not measured: {WIDE}: {error}")
            for contender in rotated(them, round_):
                if self._plan.does_take(contender, case, round_) and contender.name not in self.outcome.missing:
                    self._loaded(round_, case, contender)

    def _loaded(self, round_: int, case: Case, contender: Contender) -> None:
        as_taken = case.for_contender(contender.name, contender.is_slow)
        assert as_taken is not None
        take = _LOADED[case.kind]
        duration_s = self._plan.duration_s(case, contender)
        begin = partial(take, self._house, round_, as_taken, contender, duration_s)
        self._take(round_, as_taken, contender, begin, self._house.directory)
        if contender.pid is not None and not is_running(contender.pid):
            self.outcome.missing[contender.name] = f"ended during {case.name} in round {round_}"
            self._tell(f"{contender.name} has ended")

    def _started_anew(self, round_: int, cases: Sequence[Case], contender: Contender) -> None:
        directory = self._house.directory / f"{contender.name}-{round_}".replace(" ", "-")
        directory.mkdir()
        with self._everyone(directory, frozenset({contender.name})) as (present, missing):
            if not present:
                for case in cases:
                    self._add(failed(round_, case, contender.name, SampleFailed(missing[contender.name])))
                return
            for case in cases:
                take = partial(_FRESH[case.kind], self._house, round_, case, present[0])
                self._take(round_, case, contender, take, directory)

    def _take(
        self, round_: int, case: Case, contender: Contender, take: Callable[[], Sample], directory: Path
    ) -> None:
        """`directory`: where the contender's own is, with its log."""
        try:
            self._add(take())
        except SampleFailed as error:
            self._add(failed(round_, case, contender.name, error))
            if contender.name == ROUTER:
                for line in complaints(directory / ROUTER / LOG).splitlines()[-_COMPLAINTS:]:
                    self._tell(f"the router's log: {line}")

    def _add(self, sample: Sample) -> None:
        self.outcome.samples.append(sample)
        left_s = max(0.0, self._expected_s - (time.monotonic() - self._began))
        self._tell(f"round {sample.round}/{self._plan.rounds}, {left_s / 60:4.1f} min left  {sample.as_line()}")

    def _everyone(self, directory: Path, only: frozenset[str] | None) -> contextlib.AbstractContextManager[LineUp]:
        house = self._house
        return contenders.everyone(
            directory, house.cores.gateway, house.upstream.port, house.key, self._tell, only, house.python
        )
