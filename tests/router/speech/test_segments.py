"""Passages: nothing lost, nothing added, small ones first, cut where a speaker breathes."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from router.speech.clauses import is_within_character, width
from router.speech.cleaning import speakable
from router.speech.segments import FIRST_WIDTHS, HARD_WIDTH, expected_s, passages

LONG = "We walked for hours through the old town, because nobody knew the way; the rain had stopped by then, "


def bare(text: str) -> str:
    """Without any white space."""
    return "".join(text.split())


def texts(text: str, language: str | None = "en") -> list[str]:
    """The passages' texts."""
    return [passage.text for passage in passages(text, language)]


PIECES = st.text(st.characters(), max_size=40) | st.sampled_from(
    [
        "Hello there, my friend. ",
        "Yes. ",
        "\n\n",
        "\n",
        " ",
        "你好。今天天气很好，",
        "한국어 문장. ",
        "1,234.5 ",
        "J.\u00a0Doe ",
        "(a, b) ",
        "e\u0301\u0302" * 9,
        "👨‍👩‍👧🇩🇪",
        "क्ष",
        "\ud800",
        "“Quite so,” she said; ",
        "...",
        "—",
        "x" * 310,
        "word " * 70,
        LONG,
    ]
)


@settings(deadline=None, max_examples=250)
@given(
    text=st.lists(PIECES, max_size=30).map("".join),
    language=st.sampled_from([None, "en", "de-DE", "zh", "auto", "qq"]),
)
@example(text="A. B\u00a0J.\u00a0Doe", language="en")
@example(text="x" * 298 + "".join(["\n\n", "!" * 9]), language="en")
def test_nothing_is_lost_added_or_too_wide(text: str, language: str | None) -> None:
    """Joined, they are the text, white space aside; each fits and can be said; the last has no pause."""
    found = passages(text, language)
    assert bare(text) == "".join(bare(passage.text) for passage in found)
    assert all(passage.text == passage.text.strip() and 0 < width(passage.text) <= HARD_WIDTH for passage in found)
    assert found == passages(text, language)
    assert [0.0] == [passage.pause_s for passage in found[-1:]] or not found
    assert all(0 <= passage.pause_s <= 0.4 for passage in found)
    assert all(expected_s(passage.text, 1.0) > 0 for passage in found)


@settings(deadline=None, max_examples=100)
@given(text=st.text("aé你한. ,(“”)-\n1", max_size=280))
def test_each_passage_can_be_said(text: str) -> None:
    """It has a letter or a figure, if the text has."""
    found = texts(text, None)
    assert all(any(each.isalnum() for each in passage) for passage in found) or not any(map(str.isalnum, text))


@settings(deadline=None, max_examples=100)
@given(text=st.text("e\u0301\u0327한각क्ष\u094d👩\u200d🏽🇩🇪ก\u0e33", min_size=200, max_size=700))
def test_no_character_is_parted(text: str) -> None:
    """Not even in a word without end; characters of 300 signs are the exception, and not among these."""
    position = 0
    found = texts(text)
    for passage in found[:-1]:
        position += len(passage)
        assert not is_within_character(text, position)
    assert text == "".join(found)


def test_the_first_ones_are_small_and_grow() -> None:
    """A long sentence is cut at clauses: sound starts soon, and what is lost early on is little."""
    found = texts(LONG * 6 + "and that was it.")
    assert "We walked for hours through the old town," == found[0]
    assert all(width(part) <= most for part, most in zip(found, FIRST_WIDTHS, strict=False))
    assert width(found[5]) > 100
    assert all(
        now <= 1.5 * before for before, now in zip(FIRST_WIDTHS, (*FIRST_WIDTHS[1:], HARD_WIDTH), strict=True)
    )


def test_sentences_are_passages() -> None:
    """Later ones stay whole however short, and are not packed."""
    sentence = "The quick brown fox jumps over the lazy dog."
    assert [sentence] * 12 == texts(f"{sentence} " * 12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes. No. Well. I think it is going to rain.", ["Yes. No. Well. I think it is going to rain."]),
        ("We think it is going to rain today. Ok.", ["We think it is going to rain today. Ok."]),
        ("Sure!\n\nIt is going to rain all day.", ["Sure! It is going to rain all day."]),
        ("Milk\nEggs\nBread", ["Milk", "Eggs", "Bread"]),
        ("Overview\n\nIt is about rain.", ["Overview", "It is about rain."]),
        ("1. Open the box that came by mail.", ["1. Open the box that came by mail."]),
        ("Hello\n\n!!!\n\n“", ["Hello !!! “"]),
        ("!!!\n\nHello", ["!!! Hello"]),
    ],
)
def test_tiny_ones_join_their_neighbours(text: str, expected: list[str]) -> None:
    """Engines stumble over one word; a line without a mark means to stand alone."""
    assert expected == texts(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("This is quite a sentence here. And this one is another.", [0.2, 0.0]),
        ("This is quite a sentence here.\n\nAnd this is another.", [0.4, 0.0]),
        ("This is one line of them\nAnd this is another", [0.2, 0.0]),
        ("This clause of it is here, and another clause is right over there", [0.08, 0.0]),
        ("x" * 310, [0.0, 0.0]),
        ("word " * 70, [0.0, 0.0]),
    ],
)
def test_pauses_by_the_kind_of_boundary(text: str, expected: list[float]) -> None:
    """A paragraph 0.4 s, a sentence or line 0.2 s, a clause 0.08 s; between words none."""
    assert expected == [passage.pause_s for passage in passages(text, "en")]


@pytest.mark.parametrize(
    "text",
    [
        "The whole house did cost them exactly 1,234,567.89 dollars back then",
        "It began on the evening of Monday May 5, 2024 without a cloud in the sky",
        "They have brought all of the animals (cats, dogs, birds, and fish) with them",
        "Many of the old animals, e.g., elephants and the very large ones are here",
        "They met at the station at 12:30 and then they went on to the old town",
        "He said that the word “well, yes, of course, my dear” was quite enough then",
        "Look for it at https://example.org/a,b;c:d/and/so/on/and/so/on/and/on there",
    ],
)
def test_no_cut_in_numbers_abbreviations_and_asides(text: str) -> None:
    """Wider than the first should be, and yet whole: no place of these serves."""
    assert width(text) > FIRST_WIDTHS[0]
    found = texts(text)
    assert 1 == len(found) or found[0].endswith("animals,")


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("我们昨天在公园里走了很久很久，因为谁也不认识路，后来雨就停了。", "我们昨天在公园里走了很久很久，"),
        (
            "私たちは昨日公園をとても長い間歩きました、誰も道を知らなかったからです。",
            "私たちは昨日公園をとても長い間歩きました、",
        ),
        (
            "مشينا لساعات طويلة عبر المدينة القديمة، لأن لا أحد كان يعرف الطريق إلى البيت",
            "مشينا لساعات طويلة عبر المدينة القديمة،",
        ),
        ("We walked for hours through town — nobody knew the way back home", "We walked for hours through town"),
        ("We walked for hours through town—nobody knew the way back home", "We walked for hours through town—"),
    ],
)
def test_clauses_in_other_scripts(text: str, first: str) -> None:
    """Their commas and dashes serve as well."""
    assert first == texts(text, None)[0]


SENTENCES = {
    "ar": [
        "هذا هو البيت الكبير الذي رأيناه بالأمس.",
        "هل تعرف من يسكن هنا في هذه الأيام؟",
        "نعم، أعرفه منذ 3.5 سنوات تقريبا!",
    ],
    "da": ["Det koster f.eks. 3,50 kr. i butikken nede på hjørnet.", "Hvad siger hr. Hansen mon til det i dag?"],
    "de": [
        "Am 3. Oktober kam Dr. Müller z. B. um 5 Uhr an.",
        "Er sagte: „Hallo. Wie geht es?“",
        "Dann ging er wieder nach Hause …",
    ],
    "el": [
        "Ο κ. Παπάς ήρθε σήμερα το πρωί στο σπίτι.",
        "Τι κάνεις εσύ εδώ τέτοια ώρα;",
        "Όλα είναι καλά, π.χ. ο καιρός.",
    ],
    "en": [
        "Dr. Smith of the U.S. office came at 5 p.m. today, e.g. by train.",
        "It cost $3.50... or so they say!",
    ],
    "es": [
        "El Sr. Pérez y la Sra. Gómez viven en EE. UU. desde 1999.",
        "¿Dónde está la casa de usted?",
        "¡No lo sé, pero 3,5 km son muchos!",
    ],
    "fi": ["Se on esim. hyvä, ja noin 3. luokka tuli klo 5.30.", "Mitä sinä sanoit siitä eilen?"],
    "fr": [
        "Il a vu M. Dupont et Mme. Durand à Paris hier.",
        "« Bonjour ! » dit-il en entrant dans la pièce.",
        "Il coûte 3,50 € au marché.",
    ],
    "he": ["הבית הזה גדול מאוד ויפה מאוד.", "האם אתה יודע מי גר כאן היום?", "כן, המחיר הוא 3.5 שקלים בלבד."],
    "hi": ["यह घर बहुत बड़ा है और डॉ. शर्मा यहाँ रहते हैं।", "क्या आप आज हमारे साथ आएँगे?", "हाँ, इस किताब की कीमत 3.5 रुपये है।"],
    "it": ["Il sig. Rossi e il dott. Bianchi sono arrivati alle 5.", "Quanto costa questa casa al mare?"],
    "ja": [
        "こんにちは、今日はとてもいい天気ですね。",
        "彼は「本当ですか？」と私に聞きました。",
        "この本の値段は3.5ドルでした！",
    ],
    "ko": [
        "안녕하세요, 오늘 날씨가 정말 좋습니다.",
        "거리는 대략 3.5 킬로미터쯤 됩니다.",
        "내일 우리 모두 같이 갈까요?",
    ],
    "ms": ["Selamat pagi, Dr. Ali dan Pn. Siti sudah datang ke sini.", "Apa khabar semua orang di rumah?"],
    "nl": ["Dhr. Jansen kwam o.a. om 5 uur met de trein.", "Hoeveel kost 3,5 kilo appels hier?"],
    "no": ["Han kom kl. 5 i dag sammen med Dr. Hansen.", "Hvordan går det med deg i dag?"],
    "pl": ["To jest np. dom, w którym mieszka dr Kowalski, ul. Długa 5.", "Ile kosztuje 3,5 kilograma jabłek?"],
    "pt": ["O Sr. Silva mora na Av. Paulista desde 1999.", "Quanto custa esta casa na praia?"],
    "ru": ["Он живёт на ул. Ленина, д. 5, и т. д. уже 3,5 года.", "Сколько стоит этот старый дом?"],
    "sv": ["Det är t.ex. bra att dr. Ek kom kl. 5 i dag.", "Hur mycket kostar det här huset?"],
    "sw": ["Dkt. Juma amekuja nyumbani leo asubuhi na mapema.", "Habari yako wewe leo mchana?"],
    "tr": ["Örn. Prof. Dr. Ali ve Sn. Veli bugün buraya geldi.", "Bu eski ev kaç lira ediyor acaba?"],
    "zh": ["你好，今天天气很好，我们去公园吧！", "这个东西的价格是3.5元左右。", "“真的是这样的吗？”"],
}


@pytest.mark.parametrize("language", SENTENCES)
def test_sentences_of_every_language_of_the_multilingual_engine(language: str) -> None:
    """With abbreviations, decimals, quotations and ellipses, after enough text that none is cut for its place."""
    glue = "" if language in ("ja", "zh") else " "
    sentences = SENTENCES[language]
    before = f"{sentences[-1]}\n\n" * len(FIRST_WIDTHS)
    for tag in (language, f"{language.upper()}-XX"):
        assert sentences == texts(before + glue.join(sentences), tag)[-len(sentences) :]
    assert {"da", "de", "es", "fi", "fr", "it", "ms", "nl", "no", "pl", "pt", "sv", "sw", "tr"} >= {language} or (
        sentences == texts(before + glue.join(sentences), None)[-len(sentences) :]
    )


def test_expected_seconds_of_speech() -> None:
    """About 15 Latin letters or 5 ideographs a second; figures are words; never nothing."""
    assert 3.0 == pytest.approx(expected_s("x" * 45, 1.0))
    assert 1.5 == pytest.approx(expected_s("x" * 45, 2.0))
    assert 2.0 == pytest.approx(expected_s("你" * 10, 1.0))
    assert expected_s("2024", 1.0) > expected_s("year", 1.0)
    assert 0 < expected_s("", 4.0) < 1


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "Hello there. ",
        "Hi. ",
        "a, ",
        "，",
        "你好。",
        '"',
        "“",
        "(",
        ". ",
        "\u0301",
        "🇩🇪",
        "한",
        "क्",
        "\n\na",
        "a\n!\n",
        "\u00a0",
        "。",
    ],
)
def test_time_grows_with_length_only(unit: str) -> None:
    """50,000 characters take well under a second; quadratic would be minutes."""
    began = time.process_time()
    passages((unit * 50_000)[:50_000], None)
    assert time.process_time() - began < 3


def test_an_answer_as_models_write_it() -> None:
    """From Markdown to what each provider is asked for."""
    text = "Sure! 😊\n\n## Steps\n\n1. Open the **box**.\n2. Read it, then wait 1.5 hours.\n\n```\nx\n```\nDone?"
    found = [(passage.text, passage.pause_s) for passage in passages(speakable(text), "en")]
    assert [
        ("Sure! Steps", 0.4),
        ("1. Open the box.", 0.2),
        ("2. Read it, then wait 1.5 hours.", 0.4),
        ("Done?", 0.0),
    ] == found
