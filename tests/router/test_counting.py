"""Numbers that Prometheus reads: what they show is what prometheus_client's own would show."""

import random

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from router.counting import Counts, Distributions, Levels

BOUNDS = (0.005, 0.1, 1, 2.5)


def _without_created(text: bytes) -> list[str]:
    return [line for line in text.decode().splitlines() if "_created" not in line]


def test_the_exposition_is_the_librarys_own() -> None:
    """Names, help, buckets, label escapes: line for line, on the bounds too."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    counts = Counts("c", "Counted.", ["model", "outcome"], ours)
    counter = Counter("c", "Counted.", ["model", "outcome"], registry=theirs)
    levels = Levels("g", "Now.", ["endpoint"], ours)
    gauge = Gauge("g", "Now.", ["endpoint"], registry=theirs)
    distributions = Distributions("h", "Spread.", ["endpoint"], BOUNDS, ours)
    histogram = Histogram("h", "Spread.", ["endpoint"], buckets=BOUNDS, registry=theirs)
    chance = random.Random(7)
    for _ in range(200):
        labels = (chance.choice(["a", 'b"\\\n']), "ok")
        counts.add(*labels)
        counter.labels(*labels).inc()
        levels.add("chat")
        gauge.labels("chat").inc()
        value = chance.choice([*BOUNDS, 0.0, 3.0, 99.0, chance.random()])
        distributions.observe(value, "chat")
        histogram.labels("chat").observe(value)
    levels.child("chat").value -= 1
    gauge.labels("chat").dec()
    assert _without_created(generate_latest(theirs)) == _without_created(generate_latest(ours))
