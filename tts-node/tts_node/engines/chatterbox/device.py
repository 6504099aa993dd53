"""The device a model computes on: which one, how much memory it has, and what happens when that is not enough."""

import contextlib
import ctypes
import gc
import sys
from collections.abc import Iterator

from tts_node.domain import Memory
from tts_node.engines.chatterbox.errors import ChatterboxError, OutOfMemory
from tts_node.engines.chatterbox.package import torch

# What PyTorch says on a CPU without memory, in a plain RuntimeError.
_NO_RAM = "DefaultCPUAllocator"


def choose(wanted: str) -> str:
    """`auto` and the like to torch's name of a device that is there. Raises ChatterboxError."""
    kind, _, number = wanted.partition(":")
    if kind == "auto":
        return "cuda:0" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    if kind == "cuda":
        return _cuda(int(number or 0))
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ChatterboxError("--device mps: this machine or this torch has no Metal. Use --device cpu.")
    return kind


def _cuda(number: int) -> str:
    if not torch.version.cuda and not torch.version.hip:
        raise ChatterboxError(f"torch {torch.__version__} is built without CUDA. Run: tts-node setup cuda.")
    if not torch.cuda.is_available():
        raise ChatterboxError("torch sees no CUDA device. Check nvidia-smi and the driver, or use --device cpu.")
    count = torch.cuda.device_count()
    if number >= count:
        raise ChatterboxError(f"There is no device cuda:{number}; this machine has {count}. Count from cuda:0.")
    return f"cuda:{number}"


def memory_of(device: str) -> Memory | None:
    """A GPU's; None on a CPU, whose memory is everybody's. Unified memory (mps) is not counted either."""
    if not device.startswith("cuda"):
        return None
    free, total = torch.cuda.mem_get_info(device)
    return Memory(used_bytes=torch.cuda.memory_reserved(device), free_bytes=free, total_bytes=total)


@contextlib.contextmanager
def enough_memory(device: str) -> Iterator[None]:
    """Turns "out of memory" into OutOfMemory, and gives back what the failed attempt held."""
    try:
        yield
    except (RuntimeError, MemoryError) as exc:
        if not is_out_of_memory(exc):
            raise
        message = _no_memory(device)
    else:
        return
    # Outside the handler: there the exception's traceback still holds the tensors.
    free_cached(device)
    raise OutOfMemory(message)


def free_cached(device: str) -> None:
    """Gives back what torch keeps for later."""
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    elif device == "mps":
        torch.mps.empty_cache()


def is_out_of_memory(exc: BaseException) -> bool:
    """torch's own class on a GPU, words on a CPU."""
    return isinstance(exc, MemoryError | torch.OutOfMemoryError) or _NO_RAM in str(exc)


def return_freed_memory() -> None:
    """Gives the system back what glibc holds after a load: int8 Turbo shrinks from 4.1 to 2.3 GB."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim:
            trim(0)


def _no_memory(device: str) -> str:
    memory = memory_of(device)
    free = f" ({memory.free_bytes // 2**20} of {memory.total_bytes // 2**20} MB are free)" if memory else ""
    return (
        f"{device} has not enough memory{free}. End what else uses it, speak shorter pieces, or choose a smaller "
        "model or --device cpu."
    )
