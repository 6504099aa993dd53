"""Counters, gauges and histograms for what every request touches: plain numbers in dictionaries.

prometheus_client's own take a lock and a chain of calls for each sample, a tenth of what a request costs here.
These are read by its exposition like any other (its `Collector` protocol). They belong to one event loop: nothing
else writes them. Who counts the same thing often keeps its `child`, so that no labels are looked up.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString

Labels = tuple[str, ...]


class Registry(Protocol):
    """Where a collector makes itself known."""

    def register(self, collector: "Counts | Levels | Distributions") -> None: ...


class Number:
    """One counter's or gauge's number."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


class Counts:
    """A counter by label values."""

    def __init__(self, name: str, text: str, labels: Sequence[str], registry: Registry) -> None:
        self._name, self._text, self._labelnames = name, text, labels
        self._children: defaultdict[Labels, Number] = defaultdict(Number)
        registry.register(self)

    def child(self, *values: str) -> Number:
        """The number of these labels, to be added to."""
        return self._children[values]

    def add(self, *values: str, by: int = 1) -> None:
        """One more, or several."""
        self._children[values].value += by

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(self._name, self._text, labels=self._labelnames)
        for values, number in self._children.items():
            family.add_metric(values, number.value)
        yield family


class Levels(Counts):
    """A gauge by label values: it goes down too."""

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(self._name, self._text, labels=self._labelnames)
        for values, number in self._children.items():
            family.add_metric(values, number.value)
        yield family


class Distribution:
    """One histogram's numbers: how many fell into each bucket, the last for what is above all bounds."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """One sample; a bucket holds what is at most its bound (Prometheus's `le`)."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value


class Distributions:
    """A histogram by label values. `bounds`: the buckets' upper limits, ascending, +Inf left out."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str], bounds: Sequence[float], registry: Registry
    ) -> None:
        self._name, self._text, self._labelnames = name, text, labels
        self._bounds = tuple(bounds)
        self._children: dict[Labels, Distribution] = {}
        registry.register(self)

    def child(self, *values: str) -> Distribution:
        """The histogram of these labels, to be told samples."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = Distribution(self._bounds)
        return child

    def observe(self, value: float, *values: str) -> None:
        """One sample."""
        self.child(*values).observe(value)

    def collect(self) -> Iterable[Metric]:
        family = HistogramMetricFamily(self._name, self._text, labels=self._labelnames)
        limits = [*map(floatToGoString, self._bounds), "+Inf"]
        for values, child in self._children.items():
            if not any(child.counts):  # bound ahead of need
                continue
            at_most = accumulate(child.counts)
            family.add_metric(values, list(zip(limits, at_most, strict=True)), child.sum)
        yield family
