"""The parts of the live cutting, each by itself: places, open marks, fences, ends."""
# ruff: noqa: RUF001 - marks of many scripts

import pytest

from router.speech.live.cutting import Cutting
from router.speech.live.ends import certain_clause_ends, sentence_ends
from router.speech.live.fences import LiveFence, fence_in
from router.speech.live.marks import Opened, definitions_end, is_bold, opened_in
from router.speech.live.places import Place, next_place
from router.speech.live.reading import Said


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", None),
        ("word", None),
        ("word ", None),
        ("word n", Place(4, 5, " n", is_line_end=False)),
        ("word (n", Place(4, 5, "", is_line_end=False)),
        ("5\u00a0km on", Place(4, 5, " o", is_line_end=False)),
        ("word  \nn", Place(6, 7, "", is_line_end=True)),
        ("\n", Place(0, 1, "", is_line_end=True)),
        ("你好，", None),
        ("你好，我", Place(3, 3, "我", is_line_end=False)),
        ("“你好。”我", Place(5, 5, "我", is_line_end=False)),
        ("a\\ b c", Place(4, 5, " c", is_line_end=False)),
        ("x" * 200, None),
        ("x" * 201, Place(200, 200, "", is_line_end=False)),
        ("x" * 199 + " y" + "z" * 99, Place(199, 200, " y", is_line_end=False)),
        ("a\u00a0" * 119, None),
        ("ก" * 31, Place(30, 30, "", is_line_end=False)),
        ("a\u00a0" * 120, Place(200, 200, "", is_line_end=False)),
    ],
)
def test_places(text: str, place: Place | None) -> None:
    """A gap, a mark, a line's end, with what is behind it; else after 200 characters."""
    assert place == next_place(text, 0)


@pytest.mark.parametrize(
    ("text", "opened_at"),
    [
        *((text, None) for text in ("plain", "a [link](b) c", "`x` y", "a < b", "x * y", "2*3", "a_b", "[a]")),
        *((text, None) for text in ("\\[a", "*it* is", "<b>x", "<!-- c --> d", "[a]: x y", "https://a/_b c")),
        *((text, None) for text in ("[a\n- b", "[a\n# b")),
        ("see [it", 4),
        ("see [it](ht", 4),
        ("run `a", 4),
        ("run ``a`b", 4),
        ("so *it", 3),
        ("so <b cl", 3),
        ("so <!-- c", 3),
        ("[a]: htt", 0),
        ("[a]: https://x", 0),
        ("> [a]:", 0),
    ],
)
def test_what_is_open(text: str, opened_at: int | None) -> None:
    """A mark that is not closed and could be; an item or a heading ends what was open."""
    assert (None if opened_at is None else Opened(opened_at, is_stale=False)) == opened_in(text)


@pytest.mark.parametrize(
    ("mark", "most"), [("[", 200), ("[a](", 1000), ("`", 300), ("<!--", 1000), ("*", 120), ("[a]: https://x", 600)]
)
def test_what_is_open_for_long_is_a_sign(mark: str, most: int) -> None:
    """After so many characters it hardly closes."""
    assert [Opened(0, is_stale=False), Opened(0, is_stale=True)] == [
        opened_in(mark + "x" * (length - len(mark))) for length in (most, most + 1)
    ]


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("[a]: https://x\n[b]: https://y\n", 15),
        ("[a]: https://x\n[b]: https://y\nText", 30),
        ("[a]: https://x\n'title'", 0),
        ("[a]: x\nText", 0),
        ("Text\n[a]: https://x\n", 0),
    ],
)
def test_whole_definitions(text: str, end: int) -> None:
    """Those behind which something else goes on: a title may follow the last."""
    assert end == definitions_end(text)


def test_emphasis_that_is_open() -> None:
    """Marks in pairs; what reads alike without them needs none."""
    assert [False, True, False, True] == [is_bold(each) for each in ("a", "**a", "**a** *b*", "__a ~~b~~")]


@pytest.mark.parametrize(
    ("line", "start"),
    [
        *(("```", 0), ("```python", 0), ("~~~ x", 0), ("- ```", 0), ("> ~~~", 0), ("1. ```py", 0)),
        *(("Here: ```python", 6), ("a ```b``` c", None), ("``", None), ("text", None), ("``` a`b", None)),
    ],
)
def test_where_a_fence_begins(line: str, start: int | None) -> None:
    """At the beginning of its line, or within, where the line ends with it."""
    assert start == fence_in(line)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("```\nx\n```\nrest", "rest"),
        ("```\nx\n``` \nrest", "rest"),
        ("~~~\nx\n```\n~~~\nrest", "rest"),
        ("````\nx\n```\n````\nrest", "rest"),
        ("> ```\n> x\n> ```\nrest", "rest"),
        ("```\nx\n```y\n", None),
        ("```\nx", None),
    ],
)
def test_where_a_fence_ends(text: str, rest: str | None) -> None:
    """At marks like its own, at least as many; what follows is handed back."""
    assert rest == LiveFence().feed(text)
    fence = LiveFence()
    found = [each for each in map(fence.feed, text.removesuffix("rest")) if each is not None]
    assert ([""] if rest is not None else []) == found


@pytest.mark.parametrize(
    ("seen", "language", "ends"),
    [
        ("Hello there. It is", "en", [13]),
        ("Hello there.", "en", []),
        ("", "en", []),
        ("I saw Dr. Smith", "en", []),
        ("It is 3. Then", "en", []),
        ("It was in 2024. Then it", "en", [16]),
        ("Am 3. Oktober ist", "de", []),
        ("你好。我", "zh", [3]),
    ],
)
def test_ends_of_sentences(seen: str, language: str, ends: list[int]) -> None:
    """Those that something follows; after a figure the next word must be whole."""
    assert ends == sentence_ends(seen, seen.rfind(" ") + 1, language)


@pytest.mark.parametrize(
    ("seen", "ends"),
    [
        ("Well, if you", [6]),
        ("It costs 1,234 or", []),
        ("See (a, b", []),
        ("See (a, b) now, or", [16]),
        ("สวัสดี ครับ ๆ มี", [7, 14]),
        ("ราคา 50 บาท", []),
    ],
)
def test_ends_of_clauses(seen: str, ends: list[int]) -> None:
    """None in a number, in what may be a short aside; in Thai, a space is one."""
    assert ends == certain_clause_ends(seen)


def test_a_long_line_is_cut_in_time_of_its_length() -> None:
    """Only its beginning is looked at, for each passage; nothing of it is lost."""
    line = "the house is quiet and the lamps are lit, " * 500
    cutting = Cutting("en")
    found = [passage.text for passage in (*cutting.take(Said(line)), *cutting.close([]))]
    assert line.split() == " ".join(found).split()
    assert all(len(each) <= 300 for each in found)
