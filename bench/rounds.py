"""The run: every case, contender after contender, round after round, so that drift meets all alike.

The gateway has a core to itself; load and upstream have the others. A sample is taken as follows: warm up, wait
until nothing is left to do (queued log lines are part of a request's cost), read the gateway's CPU time, load,
wait again, read again; divide by what arrived at the upstream meanwhile.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bench import contenders
from bench.accounts import Account
from bench.cases import CASES, Case
from bench.contenders import Contender, Upstream
from bench.paced import paced_load
from bench.processes import cpu_s, resident_mb
from bench.ratios import percentile
from bench.wrk import LoadFailed, load

WARM_UP_S: Final = 1
_QUIET_S: Final = 0.1
_QUIET_SHARE: Final = 0.05  # of a core: probes alone use less
_DRAIN_WITHIN_S: Final = 10.0


class CannotMeasure(Exception):
    """Something is missing here; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many rounds, and seconds per sample."""

    rounds: int
    sample_s: int
    cases: tuple[Case, ...] = CASES


@dataclass(frozen=True, slots=True)
class Sample:
    """One contender on one case in one round.

    `cpu_us`: the gateway's per unit (request or event). `p50_us`, `p99_us`: of a whole request, or of one event's
    way. `per_s`: units a second. `harness_share`: how busy load and upstream were, of the cores they had: near 1,
    `per_s` is theirs and only a lower bound of the gateway's. `waited_share`: of the time in which the gateway
    could have run, how much others held its core; above a few per cent, `per_s` and the latencies are the
    neighbours', and caches are cold. What is a gateway's is None without one, and where the kernel does not tell.
    """

    round: int
    case: str
    contender: str
    units: int
    cpu_us: float | None
    p50_us: float
    p99_us: float
    per_s: float
    harness_share: float
    waited_share: float | None
    resident_mb: float | None

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where."""

    gateway: int
    upstream: int
    load: int

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """Raises CannotMeasure when there is only one."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise CannotMeasure("Two cores are needed: one for the gateway, one for load and upstream.")
        return cls(cores[0], cores[1], cores[2] if len(cores) > 2 else cores[1])

    @property
    def of_harness(self) -> int:
        return len({self.upstream, self.load})


def run(plan: Plan, tell: Callable[[str], None]) -> list[Sample]:
    """All samples of `plan`. Raises CannotMeasure, LoadFailed."""
    for tool in ("nginx", "wrk"):
        if shutil.which(tool) is None:
            raise CannotMeasure(f"{tool} is missing: sudo apt-get install nginx wrk")
    cores = Cores.of_this_machine()
    samples = []
    with _house(cores) as house:
        os.sched_setaffinity(0, {cores.load})
        for number in range(1, plan.rounds + 1):
            for case in plan.cases:
                for contender in house.contenders:
                    sample = house.sample(number, case, contender, plan.sample_s)
                    samples.append(sample)
                    tell(_line(sample, plan.rounds))
    return samples


@dataclass(frozen=True, slots=True)
class _House:
    """Everything that runs during a benchmark."""

    cores: Cores
    upstream: Upstream
    contenders: tuple[Contender, ...]
    key: str
    directory: Path

    def sample(self, number: int, case: Case, contender: Contender, duration_s: int) -> Sample:
        """See the module."""
        take = self._paced if case.is_paced else self._closed
        try:
            return take(number, case, contender, duration_s)
        except LoadFailed as error:
            raise LoadFailed(f"{error}\nThe router's log: {contenders.complaints(self.directory)}") from error

    def _closed(self, number: int, case: Case, contender: Contender, duration_s: int) -> Sample:
        load(case, contender, self.key, WARM_UP_S, self.directory)
        self._drain(contender)
        requests, before, upstream_cpu = self._requests(), self._account(contender), cpu_s(self.upstream.pid)
        seen = load(case, contender, self.key, duration_s, self.directory)
        upstream_cpu = cpu_s(self.upstream.pid) - upstream_cpu
        self._drain(contender)
        units, after = self._requests() - requests, self._account(contender)
        used = after.since(before) if after is not None and before is not None else None
        return Sample(
            number,
            case.name,
            contender.name,
            units,
            used.cpu_us_per(units) if used is not None else None,
            seen.p50_us,
            seen.p99_us,
            seen.requests_per_s,
            (seen.cpu_s + upstream_cpu) / duration_s / self.cores.of_harness,
            used.waited_share if used is not None else None,
            self._resident_mb(contender),
        )

    def _paced(self, number: int, case: Case, contender: Contender, duration_s: int) -> Sample:
        self._drain(contender)
        own, upstream_cpu = time.process_time(), cpu_s(self.upstream.pid)
        began = time.monotonic()
        account = partial(self._account, contender)
        seen = paced_load(case, contender, self.upstream, self.key, duration_s + 1.0, account)
        busy_s = time.process_time() - own + cpu_s(self.upstream.pid) - upstream_cpu
        wall_s = time.monotonic() - began
        resident = self._resident_mb(contender)
        self._drain(contender)
        return Sample(
            number,
            case.name,
            contender.name,
            seen.events,
            seen.account.cpu_us_per(seen.events) if seen.account is not None else None,
            percentile(seen.delays_us, 50),
            percentile(seen.delays_us, 99),
            seen.events / seen.duration_s,
            busy_s / wall_s / self.cores.of_harness,
            seen.account.waited_share if seen.account is not None else None,
            resident,
        )

    def _requests(self) -> int:
        return self.upstream.counts()["requests"]

    @staticmethod
    def _account(contender: Contender) -> Account | None:
        """What the gateway used until now; None without one."""
        if contender.pid is None:
            return None
        try:
            return Account.of(contender.pid)
        except OSError as error:
            raise CannotMeasure(f"What {contender.name} used cannot be read; has it ended? {error}") from error

    @staticmethod
    def _resident_mb(contender: Contender) -> float | None:
        return round(resident_mb(contender.pid), 1) if contender.pid is not None else None

    def _drain(self, contender: Contender) -> None:
        """Wait until no stream is open and the gateway is quiet."""
        deadline = time.monotonic() + _DRAIN_WITHIN_S
        while time.monotonic() < deadline:
            before, began = self._account(contender), time.monotonic()
            time.sleep(_QUIET_S)
            after = self._account(contender)
            used_s = after.since(before).cpu_s if after is not None and before is not None else 0.0
            share = used_s / (time.monotonic() - began)
            if share < _QUIET_SHARE and self.upstream.counts()["streams"] == 0:
                return
        raise CannotMeasure(f"{contender.name} does not come to rest; is something else using it?")


@contextlib.contextmanager
def _house(cores: Cores) -> Iterator[_House]:
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="router-bench-")))
        key = contenders.new_key()
        upstream = stack.enter_context(contenders.upstream(directory, cores.upstream))
        nginx = stack.enter_context(contenders.nginx(directory, cores.gateway, upstream.port, key))
        router = stack.enter_context(contenders.router(directory, cores.gateway, upstream.port, key))
        yield _House(cores, upstream, (Contender("direct", upstream.port), nginx, router), key, directory)


def _line(sample: Sample, rounds: int) -> str:
    cpu = f"{sample.cpu_us:8.1f} µs CPU" if sample.cpu_us is not None else " " * 15
    waited = f"{sample.waited_share:4.0%}" if sample.waited_share is not None else "   -"
    return (
        f"round {sample.round}/{rounds}  {sample.case:9}  {sample.contender:6}  {cpu}  {sample.per_s:9.0f}/s  "
        f"p50 {sample.p50_us:7.0f}  p99 {sample.p99_us:7.0f} µs  harness {sample.harness_share:4.0%}  "
        f"waited {waited}"
    )
