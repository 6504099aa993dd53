"""The benchmark of what speech costs: its texts, its sound, and what it makes of the router's histogram."""

import json
import math

import pytest

from bench.machine import Machine
from bench.voices.cases import CASES
from bench.voices.course import Chats, Course, Plan, Sample
from bench.voices.exposition import LAG, between, buckets_of, quantile, share_within, together, value_of
from bench.voices.page import as_json, as_markdown
from bench.voices.sound import CHARS_PER_S, Voice
from bench.voices.texts import Texts
from router.domain import BYTES_PER_S, SpeechRequest
from router.metrics import Metrics
from router.speak import _cut
from router.speech.checking import check_duration

MACHINE = Machine("2026-11-21 12:00 UTC", "a processor", 2, 8.0, "Linux 6", "abc", 0.1, {})
BUCKETS = {0.001: 60.0, 0.01: 98.0, 0.1: 100.0, math.inf: 100.0}


def test_a_histogram_is_read_as_the_router_writes_it() -> None:
    """And what was counted before is taken off."""
    metrics = Metrics()
    metrics.loop_lagged(0.0006)
    before = metrics.exposition().decode()
    metrics.loop_lagged(0.0006)
    metrics.loop_lagged(0.006)
    after = metrics.exposition().decode()
    lag = between(buckets_of(before, LAG), buckets_of(after, LAG))
    assert [0, 1, 2, 2] == [lag[bound] for bound in (0.0005, 0.001, 0.01, math.inf)]
    assert 0.0072 == pytest.approx(value_of(after, f"{LAG}_sum"))
    assert ({}, 0.0) == (buckets_of("", LAG), value_of("", LAG))


def test_series_with_labels_are_summed() -> None:
    """Whoever spoke."""
    assert 3.5 == value_of(
        'sound_sum{model="a",provider="b"} 1.5\nsound_sum{model="c"} 2\nsound_summary 9\n', "sound_sum"
    )


@pytest.mark.parametrize(
    ("share", "expected_s"),
    [(0.3, 0.0005), (0.6, 0.001), (0.79, 0.0055), (0.98, 0.01), (0.99, 0.055), (1.0, 0.1)],
)
def test_quantiles_are_prometheus(share: float, expected_s: float) -> None:
    """On a line between a bucket's bounds."""
    assert expected_s == pytest.approx(quantile(BUCKETS, share))


def test_quantiles_at_the_edges() -> None:
    """Beyond the last bound nothing is known, and nothing of nothing."""
    assert 0.1 == quantile({0.1: 1.0, math.inf: 100.0}, 0.99)
    assert math.isnan(quantile({}, 0.99))
    assert math.isnan(quantile({0.1: 0.0, math.inf: 0.0}, 0.99))
    assert (0.98, True) == (share_within(BUCKETS, 0.01), math.isnan(share_within({}, 0.01)))


def test_rounds_are_added_up() -> None:
    """Bucket by bucket."""
    assert {0.1: 3.0, math.inf: 7.0} == together([{0.1: 1.0, math.inf: 2.0}, {0.1: 2.0, math.inf: 5.0}])


def test_no_text_comes_twice_and_a_sentence_is_a_segment() -> None:
    """What was said before would come out of the cache."""
    texts, others = Texts("one", 3), Texts("two", 3)
    sentences = [each.sentence() for each in (texts, others) for _ in range(100)]
    assert 200 == len(set(sentences))
    for sentence in sentences:
        assert (1, True) == (len(_cut(SpeechRequest(sentence))[0]), len(sentence) <= 200)
    assert 3 == len(_cut(SpeechRequest(texts.long()))[0])


def test_the_sound_is_plausible_and_loud() -> None:
    """The router checks the one, and what encoders cost depends on the other."""
    text = Texts("x").sentence()
    pcm = Voice().speak(text)
    check_duration(bytes(pcm), text, 1.0)
    assert len(pcm) / BYTES_PER_S == pytest.approx(len(text) / CHARS_PER_S, abs=0.001)
    samples = memoryview(bytes(pcm)).cast("h")
    assert 4000 < max(samples) < 32_767
    assert len(set(samples)) > 1000


def _course() -> Course:
    lag = {0.005: 9.0, 0.01: 10.0, math.inf: 10.0}
    samples = [Sample(number, case.name, 2, 10.0, 0.01 * number, lag) for number in range(1, 6) for case in CASES]
    chats = [
        Chats(
            number,
            is_crowded,
            tuple(0.001 * each * (1 + is_crowded) for each in range(1, 101)),
            lag,
            40.0,
            0.5,
            80,
        )
        for number in range(1, 6)
        for is_crowded in (False, True)
    ]
    return Course(samples, chats)


def test_the_page_tells_all() -> None:
    """Costs with their bounds, what the crowd does to a chat, and where."""
    page = as_markdown(Plan(), MACHINE, _course())
    for case in CASES:
        assert f"| {case.title} | 3,000 µs [1,000, 5,000] | 15.00 ms | 9.5 ms |" in page
    assert "|  | alone | while 20 listen | ratio |" in page
    assert "| chat, p99 | 99.00 ms | 198.00 ms | 2.0 [2.0, 2.0] |" in page
    assert "| lag of at most 10 ms | 100.0% | 100.0% |  |" in page
    assert "a processor, 2 cores, Linux 6, revision abc" in page


def test_the_data_is_all_there() -> None:
    """Every sample of every round, as JSON that others can read."""
    document = json.loads(as_json(Plan(), MACHINE, _course()))
    assert (5 * len(CASES), 10, 100) == (
        len(document["samples"]),
        len(document["chats"]),
        document["chats"][0]["chats"],
    )
