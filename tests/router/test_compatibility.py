"""docs/compatibility.md claims what the tests claim, no more and no less, with the versions that are pinned."""

import re
from pathlib import Path
from typing import Final

import pytest
from claims import page, source
from claims.claim import PAGE, ROOT, Claim, Passed, claim_of, read, write

LOCKED: Final = (
    *ROOT.glob("requirements-clients.txt"),
    ROOT / "requirements-openai-tests.txt",
    *(ROOT / "tests" / "soak" / "requirements").glob("*.txt"),
    ROOT / "bench" / "requirements" / "litellm.txt",
)
REFRESH: Final = "run `make compatibility`"


def pins() -> dict[str, set[str]]:
    """Every version that the clients' requirements name, by distribution."""
    found: dict[str, set[str]] = {}
    for file in LOCKED:
        for name, version in re.findall(
            r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", file.read_text(), re.MULTILINE
        ):
            found.setdefault(name, set()).add(version)
    return found


def test_page_is_what_the_record_says() -> None:
    """Nobody has written into it."""
    assert page.rendered(read()) == PAGE.read_text(), REFRESH


def test_page_claims_what_marked_tests_show() -> None:
    """A claim without a test, or a test without its line, is a difference; so is another file."""
    assert source.claimed() == {one.claim: one.files for one in read()}, REFRESH


def test_versions_are_those_that_are_pinned() -> None:
    """A client was seen in the version that `make test` and `make soak` install."""
    known = pins()
    seen = [(one.claim.client, one.version) for one in read() if one.claim.client in known]
    assert seen, "no client is pinned"
    assert [(client, version) for client, version in seen if version not in known[client]] == []


def test_recorded_clients_say_of_which_release() -> None:
    """A client that is no distribution here has a release, so that no line is without one."""
    assert [one.claim for one in read() if one.claim.client and not one.version] == []


def test_marks_are_read_without_running(tmp_path: Path) -> None:
    """From functions and classes, each file that makes a claim, by its own constants; other marks are none."""
    folder = tmp_path / "tests" / "clients"
    folder.mkdir(parents=True)
    mark = '@pytest.mark.shows(client="c", route="r/s", what="w")\n'
    named = 'R: Final = "r"\n' + mark.replace('"r/s"', 'f"{R}/s"')
    (folder / "test_one.py").write_text(f"{named}@pytest.mark.parametrize('a', [1])\ndef test_it(): ...\n")
    (folder / "test_two.py").write_text(f"{mark}class TestIt:\n    async def test_it(self): ...\n")
    found = source.claimed(tmp_path / "tests")
    assert found == {Claim("shows", ("c", "r/s", "w")): ("tests/clients/test_one.py", "tests/clients/test_two.py")}


@pytest.mark.parametrize(
    "said",
    ['client="c", route="r"', 'client="c", route="r", what=WHAT', 'client="c", route="r", what="w", more="m"'],
)
def test_mark_that_says_too_little_is_told_with_its_place(tmp_path: Path, said: str) -> None:
    """A word that is missing, not literal or unknown."""
    folder = tmp_path / "tests" / "clients"
    folder.mkdir(parents=True)
    (folder / "test_one.py").write_text(f"@pytest.mark.shows({said})\ndef test_it(): ...\n")
    with pytest.raises(ValueError, match=r"test_one\.py:1: "):
        source.claimed(tmp_path / "tests")


def test_empty_words_are_no_claim() -> None:
    """Nor is a word that is no text."""
    with pytest.raises(ValueError, match="every word is a text"):
        claim_of("proves", {"provider": "p", "feature": " ", "what": "w"})


def test_claim_holds_when_all_its_tests_passed() -> None:
    """One that failed takes it from the page, whichever came first."""
    good, bad = (
        {"mark": "proves", "words": ["p", "f", word], "release": "", "version": ""} for word in ("a", "b")
    )
    rows = [
        {**good, "file": "tests/router/test_x.py", "passed": True},
        {**bad, "file": "tests/router/test_x.py", "passed": False},
        {**bad, "file": "tests/router/test_y.py", "passed": True},
    ]
    expected = [Passed(Claim("proves", ("p", "f", "a")), "", ("tests/router/test_x.py",))]
    assert page.passed_of(rows) == expected


def test_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    """In an order of its own, so that the same run gives the same file."""
    one = Passed(Claim("shows", ("c", "GET /ü", "w|w")), "1.2", ("tests/clients/test_one.py",))
    two = Passed(Claim("proves", ("p", "f", "w")), "", ("tests/soak/test_two.py",))
    write([one, two], tmp_path / "record.json")
    assert read(tmp_path / "record.json") == [two, one]


def test_what_a_client_does_at_a_route_is_one_line() -> None:
    """With its version; what only `make soak` runs is told apart."""
    files = ("tests/clients/test_one.py",)
    shown = [Passed(Claim("shows", ("c", "GET /ü", what)), "1.2", files) for what in ("a|b", "c")]
    two = Passed(Claim("proves", ("p", "f", "w")), "", ("tests/soak/test_two.py",))
    held = Passed(Claim("checks", ("v", "c", "w")), "1.2", files)
    text = page.rendered([*shown, two, held])
    assert r"| c 1.2 | GET /ü | a\|b · c | [one](../tests/clients/test_one.py) |" in text
    assert "| v | c 1.2 | w | [one](../tests/clients/test_one.py) |" in text
    assert "| p | f | w | [two](../tests/soak/test_two.py) ◆ |" in text
