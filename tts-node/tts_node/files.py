"""Files put in their place whole."""

import time
from pathlib import Path

_TRIES = 8
_FIRST_NAP_S = 0.01  # doubling: 1.3 s in all


def put_in_place(part: Path, place: Path) -> None:
    """Renames a finished file or folder. On Windows a virus scanner or a reader may hold one of them open for a
    moment, which forbids it there. Raises OSError when it stays so."""
    nap_s = _FIRST_NAP_S
    for _ in range(_TRIES - 1):
        try:
            part.replace(place)
        except PermissionError:
            time.sleep(nap_s)
            nap_s *= 2
        else:
            return
    part.replace(place)
