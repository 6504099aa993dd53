"""What stays for a whole benchmark: who has which core, the mock upstream, the accounts of what is used."""

import contextlib
import http.client
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.accounts import Account
from bench.contenders import Contender
from bench.processes import QUIET_S, cpu_s, is_quiet, resident_mb
from bench.samples import SampleFailed
from bench.servers import CannotMeasure, Cores, Server, got

_LEAVE_WITHIN_S: Final = 2.0  # a good gateway closes the upstream's stream a tenth of a second after its client
_DRAIN_WITHIN_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class House:
    """`key`: the client's; `directory`: for scripts, configurations and logs; `python`: see `Place`."""

    cores: Cores
    upstream: Server
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
        with _reading("what it used"):
            return Account.of(contender.pid)

    def used_since(self, contender: Contender, before: Account | None) -> Account | None:
        """What the gateway used since `before`. Raises SampleFailed."""
        after = self.account(contender)
        return after.since(before) if after is not None and before is not None else None

    @staticmethod
    def resident_mb(contender: Contender) -> float | None:
        """Of a gateway, children included; None without one. Raises SampleFailed."""
        with _reading("its memory"):
            return resident_mb(contender.pid) if contender.pid is not None else None

    def drain(self, contender: Contender) -> int:
        """Wait until no stream is open and the gateway is quiet; how many streams were still open when their
        clients had long gone, which are then ended here. Raises SampleFailed."""
        left, began = 0, time.monotonic()
        while (passed_s := time.monotonic() - began) < _DRAIN_WITHIN_S:
            is_quiet, streams = _is_quiet(contender), self.counts()["streams"]
            if streams and passed_s > _LEAVE_WITHIN_S:
                left += streams
                self._get("/end")
            elif is_quiet and not streams:
                return left
        raise SampleFailed(f"it does not come to rest within {_DRAIN_WITHIN_S:.0f} s")

    def _get(self, path: str) -> dict[str, int]:
        try:
            counts: dict[str, int] = json.loads(got(self.upstream.port, path))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise CannotMeasure(f"The mock upstream does not answer any more: {error}") from error
        return counts


def _is_quiet(contender: Contender) -> bool:
    if contender.pid is None:
        time.sleep(QUIET_S)
        return True
    with _reading("what it used"):
        return is_quiet(contender.pid)


@contextlib.contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SampleFailed(f"{what} cannot be read; has it ended? {error}") from error
