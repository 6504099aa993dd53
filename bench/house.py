"""What stays for a whole benchmark: who has which core, the mock upstream, the accounts of what is used."""

import http.client
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.accounts import Account
from bench.contenders import Contender, Upstream
from bench.processes import cpu_s, resident_mb
from bench.samples import SampleFailed

_QUIET_S: Final = 0.1
_QUIET_SHARE: Final = 0.05  # of a core: probes alone use less
_LEAVE_WITHIN_S: Final = 2.0  # a good gateway closes the upstream's stream a tenth of a second after its client
_DRAIN_WITHIN_S: Final = 15.0
_ANSWER_WITHIN_S: Final = 10.0


class CannotMeasure(Exception):
    """Something is missing here; the message says what to do."""


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


@dataclass(frozen=True, slots=True)
class House:
    """`key`: the client's; `directory`: for scripts, configurations and logs; `python`: see `Place`."""

    cores: Cores
    upstream: Upstream
    key: str
    directory: Path
    python: str = sys.executable

    def counts(self) -> dict[str, int]:
        """See `bench.upstream.Tally`. Raises CannotMeasure when the upstream has ended: nothing can go on."""
        return self._get("/counts")

    def harness_cpu_s(self) -> float:
        """CPU seconds of the upstream and of this process until now; the difference of two counts."""
        return time.process_time() + cpu_s(self.upstream.pid)

    @staticmethod
    def account(contender: Contender) -> Account | None:
        """What the gateway used until now; None without one. Raises SampleFailed."""
        if contender.pid is None:
            return None
        try:
            return Account.of(contender.pid)
        except OSError as error:
            raise SampleFailed(f"what it used cannot be read; has it ended? {error}") from error

    def used_since(self, contender: Contender, before: Account | None) -> Account | None:
        """What the gateway used since `before`. Raises SampleFailed."""
        after = self.account(contender)
        return after.since(before) if after is not None and before is not None else None

    @staticmethod
    def resident_mb(contender: Contender) -> float | None:
        """Of a gateway, children included; None without one. Raises SampleFailed."""
        try:
            return resident_mb(contender.pid) if contender.pid is not None else None
        except OSError as error:
            raise SampleFailed(f"its memory cannot be read; has it ended? {error}") from error

    def drain(self, contender: Contender) -> int:
        """Wait until no stream is open and the gateway is quiet; how many streams were still open when their
        clients had long gone, which are then ended here. Raises SampleFailed."""
        left, began = 0, time.monotonic()
        while (passed_s := time.monotonic() - began) < _DRAIN_WITHIN_S:
            is_quiet, streams = self._is_quiet(contender), self.counts()["streams"]
            if streams and passed_s > _LEAVE_WITHIN_S:
                left += streams
                self._get("/end")
            elif is_quiet and not streams:
                return left
        raise SampleFailed(f"it does not come to rest within {_DRAIN_WITHIN_S:.0f} s")

    def _is_quiet(self, contender: Contender) -> bool:
        before, began = self.account(contender), time.monotonic()
        time.sleep(_QUIET_S)
        used = self.used_since(contender, before)
        return (used.cpu_s if used is not None else 0.0) / (time.monotonic() - began) < _QUIET_SHARE

    def _get(self, path: str) -> dict[str, int]:
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream.port, timeout=_ANSWER_WITHIN_S)
        try:
            connection.request("GET", path)
            counts: dict[str, int] = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise CannotMeasure(f"The mock upstream does not answer any more: {error}") from error
        finally:
            connection.close()
        return counts
