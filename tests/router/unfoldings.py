"""Texts that are hard to cut while they are written, and what is made of them."""
# ruff: noqa: RUF001 - texts of many scripts

from hypothesis import strategies as st

from router.domain import Passage
from router.speech.live import Unfolding

PIECES = st.sampled_from(
    [
        *(
            "Hello there, my friend. ",
            "And then we went on. ",
            "Yes. ",
            "\n\n",
            "\n",
            " ",
            "\r\n",
            "\r",
            "\t",
            " — ",
        ),
        *(
            "你好。今天天气很好，",
            "もちろんです。",
            "مرحبا، كيف حالك؟ ",
            "Das ist gut. ",
            "Am 3. Oktober ",
            "z. B. ",
            "e.g. ",
        ),
        *(
            "Dr. Smith ",
            "1,234.5 ",
            "3.14",
            "12:30 ",
            "(a, b) ",
            "“Quite so,” she said; ",
            "...",
            "…",
            "**bold. ",
            "** ",
        ),
        *(
            "*it* ",
            "`code.x` ",
            "[link.a](https://a.b/c_d.e) ",
            "[laugh] ",
            "- item one\n",
            "1. first\n2. second\n",
        ),
        *(
            "# Head\n",
            "| a | b |\n|---|---|\n| 1 | 2 |\n",
            "```py\nx = 1.\n\ny\n```\n",
            "> quoted\n",
            "👩\u200d💻 ",
            "🇩🇪",
        ),
        *("https://example.org/a,b.c ", "\ud83d", "\ude00", "x" * 230, "word " * 70, "[1]: https://x.example/y\n"),
    ]
)
SIGNS = st.sampled_from([*"aB1é你 \n*_->#.+~|!();'=:\t\"，。`", "  ", "\n\n", "22", "[x", "](y)"])
TEXTS = st.lists(PIECES, max_size=25).map("".join) | st.lists(SIGNS, max_size=60).map("".join)
LANGUAGES = st.sampled_from([None, "en", "de-DE", "zh", "qq"])


def unfolded(text: str, language: str | None = "en", size: int = 1) -> list[Passage]:
    """All passages of a text that comes in pieces of this size."""
    unfolding = Unfolding(language)
    found = [each for at in range(0, len(text), size) for each in unfolding.feed(text[at : at + size])]
    return found + unfolding.close()


def texts(text: str, language: str | None = "en") -> list[str]:
    """The passages' texts."""
    return [passage.text for passage in unfolded(text, language)]


def said(text: str) -> str:
    """Its letters and figures."""
    return "".join(each for each in text if each.isalnum())
