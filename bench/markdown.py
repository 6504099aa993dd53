"""Tables and figures as pages have them."""

from collections.abc import Callable, Sequence

from bench.ratios import Estimate


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Every cell in its column: a bar in one would tear the row."""
    shown = [f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in (head, *rows)]
    return "".join([shown[0], f"|{'---|' * len(head)}\n", *shown[1:]])


def bounded(figure: Estimate, say: Callable[[float], str], unit: str = "") -> str:
    """A median with its unit and, where there are any, its bounds in brackets."""
    median = f"{say(figure.median)}{unit}"
    if figure.low is None or figure.high is None:
        return median
    return f"{median} [{say(figure.low)}, {say(figure.high)}]"
