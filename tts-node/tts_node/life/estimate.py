"""What the node has learnt about its own speed: figures for the heartbeat, for ETAs and for Retry-After. Pure."""

from dataclasses import dataclass, field

_WEIGHT = 0.3  # of the newest observation


@dataclass
class Ewma:
    """An exponentially weighted mean; None before the first observation."""

    value: float | None = None

    def add(self, observed: float) -> None:
        """Takes one observation in."""
        self.value = observed if self.value is None else self.value + _WEIGHT * (observed - self.value)


@dataclass
class Estimates:
    """Of one model on this machine."""

    rtf: Ewma = field(default_factory=Ewma)
    turn_s: Ewma = field(default_factory=Ewma)
    load_s: Ewma = field(default_factory=Ewma)

    def load_eta_s(self, loading_since_s: float | None, now_s: float) -> float | None:
        """Seconds until a load would be over: all of it before it began, None when never seen."""
        if self.load_s.value is None:
            return None
        elapsed_s = 0.0 if loading_since_s is None else now_s - loading_since_s
        return max(0.0, self.load_s.value - elapsed_s)
