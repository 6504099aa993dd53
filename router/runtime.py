"""The interpreter and the C library's allocator, set for a server: once, when all that stays is there."""

import ctypes
import gc
import sys
from typing import Final

_GC_EVERY: Final = 10_000  # container objects
# How long a thread that computes in Python, such as one that cuts a long text, may keep the loop waiting for the
# interpreter (sys.setswitchinterval). Python's own 5 ms are half of what a lag may be.
_SWITCH_S: Final = 0.0005
# mallopt(3), from <malloc.h>
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 16 * 2**20
_MAPPED_FROM_BYTES: Final = 4 * 2**20


def settle() -> None:
    """To be called when serving begins."""
    # What is here now stays: full collections need not look at it again, which would stop every stream.
    gc.collect()
    gc.freeze()
    # Requests leave next to no cycles; looking for them every 700 objects would be 3 % of the work.
    gc.set_threshold(_GC_EVERY, 10, 10)
    sys.setswitchinterval(_SWITCH_S)
    _keep_what_is_freed()


def _keep_what_is_freed() -> None:
    """A piece of 200 KB is allocated and freed again thousands of times a second. glibc would hand the end of the
    heap back to the kernel each time, and have it zeroed anew: a third of what a large answer costs. So it keeps
    up to 16 MB. What is larger than 4 MB is mapped alone and goes back at once. Elsewhere nothing is done."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM_BYTES)
