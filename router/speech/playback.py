"""The clock of somebody who listens: what was handed over is played at its own pace, from the first sound on.

Pure: told the time, never asks it. It is the listener's clock and not its reads: a client that saves a file takes
bytes as fast as they come, and so do the sockets in between; neither says how much has been heard.
"""


class Playback:
    """Times are monotonic seconds. `gap_s`: silence heard within the answer."""

    def __init__(self) -> None:
        self._silent_from: float | None = None  # when all that was handed over has been played
        self.handed_s = 0.0
        self.gap_s = 0.0

    def handed_over(self, audio_s: float, now: float) -> float:
        """So much more is on its way to the listener; how long it was silent before (0 for the first)."""
        self.handed_s += audio_s
        if self._silent_from is None:
            self._silent_from = now + audio_s
            return 0.0
        gap_s = max(0.0, now - self._silent_from)
        self.gap_s += gap_s
        self._silent_from = max(self._silent_from, now) + audio_s
        return gap_s

    def left_s(self, now: float) -> float:
        """How long the listener goes on hearing something if nothing more comes."""
        return 0.0 if self._silent_from is None else max(0.0, self._silent_from - now)
