"""Figures that tests measure, shown at the end of the run: `process_logs.py` prints them; and how strict the
contract's are.

`make test` runs beside whatever else a machine does, so a test there never fails because the machine is busy: each
bound has BUSY_S more, and what is five seconds late fails all the same. `make soak` has the machine to itself and
sets STRICT_FIGURES: there BUSY_S is nothing.
"""

import os
from typing import Final

IS_STRICT: Final = bool(os.environ.get("STRICT_FIGURES"))
BUSY_S: Final = 0.0 if IS_STRICT else 2.0  # what a busy machine may add to a contract's figure

noted: list[str] = []


def note(figure: str) -> None:
    """Show this line in the summary."""
    noted.append(figure)
