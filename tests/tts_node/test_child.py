"""What the child does for its parent's sake: the fault it names, the threads it allows, the way it makes."""

import os

import pytest

from tts_node.life import wire
from tts_node.life.child import core_count, failure, fault_of, limit_threads
from tts_node.life.wire import Fault
from tts_node.ports import Unspeakable, VoiceGone


class OutOfMemoryError(RuntimeError):
    """Named like torch's own."""


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (Unspeakable("too short", "voice"), Fault.REQUEST),
        (VoiceGone(), Fault.VOICE),
        (ValueError("hoarse"), Fault.ENGINE),
        (MemoryError(), Fault.MEMORY),
        (OutOfMemoryError("Tried to allocate 2.00 GiB"), Fault.MEMORY),
        (RuntimeError("CUDA out of memory. Tried to allocate"), Fault.MEMORY),
        (RuntimeError("CUDA error: device-side assert triggered"), Fault.MEMORY),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), Fault.MEMORY),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), Fault.MEMORY),
        (RuntimeError("MPS backend out of memory"), Fault.MEMORY),
        (RuntimeError("std::bad_alloc"), Fault.MEMORY),
    ],
)
def test_whose_fault_it_was(exc: Exception, expected: Fault) -> None:
    """The request's when the engine says so, the device's by what allocators and drivers say; else its own."""
    assert expected is fault_of(exc)


def test_a_refusal_keeps_its_words() -> None:
    """What the engine says to the client is not dressed up; any other exception is named."""
    assert wire.Failed(3, "Too short.", Fault.REQUEST, "voice") == failure(3, Unspeakable("Too short.", "voice"))
    assert wire.Failed(3, "ValueError: hoarse") == failure(3, ValueError("hoarse"))


@pytest.mark.parametrize(("threads", "expected"), [(3, "3"), (0, str(core_count()))])
def test_libraries_are_told_their_threads(monkeypatch: pytest.MonkeyPatch, threads: int, expected: str) -> None:
    """As many as there are cores unless told; what the owner of the machine set is left alone."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "1")
    limit_threads(threads)
    assert (expected, expected, "1") == tuple(
        os.environ[f"{name}_NUM_THREADS"] for name in ("OMP", "OPENBLAS", "MKL")
    )
    monkeypatch.setenv("OMP_NUM_THREADS", "")  # so that monkeypatch takes away what the call above set
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "")
