"""A text that is cut while it is written: the same passages however it comes, nothing lost, the first soon."""
# ruff: noqa: RUF001 - texts of many scripts

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from unfoldings import LANGUAGES, TEXTS, said, texts, unfolded

from router.domain import Passage
from router.speech.clauses import width
from router.speech.cleaning import speakable
from router.speech.live import Unfolding
from router.speech.segments import HARD_WIDTH

PROSE = "The capital of France is Paris, which lies on the Seine; it has **two million** people. Many work there. "


@pytest.mark.parametrize("tail", ["3.www.x.y <think>\n===\n:. ।", "一 二\n- a\n1. 好"])
def test_what_is_not_there_yet_makes_no_difference(tail: str) -> None:
    """How a block is shortened is decided by what is read of it, not by what came with it."""
    text = "word " * 21 + tail
    assert unfolded(text, None, size=1) == unfolded(text, None, size=len(text))


@settings(deadline=None, max_examples=200)
@given(text=TEXTS, language=LANGUAGES, data=st.data())
def test_the_passages_depend_on_the_text_alone(text: str, language: str | None, data: st.DataObject) -> None:
    """Character by character, whole, or in any pieces: the same texts and the same pauses."""
    expected = unfolded(text, language, size=max(1, len(text)))
    assert expected == unfolded(text, language, size=1)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    unfolding = Unfolding(language)
    found = [
        each
        for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)
        for each in unfolding.feed(text[begin:end])
    ]
    assert expected == found + unfolding.close()


@settings(deadline=None, max_examples=200)
@given(text=TEXTS, language=LANGUAGES, pauses=st.sets(st.integers(0, 300), max_size=6))
@example(text="Here it is:\n\n```py\nx\n\nThat prints one thing.\n\n- ok", language="en", pauses={4})
def test_nothing_is_lost_and_nothing_repeated(text: str, language: str | None, pauses: set[int]) -> None:
    """What `speakable` leaves of the whole is said once and in order, wherever the writer pauses; each can be said
    and fits.
    """
    unfolding = Unfolding(language)
    found: list[Passage] = []
    for at, each in enumerate(text):
        found += unfolding.feed(each)
        found += unfolding.settle() if at in pauses else []
    found += unfolding.close()
    assert said(speakable(text)) == said("".join(passage.text for passage in found))
    assert all(said(passage.text) and width(passage.text) <= HARD_WIDTH for passage in found)
    assert all(0 <= passage.pause_s <= 0.4 and passage.text == passage.text.strip() for passage in found)


@settings(deadline=None, max_examples=100)
@given(
    text=st.text(st.characters(), max_size=150) | st.text("[]()!`~<>*_#-1.|👍\u200d\ufe0f\ud800\n a", max_size=90)
)
def test_any_text_is_taken(text: str) -> None:
    """It never raises, and pieces make no difference."""
    assert unfolded(text, None, size=1) == unfolded(text, None, size=max(1, len(text)))


def test_an_answer_as_models_write_it() -> None:
    """Marks, code and addresses away; lines and paragraphs with their pauses."""
    text = (
        "Sure! 😊 Here's **how it works. It's easy**:\n\n## 1. Install 🚀\n\n```bash\npip install x\n```\n\n"
        "- **Linux**: use `apt.get`\n- *Mac*: see [the docs](https://x.example/a_b)\n\n"
        "| OS | OK |\n|:--|--:|\n| Linux | ✅ yes |\n\nDr. Smith paid 1,234.5 dollars at 12:30, e.g. for tea. Bye!"
    )
    assert [
        ("Sure! Here's how it works.", 0.2),
        ("It's easy: 1. Install", 0.4),
        ("Linux: use apt.get", 0.2),
        ("Mac: see the docs", 0.4),
        ("OS, OK", 0.2),
        ("Linux, yes", 0.4),
        ("Dr. Smith paid 1,234.5 dollars at 12:30, e.g. for tea. Bye!", 0.0),
    ] == [(passage.text, passage.pause_s) for passage in unfolded(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>\nHm. Let me <b>think</b>.\n</think>\n\nIt is Paris.", ["It is Paris."]),
        (" \n<THINKING>a</THINKING>Yes, of course it is.", ["Yes, of course it is."]),
        ("<think>\n\n</think>\n\nHello, my old friend.", ["Hello, my old friend."]),
        ("<think>a thought without end. Really.", []),
        ("<thi", ["<thi"]),
        ("<thinker> is a word", ["<thinker> is a word"]),
        ("No <think>ing</think> here", ["No <think>ing</think> here"]),
    ],
)
def test_thoughts_are_not_spoken(text: str, expected: list[str]) -> None:
    """At the beginning; elsewhere a tag is what somebody wrote, as for `speakable`."""
    assert expected == texts(text)


@pytest.mark.parametrize(
    ("text", "begun"),
    [
        ("Sure, let me see. I", ["Sure, let me see."]),
        ("The capital of France is the ", ["The capital of France"]),
        ("The capital of France is the c", ["The capital of France"]),
        ("Here is the code:\n\n```py\nx = 1. Y\n", ["Here is the code:"]),
        ("We met at a house in Dr. S", ["We met at a house"]),
        ("The number of it is 3.1", []),
        ("Please do see [the docs. They](https://a.b/c. D", []),
        ("Please run `a. B", []),
        ("Here you are then\n\n", ["Here you are then"]),
        ("他说今天天气很好。我", ["他说今天天气很好。"]),
    ],
)
def test_a_passage_comes_as_soon_as_it_is_certain(text: str, begun: list[str]) -> None:
    """With the next letter, mostly; not while it may turn out to be something else."""
    unfolding = Unfolding("en" if text.isascii() else None)
    assert begun == [passage.text for each in text for passage in unfolding.feed(each)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sure, let me see.", ["Sure, let me see."]),
        ("Sure!", []),
        ("Well, if you ask me,", ["Well, if you ask me,"]),
        ("好的，我来帮你看一下。", ["好的，我来帮你看一下。"]),
        ("It was in 2024. ", []),
        *(
            (text, [])
            for text in ["Let me se", "It costs 3.", "I saw Dr.", "See e.g.", "See https://a.example.", "1."]
        ),
        *((text, []) for text in ["Run `a.", "See [it.", "```\nx.", "Yes,", "<think>Hm.", "| a. |", ""]),
    ],
)
def test_a_pause_of_the_writer(text: str, expected: list[str]) -> None:
    """What ends with a mark is given out; never half a word, a number, an abbreviation, a link or code."""
    unfolding = Unfolding("en" if text.isascii() else "zh")
    assert [] == unfolding.feed(text)
    assert expected == [passage.text for passage in unfolding.settle()]
    assert [] == unfolding.settle()
    assert said(text if expected else speakable(text).removeprefix("<think>Hm")) == said(
        "".join([*expected, *(passage.text for passage in unfolding.close())])
    )


def test_closed_is_closed() -> None:
    """Nothing can be added any more."""
    unfolding = Unfolding()
    unfolding.feed("Hello")
    assert [Passage("Hello")] == unfolding.close()
    assert [] == unfolding.close() + unfolding.settle()
    with pytest.raises(RuntimeError):
        unfolding.feed("x")


@pytest.mark.parametrize(
    "unit",
    [
        PROSE,
        "a",
        "Hi. ",
        "a, ",
        "你好，",
        "[",
        "*",
        "**a",
        "`a``b",
        "<b ",
        "<!--",
        "|a",
        "a|b\n",
        "|-\n",
        "- ",
        "1. ",
        "\n",
        *(" ", "```x\n", "```x\n``` y\n", "👍", "[a](", "[a]:", '"', ". ", "] ", "<think>", "\r", "\u00a0"),
    ],
)
def test_time_grows_with_length_only(unit: str) -> None:
    """10,000 characters, one by one, of what is hard to read take about a second; quadratic would be minutes."""
    began = time.process_time()
    unfolded((unit * 10_000)[:10_000], None)
    assert time.process_time() - began < 8


def test_a_long_paragraph() -> None:
    """What is read again is the open end of it, not all."""
    began = time.process_time()
    found = unfolded((PROSE * 1000)[:100_000], None)
    assert time.process_time() - began < 15
    assert len(found) > 900
