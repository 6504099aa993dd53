"""Where the first passage of a reply ends: soon, and where a speaker could pause."""
# ruff: noqa: RUF001 - texts of many scripts

from statistics import median

import pytest

from router.speech.clauses import width
from router.speech.live import Unfolding
from router.speech.live.phrases import phrase_starts

# language, reply, its first two passages
REPLIES: tuple[tuple[str | None, str, str, str], ...] = (
    (
        "en",
        "Sure, let me see. The capital of France is Paris, and it has about 2.1 million inhabitants.",
        "Sure, let me see.",
        "The capital of France is Paris,",
    ),
    (
        "en",
        "Sure! Here's a quick overview of how photosynthesis works in plants:\n\n1. **Light** is needed.",
        "Sure! Here's a quick",
        "overview of how photosynthesis works",
    ),
    (
        "en",
        "Great question! The sky is blue because shorter wavelengths are scattered more than longer ones.",
        "Great question!",
        "The sky is blue",
    ),
    (
        "en",
        "The capital of Australia is Canberra. Many people think it's Sydney, but that's only the largest city.",
        "The capital of Australia",
        "is Canberra. Many people think it's Sydney,",
    ),
    (
        "en",
        "Photosynthesis is the process by which plants turn light into chemical energy that they can later use.",
        "Photosynthesis is the process",
        "by which plants turn light",
    ),
    (
        "en",
        "Yes, that's correct. Water boils at 100 °C at sea level, e.g. in a pot without a lid.",
        "Yes, that's correct.",
        "Water boils at 100 °C at sea level,",
    ),
    (
        "en",
        "I'm sorry, but I can't open files on your computer. You could paste the text here instead.",
        "I'm sorry, but I can't",
        "open files on your computer.",
    ),
    (
        "en",
        "To reverse a list in Python, you can use the `reverse()` method:\n\n```python\na.reverse()\n```\n\nDone.",
        "To reverse a list",
        "in Python, you can use",
    ),
    (
        "en",
        "## Quick summary\n\nThe report says that sales went up by 3.5% in May, while costs stayed flat.",
        "Quick summary",
        "The report says",
    ),
    (
        "en",
        "Here are three ideas for dinner tonight:\n\n- **Pasta** with tomatoes\n- A green salad\n- Soup",
        "Here are three ideas",
        "for dinner tonight:",
    ),
    (
        "en",
        "It depends on what you want to do with it, but for most people the smaller model is good enough.",
        "It depends on what you want",
        "to do with it,",
    ),
    (
        "en",
        "Dr. Smith of the University of California found that sleep improves memory in older adults.",
        "Dr. Smith of the University of California",
        "found that sleep improves memory",
    ),
    (
        "en",
        "**Short answer:** no. The battery will not be damaged if you leave it plugged in overnight.",
        "Short answer: no.",
        "The battery will not be damaged",
    ),
    (
        "en",
        "You could try restarting the router first, since that fixes most of these problems right away.",
        "You could try",
        "restarting the router first,",
    ),
    (
        "en",
        "<think>\nThe time?\n</think>\n\nI don't have access to a clock, so I can't tell you the time.",
        "I don't have access",
        "to a clock, so I can't tell you",
    ),
    (
        "en",
        "“To be, or not to be” is the opening line of a speech by Prince Hamlet in Shakespeare's play.",
        "“To be, or not to be” is the opening",
        "line of a speech by Prince Hamlet",
    ),
    (
        "en",
        "1. Open the settings and choose Network.\n2. Pick your access point.\n3. Enter the password.",
        "1. Open the settings",
        "and choose Network.",
    ),
    (
        "en",
        "Okay. Let's go through it step by step, so that nothing gets lost on the way.",
        "Okay. Let's go",
        "through it step by step,",
    ),
    (
        "de",
        "Klar, das mache ich gern. Die Hauptstadt von Frankreich ist Paris, z. B. bekannt für den Eiffelturm.",
        "Klar, das mache",
        "ich gern. Die Hauptstadt von Frankreich",
    ),
    (
        "de",
        "Die Hauptstadt von Australien ist Canberra, auch wenn viele Leute an Sydney denken.",
        "Die Hauptstadt von Australien",
        "ist Canberra, auch wenn viele Leute",
    ),
    (
        "de",
        "Natürlich! Am 3. Oktober feiert Deutschland den Tag der Deutschen Einheit, einen gesetzlichen Feiertag.",
        "Natürlich! Am 3. Oktober feiert",
        "Deutschland den Tag der Deutschen Einheit,",
    ),
    (
        "de",
        "Um eine Datei zu löschen, klicken Sie mit der rechten Maustaste darauf und wählen Sie Löschen.",
        "Um eine Datei",
        "zu löschen, klicken Sie",
    ),
    (
        None,
        "Das hängt davon ab, was Sie damit vorhaben. Für die meisten Leute reicht das kleinere Modell.",
        "Das hängt davon ab,",
        "was Sie damit vorhaben.",
    ),
    (
        None,
        "Photosynthese ist der Vorgang, bei dem Pflanzen aus Licht chemische Energie gewinnen und speichern.",
        "Photosynthese ist der Vorgang,",
        "bei dem Pflanzen",
    ),
    (
        "fr",
        "Bien sûr, voici une recette simple pour quatre personnes qui demande peu de temps.",
        "Bien sûr, voici une recette",
        "simple pour quatre personnes",
    ),
    (
        "es",
        "La capital de Australia es Canberra, aunque mucha gente piensa que es Sídney.",
        "La capital de Australia",
        "es Canberra, aunque mucha gente piensa",
    ),
    (
        "it",
        "Certo, ti spiego volentieri come funziona la fotosintesi nelle piante verdi.",
        "Certo, ti spiego",
        "volentieri come funziona",
    ),
    (
        "nl",
        "De hoofdstad van Australië is Canberra, hoewel veel mensen aan Sydney denken.",
        "De hoofdstad van Australië",
        "is Canberra, hoewel veel mensen",
    ),
    (
        "pt",
        "Claro, vou explicar como funciona a fotossíntese de uma forma simples para você.",
        "Claro, vou explicar",
        "como funciona a fotossíntese",
    ),
    (
        None,
        "好的，我来帮你看一下。法国的首都是巴黎，人口大约有210万。",
        "好的，我来帮你看一下。",
        "法国的首都是巴黎，",
    ),
    (
        None,
        "もちろんです。フランスの首都はパリで、人口は約210万人です。",
        "もちろんです。",
        "フランスの首都はパリで、",
    ),
    (
        None,
        "بالطبع، عاصمة فرنسا هي باريس، ويبلغ عدد سكانها نحو 2.1 مليون نسمة.",
        "بالطبع، عاصمة فرنسا هي باريس،",
        "ويبلغ عدد سكانها نحو 2.1 مليون نسمة.",
    ),
)


def opening(reply: str, language: str | None) -> list[str]:
    """The passages' texts."""
    unfolding = Unfolding(language)
    return [passage.text for passage in [*unfolding.feed(reply), *unfolding.close()]]


@pytest.mark.parametrize(("language", "reply", "first", "second"), REPLIES)
def test_how_replies_open(language: str | None, reply: str, first: str, second: str) -> None:
    """The first two passages, of replies as assistants give them."""
    assert [first, second] == opening(reply, language)[:2]


def test_the_first_passage_is_short() -> None:
    """Under two seconds of speech for the most, never much more than three."""
    widths = [width(first) for _, _, first, _ in REPLIES]
    assert median(widths) <= 27
    assert all(10 <= each <= 50 for each in widths)


def test_widths_grow_with_what_there_is_to_hear() -> None:
    """A passage of a long sentence is at most twice as wide as all before it, so that it is there in time."""
    clause = "we walked for hours through the old town because nobody knew the way to the house, "
    widths = list(map(width, opening("Once upon a time " + clause * 8 + "and slept.", "en")))
    assert widths[0] <= 30
    assert all(now <= 2 * sum(widths[:at]) for at, now in enumerate(widths[:4]) if at)


@pytest.mark.parametrize(
    ("text", "language", "parts"),
    [
        ("The people of the town are in", "en", ["The people", "of the town", "are in"]),
        ("Here's the list you asked for", "en", ["Here's the list you asked", "for"]),
        ("The Bank of England is", "en", ["The Bank of England", "is"]),
        ("They paid 5 to the man", "en", ["They paid 5 to the man"]),
        ("A man (on the hill) is", "en", ["A man", "(on the hill)", "is"]),
        ("Die Katze liegt auf dem Sofa", None, ["Die Katze liegt", "auf dem Sofa"]),
        ("Kissa on talossa ja nukkuu", "fi", ["Kissa on talossa ja nukkuu"]),
    ],
)
def test_where_phrases_begin(text: str, language: str | None, parts: list[str]) -> None:
    """Before a word that opens one; not within a name, an aside, after a figure or a contraction."""
    starts = [at for at, _ in phrase_starts(text, language)]
    assert parts == [
        text[begin:end].strip() for begin, end in zip([0, *starts], [*starts, len(text)], strict=True)
    ]
