"""What is told when Chatterbox cannot be loaded or cannot speak. The messages say how to mend it.

A request that would be refused again is `Unspeakable` (ports.py); these are the engine's own faults.
"""


class ChatterboxError(Exception):
    """The node shows the message to whoever asked."""


class OutOfMemory(ChatterboxError):
    """The device is full. Known by its name in `child.py`: the process is given up, and all its memory with it."""


class Interrupted(Exception):
    """The listener left: raised inside the model, between two steps, and caught by the engine."""
