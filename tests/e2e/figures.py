"""Figures that tests measure, shown at the end of the run: `process_logs.py` prints them."""

noted: list[str] = []


def note(figure: str) -> None:
    """Show this line in the summary."""
    noted.append(figure)
