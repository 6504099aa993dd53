"""What the node learns about its own speed."""

import pytest

from tts_node.life.estimate import Estimates, Ewma


def test_the_mean_follows_the_news() -> None:
    """The first observation is the mean; later ones move it by their weight."""
    mean = Ewma()
    assert mean.value is None
    for observed in (1.0, 2.0, 2.0):
        mean.add(observed)
    assert mean.value == pytest.approx(1.51)


@pytest.mark.parametrize(
    ("since_s", "now_s", "expected"), [(None, 50.0, 10.0), (40.0, 43.0, 7.0), (40.0, 99.0, 0.0)]
)
def test_load_eta_counts_down(since_s: float | None, now_s: float, expected: float) -> None:
    """All of it before the load began, never below zero."""
    estimates = Estimates(load_s=Ewma(10.0))
    assert expected == estimates.load_eta_s(since_s, now_s)
    assert Estimates().load_eta_s(since_s, now_s) is None
