"""What is spoken of a client's text: no Markdown, no emoji, no code, and everything else."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.speech.cleaning import speakable


@pytest.mark.parametrize(
    "text",
    [
        "2 * 3 * 4 = 24",
        "2*3*4 = 24, x**2 + y**2, a*b and c*d",
        "call snake_case_name and _private",
        "1. First",
        "2024. It was a good year.",
        "a < b > c, x<y",
        "<thinking>List<String> and <name></thinking>",
        "[laugh] Oh, [clear throat] you.",
        "[Alice]: Hello!",
        "me@example.org, https://a.example/_foo_/*x*?y=1#z",
        "#hashtag, #5, C#, AT&T, 50% & more",
        "€5, $3.50, 5°, ½, ± 3, © ® ™, A → B",
        "1\u202f234,5 km",
        "می\u200cخواهم, क्\u200dष",
        "She said: “No… really?” — ‘yes’",
        "今天是3.5度，很好。",
    ],
)
def test_text_that_only_looks_like_markup_stays(text: str) -> None:
    """Unchanged, every sign of it."""
    assert text == speakable(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# 5 things\nto know", "5 things\n\nto know"),
        ("Title\n---\nText\n\n***\n\nMore", "Title\n\nText\n\nMore"),
        ("**Bold** and *it* and ***both*** and __u__ and ~~gone~~", "Bold and it and both and u and gone"),
        ("这是**重点**内容", "这是重点内容"),
        ("- a\n- b\n  - **c** d\n\nend", "a\nb\nc d\n\nend"),
        ("1. Eggs\n2. Milk\n\n3) x", "1. Eggs\n2. Milk\n\n3) x"),
        ("- [ ] todo\n- [x] done", "todo\ndone"),
        ("1. 2. 3. go", "1. 2. 3. go"),
        ("    an indented line\n\tand a tab", "an indented line and a tab"),
        ("> quoted\n> text\n\nmine", "quoted text\n\nmine"),
        ("| a | b |\n|---|---|\n| 1 | **2** |\n| 3 | 4 | 5 |\n\nend", "a, b\n1, 2\n3, 4, 5\n\nend"),
        ("[text](http://u.v) ![the *alt*](p.png) [![b](c)](d)", "text the alt b"),
        ("[a][1] and [b]\n\n[1]: https://x.example\n[b]: /path 'title'", "a and b"),
        ("<https://a.example/c> <me_you_x@a.example>", "https://a.example/c me_you_x@a.example"),
        ("**https://a.example/**", "https://a.example/"),
        ("A note[^1].\n\n[^1]: The note.", "A note.\n\nThe note."),
        ("Run `make test` or ``a`b``.", "Run make test or ab."),
        ("x\n```python\nprint(1)\n```\ny\n~~~\nz\n~~~", "x\n\ny"),
        ("<b>bold</b> a<br>b <span class='x'>c</span><!-- no -->", "bold a\nb c"),
        ("&lt;a&gt; &amp; &copy; &#128077;", "<a> & ©"),
        ("hard  \nbreak\\\nhere", "hard\nbreak\nhere"),
        ("2 \\* 3, \\#1 and \\[x\\]", "2 * 3, #1 and [x]"),
        ("Verse one\nVerse two", "Verse one\nVerse two"),
        ("a line\nthat was wrapped", "a line that was wrapped"),
        ("Contents ......... 5", "Contents ... 5"),
    ],
)
def test_markup_goes_and_its_text_stays(text: str, expected: str) -> None:
    """What each construct of Markdown leaves to be said."""
    assert expected == speakable(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x\n```python\nprint(1)", "x"),
        ("x\n```\nx = 1\n``` This is text.\nMore", "x\n\nThis is text.\nMore"),
        ("```py\nprint(1)\n\nThat prints one thing.\n\n- ok", "That prints one thing.\n\nok"),
        ("Here: ```python\nprint(1)\n```\nAnd text", "Here:\n\nAnd text"),
        ("**bold that broke off", "bold that broke off"),
        ("He *said and `ran and [went](http", "He said and ran and [went](http"),
        ("closed only** here", "closed only here"),
    ],
)
def test_what_broke_off_loses_no_text(text: str, expected: str) -> None:
    """A model's answer may end anywhere."""
    assert expected == speakable(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nice 👍. Go 👩‍💻👍🏽 on ☺️!", "Nice. Go on!"),
        ("Great👍job", "Great job"),
        ("🇩🇪 flag, 🏴󠁧󠁢󠁥󠁮󠁧󠁿 tags, \U0001fae8 next year's", "flag, tags, next year's"),
        ("1️⃣ First #️⃣ and 2 #3", "First and 2 #3"),
        ("✅ done ❌ not ★ ● ☎", "done not"),
        ("A ↔ B but A ↔️ B", "A ↔ B but A B"),
        ("葛\U000e0100城 ok\ufe0f", "葛城 ok"),
        ("a\u200bb\u00adc\ufeffd\u202ee\x00\x1b\ud800\ufffd", "abcde"),
    ],
)
def test_pictures_go_whole(text: str, expected: str) -> None:
    """Sequences with all their parts; the words around stay apart."""
    assert expected == speakable(text)


@pytest.mark.parametrize(
    "text", ["", " \n", "👍", "***", "---", "```\nx = 1\n```", "...", "[]()", "![](x.png)", "> \n- "]
)
def test_nothing_to_say(text: str) -> None:
    """No letter and no figure is left: the answer is empty."""
    assert "" == speakable(text)


def test_an_answer_as_models_write_it() -> None:
    """Headings, lists, a table, code and emoji in one."""
    text = (
        "Sure! 😊 Here's **how**:\n\n## 1. Install 🚀\n\n```bash\npip install x\n```\n\n"
        "- **Linux**: use `apt`\n- *Mac*: see [the docs](https://x.example/a_b)\n\n"
        "| OS | OK |\n|:--|--:|\n| Linux | ✅ yes |\n\n> Note: it's 3 * 4 MB.\n\n---\nLet me know! 🎉"
    )
    expected = (
        "Sure! Here's how:\n\n1. Install\n\nLinux: use apt\nMac: see the docs\n\n"
        "OS, OK\nLinux, yes\n\nNote: it's 3 * 4 MB.\n\nLet me know!"
    )
    assert expected == speakable(text)


MARKS = st.sampled_from(["a", "B", "1", "22", "é", "你", " ", "  ", "\n", "\n\n", *"*_->#.+~|!()&;'=:\\\t\""])


@settings(deadline=None, max_examples=250)
@given(text=st.lists(MARKS, max_size=60).map("".join).filter(lambda text: "~~~" not in text and "&#" not in text))
def test_no_letter_and_no_figure_is_lost(text: str) -> None:
    """Whatever Markdown random marks amount to, without code and links all that can be said stays, in order."""
    assert [each for each in text if each.isalnum()] == [each for each in speakable(text) if each.isalnum()]


@settings(deadline=None, max_examples=200)
@given(
    text=st.text(st.characters(), max_size=200) | st.text("[]()!`~<>*_#-1.👍\u200d\ufe0f\ud800\n a", max_size=80)
)
def test_any_text_is_taken(text: str) -> None:
    """It never raises, always gives the same, nothing unwritable and no line of marks alone."""
    said = speakable(text)
    assert said == speakable(text)
    said.encode()
    assert all(not line or any(each.isalnum() for each in line) for line in said.split("\n"))


@pytest.mark.parametrize("start", ["- ", "> ", ">", "1. ", "* 1) > "])
@pytest.mark.parametrize("depth", [8, 50, 20_000])
def test_no_depth_is_too_deep(start: str, depth: int) -> None:
    """The parser would drop what is nested beyond its limit, or fail."""
    assert speakable(start * depth + "deep").endswith("deep")
    indented = "".join(f"{'  ' * level}- level{level}\n" for level in range(min(depth, 500)))
    assert [f"level{level}" for level in range(min(depth, 500))] == speakable(indented).replace("- ", "").split()


@pytest.mark.parametrize(
    "unit",
    [
        "[",
        "![",
        "*",
        "**a",
        "`",
        "`a``b",
        ">",
        "> ",
        "- ",
        "<",
        "<!--",
        "<b ",
        "&",
        "~~",
        "_a_",
        "|-\n",
        "a|b\n",
        "a\n",
        "[a](",
        "[a]:",
        "[^1]",
        "\\",
        "👍",
        "\u200d",
        "1️⃣",
        "```x\n``` y\n",
        "a|-\n-|-\n",
        "[[]",
        "![[a](b)](c)",
        "://",
    ],
)
def test_time_grows_with_length_only(unit: str) -> None:
    """50,000 characters of what is hard to parse take well under a second; quadratic would be minutes."""
    began = time.process_time()
    speakable((unit * 50_000)[:50_000])
    assert time.process_time() - began < 3
