"""What a gateway used, from one instant to another.

A figure that the kernel does not give stays None and is told as missing: a nought would be read as a measurement.
"""

from dataclasses import dataclass

from bench.processes import cpu_s, waited_s


@dataclass(frozen=True, slots=True)
class Account:
    """Seconds on a CPU, and seconds in which it could have run (None: this kernel keeps no such account)."""

    cpu_s: float
    waited_s: float | None

    @classmethod
    def of(cls, pid: int) -> "Account":
        """Since the process began. Raises OSError when it has ended."""
        return cls(cpu_s(pid), waited_s(pid))

    def since(self, before: "Account") -> "Account":
        """What was used from `before` to this."""
        is_told = self.waited_s is not None and before.waited_s is not None
        waited_s = (self.waited_s or 0.0) - (before.waited_s or 0.0) if is_told else None
        return Account(self.cpu_s - before.cpu_s, waited_s)

    def cpu_us_per(self, units: int) -> float | None:
        """µs for each of `units`. None when nothing was used or done: who answered has used some, so that says
        that the account is wrong."""
        return self.cpu_s / units * 1e6 if self.cpu_s > 0 and units else None

    @property
    def waited_share(self) -> float | None:
        """Of the time in which it could have run, how much others held its core."""
        if self.waited_s is None or self.cpu_s <= 0:
            return None
        return self.waited_s / (self.cpu_s + self.waited_s)
