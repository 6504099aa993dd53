"""The seams: what an engine must offer in the child, and what the core tells whoever watches it.

This module must not know a single engine, server or metric.
"""

from typing import Protocol

from tts_node.domain import Clip, Job, Memory, ModelState, Outcome, Speech


class Unspeakable(Exception):
    """An engine refuses, and the request is at fault: it would be refused again. Anything else that an engine
    raises is the engine's own fault, and may be tried again.
    """

    def __init__(self, message: str, param: str = "input") -> None:
        super().__init__(message)
        self.param = param  # the field of the request that is to blame


class VoiceGone(Exception):
    """The clip vanished between being ordered and being spoken."""


RETRIED = "retried"  # a note that begins so counts as a second try


class Outlet(Protocol):
    """Where an engine puts its speech. Lives in the child; used from the engine's thread only."""

    @property
    def is_cancelled(self) -> bool:
        """Whether the listener left: stop soon, write nothing more."""

    def write(self, pcm: bytes) -> None:
        """Hands over 24 kHz s16le mono audio, in order, in pieces of any size (the smaller, the sooner heard)."""

    def progress(self) -> None:
        """Feeds the parent's watchdog where work takes long without giving audio."""

    def note(self, text: str) -> None:
        """Something the log should say about this utterance: it was retried, it was cut. Never the text itself."""

    def wait_cancelled(self, timeout_s: float) -> bool:
        """Sleeps that long, or less when the listener leaves; says whether it left."""


class Engine(Protocol):
    """One model in a child process. Built cheaply, then loaded once; one `speak` at a time."""

    def load(self) -> None:
        """Takes the time and memory it needs; raises with a message that says how to mend it."""

    def speak(self, job: Job, outlet: Outlet) -> None:
        """Speaks the whole text or stops early when cancelled. The text is never re-cut here.

        Raises Unspeakable when the request is at fault, and whatever it likes when the engine is.
        """

    def prepare(self, clip: Clip, outlet: Outlet, /) -> None:
        """Computes and keeps what speaking with this voice needs, ahead of the first wish. No audio."""

    def memory(self) -> Memory | None:
        """The device's, if it has one of its own; read after each load and utterance."""


class Observer(Protocol):
    """Hears what happened. Must be quick, must not raise, must not call back."""

    def spoken(self, model: str, speech: Speech) -> None:
        """An utterance is complete."""

    def first_audio(self, model: str, waited_s: float) -> None:
        """A request has its first audio, so long after it came: queue and load included."""

    def answered(self, outcome: Outcome, duration_s: float) -> None:
        """A speech request is over, for better or worse."""

    def loaded(self, model: str, load_s: float) -> None:
        """A model came up."""

    def load_failed(self, model: str) -> None:
        """A model did not come up; the next try has to wait a while."""

    def evicted(self, model: str) -> None:
        """An idle model was unloaded to make room for another one."""

    def retried(self, reason: str) -> None:
        """Something unheard was spoken anew: after a "crash", or because the "engine" wanted it so."""

    def child_lost(self, reason: str) -> None:
        """A child process ended although nobody wanted it to."""

    def state_changed(self, model: str, state: ModelState) -> None:
        """A model changed its state."""
