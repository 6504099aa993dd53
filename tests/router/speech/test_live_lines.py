"""Lists, verse and prose without gaps: what is said of them while they are written, and how much is ever held."""

import time

import pytest
from unfoldings import said, unfolded

from router.speech.cleaning import speakable
from router.speech.live import Unfolding

HABITS = ("早上七点起床然后喝一杯温水", "七点半开始做二十分钟的运动", "八点钟吃一顿营养均衡的早餐")
THAI = "สวัสดีครับวันนี้อากาศดีมากและผมอยากไปเที่ยวทะเลกับเพื่อนของผมที่มาจากกรุงเทพมหานคร"
FRUITS = ("apples", "bananas", "cherries", "dates", "figs", "grapes")


def first_at(text: str) -> tuple[int, str]:
    """How many characters it takes to the first passage, and that."""
    unfolding = Unfolding()
    for at, each in enumerate(text, 1):
        if found := unfolding.feed(each):
            return at, found[0].text
    raise AssertionError("nothing was said before the end")


@pytest.mark.parametrize(
    ("text", "first", "within"),
    [
        ("".join(f"- {each}\n" for each in HABITS * 4), HABITS[0], 20),
        ("".join(f"{at}. {each}\n" for at, each in enumerate(HABITS * 4, 1)), f"1. {HABITS[0]}", 24),
        ("床前明月光\n疑是地上霜\n举头望明月\n低头思故乡\n", "床前明月光", 12),
        ("".join(f"- {each}\n" for each in FRUITS), "apples", 12),
        ("".join(f"* {each}\n" for each in FRUITS), "apples", 12),
        ("> quoted\n> Words\n> Here\n> And there\n", "quoted", 20),
        ("# Title\nText that goes on here and there\n", "Title", 15),
        ("".join(f"Line{at}\n" for at in range(9)), "Line0", 12),
        ("".join(f"{at}\n" for at in range(9)), "0", 6),
        ("".join(f"{each}\n" for each in FRUITS * 20), " ".join(FRUITS * 20)[:20], 320),
        (" ".join([THAI] * 3), THAI, 120),
        (THAI * 9, THAI, 380),
        ("a|b\n" * 200, "a|b a|b", 320),
        ("[a\n" * 300, "[a", 320),
        ("- [x]\n" * 300, "[x]", 320),
    ],
)
def test_a_line_is_said_once_it_has_ended(text: str, first: str, within: int) -> None:
    """Without a gap in it: by the beginning of the next, or by the end of that; what has no end, by its width."""
    at, passage = first_at(text)
    assert (True, True) == (passage.startswith(first), at <= within)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Title\n===\nText.", ["Title", "Text."]),
        ("a|b\n-|-\n1|2\n\nEnd.", ["a, b", "1, 2", "End."]),
        ("a|b\n- c\n", ["a|b", "c"]),
        ("No | table\nNot at all", ["No | table", "Not at all"]),
        ("- [x]\n- [ ] two\n- [x] three", ["[x]", "two", "three"]),
        ("One\\\nTwo", ["One", "Two"]),
        ("1. ```py\n   x = 1\n   ```\n2. Done", ["1. 2. Done"]),
        ("3. ~~~ ## x\n~~~\nEnd", ["3."]),
        ("[1]: https://a.example/x\n[2]: https://b.example\nText [here][2].", ["Text here."]),
        ("[a]: x\n[b]: y", ["[a]: x", "[b]: y"]),
        ("1. one\n   more\n2. two", ["1. one more", "2. two"]),
    ],
)
def test_lines_are_read_as_of_the_whole(text: str, expected: list[str]) -> None:
    """What the next line makes of one is waited for: a heading, a table, code."""
    assert expected == [passage.text for passage in unfolded(text, "en")]


@pytest.mark.parametrize(
    "text",
    [
        "[1]: https://example.com/some/page\n" * 60,
        "- fruit\n" * 300,
        "1. one\n   more of it here\n" * 60,
        "床前明月光\n" * 200,
        "a|b\n-|-\n" + "word " * 600,
        "|a" * 900 + "\n" + "|-" * 900 + "\n" + "|c|d\n" * 20,
        "# Head\ntext of it, two words\n" * 40,
        "a\u00a0" * 600,
        "\\\n" * 400 + "end",
        "**bold\n" * 200,
        "> - a\n> - b\n" * 100,
        "See [this one](https://a.example/b) and `code.x` <b>too</b>, my friend " * 30,
    ],
)
def test_nothing_is_lost_in_long_blocks(text: str) -> None:
    """However often a block is shortened, each letter is said once."""
    assert said(speakable(text)) == said("".join(passage.text for passage in unfolded(text, None)))


@pytest.mark.parametrize(
    "unit",
    [
        *("a\n", "word\n", "1.\n", "[a]: x\n", "`a ", "_a_b_ ", "***a**b*c ", "a|b\n", "a\u00a0", "- x\n", "[a\n"),
        *("- [x]\n", "...\n", "🙂\n", "<b x ", "[a](b ", "> a\n", "# a\n", "。", "一二\n", '  "k": 1,\n', "\\\n"),
    ],
)
def test_time_grows_with_length(unit: str) -> None:
    """20,000 characters in pieces of 4 take well under a second; quadratic would be many."""
    began = time.process_time()
    unfolded((unit * 20_000)[:20_000], None, size=4)
    assert time.process_time() - began < 6


def test_a_fence_that_seems_to_end_often() -> None:
    """The parser is not asked for ever: it would read all of the code each time."""
    began = time.process_time()
    text = "- a\n  ```\n" + "x\n> ```\n" * 3000
    unfolded("````\n" + "```\n" * 10_000, None, size=1000)
    unfolded(text, None, size=1000)
    assert time.process_time() - began < 6
