"""What is given out when the writer pauses, be it after every token: no half of anything, and nothing twice."""
# ruff: noqa: RUF001 - texts of many scripts

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from unfoldings import LANGUAGES, TEXTS, said, texts

from router.speech.live import Unfolding
from router.speech.live.settling import Settling

TOKEN = re.compile(r" ?\w+|\s+|[^\w\s]")


def settled(text: str, language: str | None = "en") -> list[str]:
    """The passages of a text whose writer pauses after each token."""
    unfolding = Unfolding(language)
    found = [each for token in TOKEN.findall(text) for each in (*unfolding.feed(token), *unfolding.settle())]
    return [passage.text for passage in [*found, *unfolding.close()]]


@pytest.mark.parametrize(
    "text",
    [
        "Visit us at example.com. The version is v2.0.1, i.e. the one of Fig. 3 and No. 5 on p. 12.",
        "The time is 10:30 a.m. and it is raining.",
        'The ratio is 3:1, or 2,5 to 1. He said "Stop." and left. Use foo.bar() in main.py. It is vs. St. John.',
        "In approx. 5 min. we will see Mt. Everest, founded ca. 1990 by Ph.D. students of Inc. Magazine et al.",
        "The file is called setup.py, and 192.168.0.1 is the address. It was 5 p.m. Eastern.",
        "You can find all of it in `setup`.py and in my_module.name as well.",
        "Please ask Mr. and Mrs. Brown and Dr. J. K. Rowling about it (e.g. today. Or not), etc. etc.",
        "She said to all of them: “Go home now. It is late.” and then left.",
        "Have a look at https://example.org/a.b and at std::vector now.",
        "She met with the U.S. senator Gov. Smith and also with Rep. Jones in Washington.",
    ],
)
def test_pauses_cut_in_nothing(text: str) -> None:
    """Addresses, names of files, abbreviations, figures, quotations: as if nobody had paused."""
    assert texts(text) == settled(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wir treffen uns d. h. z. B. mit Dr. Müller bzw. Frau St. Clair und usw. im Haus.", "de"),
        ("Nous avons vu M. Dupont et Mme. Durand, p. ex. hier à la maison.", "fr"),
        ("他说：“停。”然后他就走了，没有再回来。", "zh"),
    ],
)
def test_pauses_cut_in_nothing_in_other_languages(text: str, language: str) -> None:
    """Nor there; an ordinal and its month stay together too."""
    assert texts(text, language) == settled(text, language)


@pytest.mark.parametrize(
    ("line", "mark"),
    [
        ("The capital of France is Paris.", "."),
        ("Is that what you want?", "?"),
        ("Great question!", "!"),
        ("Well, if you ask me,", ","),
        ("Here are three ideas:", ":"),
        ("C'est vraiment très bien !", "!"),
        ("It is here (as they say).", "."),
        ("好的，我来帮你看一下。", "。"),
        ("那么我们开始吧，", "，"),
        ("नमस्ते आप कैसे हैं।", "।"),
        *(
            (line, None)
            for line in (
                "",
                "Sure.",
                "Sure!",
                "Well.",
                "I like Node.",
                "I really like using Node.",
                "She is the author J.",
                "It took them all of approx.",
                "We need apples, pears etc.",
                "That was in the year 2024.",
                "All of this is in my_file.",
                "Please read all of http:",
                "All of it is in main.",
                'He said to me "Stop it now.',
                'He said to me "Stop it now."',
                "He said to me 'Stop it now.",
                "It is here (as they say.",
                "I think that it is e.g.",
                "You should have a look at myFile.",
                "She did it — and it is :",
                "no mark here",
            )
        ),
    ],
)
def test_what_may_have_ended(line: str, mark: str | None) -> None:
    """A sentence of a few words, a clause of some; not what a name, a figure or a quotation could go on from."""
    assert mark == Settling().pause_after(line, "en")


def test_a_sentence_may_have_begun_in_an_earlier_passage() -> None:
    """So its words count, and a quotation that was opened there is open; a paragraph's end ends it."""
    settling = Settling()
    assert settling.pause_after("is Canberra.", "en") is None
    settling.give("The capital of Australia", is_end=False)
    assert settling.pause_after("is Canberra.", "en") == "."
    settling.give("is Canberra.", is_end=True)
    assert settling.pause_after("is Canberra.", "en") is None
    settling.give("He told them: “Listen,", is_end=False)
    assert settling.pause_after("I have had enough of it.", "en") is None
    settling.end_paragraph()
    assert settling.pause_after("I have had enough of it.", "en") == "."


def test_marks_behind_a_cut_are_left_out() -> None:
    """Nobody can say them; but those that begin something stay."""
    unfolding = Unfolding("en")
    assert [] == unfolding.feed("Is that what you want?")
    assert ["Is that what you want?"] == [passage.text for passage in unfolding.settle()]
    assert [] == unfolding.feed("!") + unfolding.settle()
    assert ['"Yes it is."'] == [passage.text for passage in (*unfolding.feed(' "Yes it is."'), *unfolding.close())]


@settings(deadline=None, max_examples=200)
@given(text=TEXTS, language=LANGUAGES)
@example(text="?! ; \n===\n \t 1.   ~~~ |; \n===\n é _` 1.  … العربية،  -  ﷺ<!--1. ", language=None)
@example(text="Sure... Let me see. It is on example.com, in setup.py.", language="en")
def test_a_pause_after_each_character(text: str, language: str | None) -> None:
    """Each letter and figure is said once, in order, as if nobody had paused."""
    unfolding = Unfolding(language)
    found = [each for char in text for each in (*unfolding.feed(char), *unfolding.settle())]
    found += unfolding.close()
    assert said("".join(texts(text, language))) == said("".join(passage.text for passage in found))


@settings(deadline=None, max_examples=100)
@given(text=TEXTS, data=st.data())
def test_a_pause_after_any_piece(text: str, data: st.DataObject) -> None:
    """In pieces of any length too."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=20)))
    unfolding = Unfolding(None)
    found = [
        each
        for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)
        for each in (*unfolding.feed(text[begin:end]), *unfolding.settle())
    ]
    found += unfolding.close()
    assert said("".join(texts(text, None))) == said("".join(passage.text for passage in found))


@pytest.mark.parametrize(
    "unit", ["你好世界，今天天气很好。", "The house is quiet, and the lamps are lit. ", "Yes. "]
)
def test_pauses_keep_time_growing_with_length(unit: str) -> None:
    """10,000 characters with a pause after each: what is given out is forgotten as ever."""
    began = time.process_time()
    unfolding = Unfolding(None)
    for each in (unit * 10_000)[:10_000]:
        unfolding.feed(each)
        unfolding.settle()
    assert time.process_time() - began < 8
