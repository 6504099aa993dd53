"""The picture: a panel for each dimension, all to one scale. matplotlib is the extra `drill`."""

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from bench.growth.dimensions import Cost
from bench.growth.results import Result, amount
from bench.growth.verdict import TOLERANCE, Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS: Final = 6
DOTS_PER_INCH: Final = 100
_COLOURS_KEPT: Final = 64  # in the file: lines, greys and their edges
# Okabe and Ito's colours, which colour-blind people tell apart.
_GOOD: Final = "#0072B2"
_BAD: Final = "#D55E00"
_GUIDE: Final = "#9A9A9A"
_BAND: Final = "#E9E9E9"
_TEXT: Final = "#333333"
_FAINT: Final = "#777777"
_WIDE: Final = 3.8  # decades that a panel shows of the sizes, and of the costs
_HIGH: Final = 4.3


def as_png(results: Sequence[Result]) -> bytes:
    """Raises ImportError without matplotlib."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(results) + 1)
    rows = -(-(len(results) + 1) // columns)  # the legend has a place among the panels
    with mpl.rc_context({"font.size": 8, "font.family": "DejaVu Sans", "text.color": _TEXT}):
        figure = Figure(figsize=(2.5 * columns, 2.55 * rows), layout="constrained")
        figure.set_layout_engine("constrained", w_pad=0.09, h_pad=0.11)
        FigureCanvasAgg(figure)
        panels = figure.subplots(rows, columns, squeeze=False).flatten()
        for panel, result in zip(panels, results, strict=False):
            _draw(panel, result)
        for panel in panels[len(results) :]:
            panel.set_axis_off()
        _legend(panels[len(results)])
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=DOTS_PER_INCH)
    return _smaller(out)


def _draw(panel: "Axes", result: Result) -> None:
    growth = result.growth
    sizes, costs = growth.sizes, [cost.median for cost in growth.costs]
    colour = _GOOD if result.is_as_it_must_be else _BAD
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlim(*_around(sizes[0], sizes[-1], _WIDE))
    panel.set_ylim(*_around(min(costs), max(costs), _HIGH, below=0.35))
    panel.axhspan(costs[0], costs[0] * TOLERANCE, color=_BAND, lw=0, zorder=0)
    if result.dimension.must is Verdict.N_LOG_N:
        guide = [costs[-1] * n * math.log2(n + 1) / (sizes[-1] * math.log2(sizes[-1] + 1)) for n in sizes]
        panel.plot(sizes, guide, ls=(0, (4, 3)), lw=1, color=_GUIDE, zorder=1)
    for size, cost in zip(sizes, growth.costs, strict=True):
        if cost.low is not None and cost.high is not None:
            panel.plot([size, size], [cost.low, cost.high], lw=4, alpha=0.35, color=colour, solid_capstyle="round")
    panel.plot(sizes, costs, "o-", ms=4.5, lw=1.6, color=colour, mec="white", mew=0.8, zorder=3)
    for end, shift in ((0, -4), (-1, 0)):
        at = (sizes[end], costs[end])
        panel.annotate(result.shown(costs[end]), at, (shift, 8), textcoords="offset points", ha="center")
    _dress(panel, result, colour)


def _dress(panel: "Axes", result: Result, colour: str) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

    dimension, growth = result.dimension, result.growth
    what = {Cost.SECOND: "CPU a second", Cost.TIME: "time", Cost.MEMORY: "memory"}.get(dimension.cost, "CPU")
    panel.set_title(dimension.axis, fontsize=9.5, weight="bold", loc="left", pad=17)
    panel.text(0, 1.03, f"{dimension.title}: {what}", transform=panel.transAxes, color=_FAINT)
    told = f"{growth.verdict.words.strip('*')} ({_times(growth.ratio.median)})"
    panel.text(0.02, 0.955, told, transform=panel.transAxes, color=colour, va="top")
    panel.xaxis.set_major_locator(FixedLocator(list(growth.sizes)))
    shown = [n for n, after in zip(growth.sizes, (*growth.sizes[1:], math.inf), strict=True) if after > 2.5 * n]
    panel.xaxis.set_major_formatter(FuncFormatter(lambda size, _: _short(size) if size in shown else ""))
    panel.yaxis.set_major_locator(LogLocator(10, numticks=12))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda cost, _: _round(cost, dimension.cost)))
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_minor_locator(NullLocator())
    panel.tick_params(length=0, labelsize=7, labelcolor=_FAINT)
    panel.grid(axis="y", lw=0.4, color="#DDDDDD")
    panel.set_axisbelow(True)
    for side in ("top", "right", "left"):
        panel.spines[side].set_visible(False)
    panel.spines["bottom"].set_color("#BBBBBB")


def _legend(panel: "Axes") -> None:
    from matplotlib.artist import Artist
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [
        Line2D([], [], marker="o", ms=4.5, color=_GOOD, label="grows as slowly as it has to"),
        Line2D([], [], marker="o", ms=4.5, color=_BAD, label="grows faster than it may"),
        Line2D([], [], lw=4, alpha=0.35, color=_GOOD, label="95 % bounds of the median"),
        Patch(color=_BAND, label=f"flat: up to {TOLERANCE:g} times"),
        Line2D([], [], ls=(0, (4, 3)), color=_GUIDE, label="n log n"),
    ]
    panel.legend(handles=handles, loc="upper left", frameon=False, borderaxespad=0, labelspacing=0.9)


def _around(low: float, high: float, decades: float, below: float = 0.5) -> tuple[float, float]:
    """Bounds so many decades apart, or more where they must be; `below`: the share of what is left over."""
    over = max(decades - math.log10(high / low), 0.6)
    return low / 10 ** (over * below), high * 10 ** (over * (1 - below))


def _times(ratio: float) -> str:
    return f"{ratio:.2f} times" if ratio < 10 else f"{ratio:.0f} times"


def _short(size: float) -> str:
    return f"{size / 1000:g}k" if size >= 1000 else f"{size:g}"


def _round(cost: float, kind: Cost) -> str:
    """A tick's power of ten."""
    figure, unit = amount(cost, kind).split()
    return f"{float(figure):g} {unit}"


def _smaller(png: io.BytesIO) -> bytes:
    """With a palette: a third of the size. Pillow comes with matplotlib."""
    from PIL import Image

    out = io.BytesIO()
    with Image.open(png) as image:
        image.convert("RGB").quantize(_COLOURS_KEPT, kmeans=2, dither=Image.Dither.NONE).save(
            out, "PNG", optimize=True
        )
    return out.getvalue()
