"""The report, for people and for programs."""

import json
from dataclasses import replace

import pytest
from drills import good_trial, ledger

from router.drill.picture import as_png
from router.drill.report import as_json, as_markdown
from router.drill.surroundings import Surroundings, these

HERE = Surroundings("2026-01-01 12:00 UTC", "a CPU", 2, "Linux x86_64", "3.11.1", "1.0", 0.5)


def test_page_says_what_holds_and_what_not() -> None:
    """With engine, simulation and machine named."""
    never = replace(good_trial(), fault="hung", ready_s=None)
    page = as_markdown([ledger(good_trial(), never)], HERE, "local-ai-router drill unplug")
    assert "## espeak-ng\n\nSimulated.\nA machine is unplugged by a veth pair.\n" in page
    assert "| detection, worst | 1 s | 0.50 s (unplugged) | holds |" in page
    assert "| return, worst | 3 s | never (never within the trial: hung) | **does not hold** |" in page
    assert "| unplugged | 5 | 0 | 0 | 0 | 0 / 0 / 0 | 0.50 s | 0.90 s | 0.70, 0.90 s (n = 2) |" in page
    assert "0.00, 0.00, 0.00 s (n = 1) | 0.20, 0.20 s (n = 1) | 0.30 s |" in page
    assert page.rstrip().endswith("Python 3.11.1, router 1.0, load average 0.5 at the start.")


def test_page_of_an_own_provider_says_so() -> None:
    """And does not claim what was not compared."""
    page = as_markdown([ledger(good_trial())], HERE, "local-ai-router drill unplug --provider pc", "pc")
    assert page.startswith("# The drill: pc unplugged\n")
    assert "byte for byte" not in page


def test_json_has_every_request_in_seconds_from_the_fault() -> None:
    """And no number that JSON does not know."""
    never = replace(good_trial(), ready_s=None)
    (drill,) = json.loads(as_json([ledger(never)], HERE, "drill"))["drills"]
    assert drill["holds"] is False
    assert drill["verdict"][-1]["actual"] is None
    assert drill["trials"][0]["answers"][1] == ["short speech", "text", -0.1, 0.9, 0.9, "cpu-tts", "ok"]
    assert drill["trials"][0]["notices"] == [[0.5, "gpu-tts", "down"]]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what matplotlib stands on
def test_picture_is_a_picture() -> None:
    """For any number of faults."""
    others = [replace(good_trial(), fault=f"fault {number}") for number in range(4)]
    assert as_png(ledger(good_trial(), *others), "A drill").startswith(b"\x89PNG\r\n")


def test_surroundings_are_those_of_this_machine() -> None:
    """And fit on a line."""
    line = these().as_line()
    assert line.startswith("Held ")
    assert "\n" not in line
