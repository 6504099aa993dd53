"""Figures, dates, money, units and addresses in words, in each of the languages that Chatterbox speaks."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_node.text.grammar import GRAMMARS, grammar_of
from tts_node.text.speakable import make_speakable

LANGUAGES = list(GRAMMARS)

# language | written | said
TABLE = """
en|It costs $3.50.|It costs three dollars fifty.
en|It costs $1.|It costs one dollar.
en|It costs £2 million or €1,250.|It costs two million pounds or one thousand two hundred fifty euros.
en|May 3, 2024 and 3 May|May third, twenty twenty-four and third May
en|Born on 2024-05-03.|Born on May third, twenty twenty-four.
en|not 12/31/1999|not December thirty-first, nineteen ninety-nine
en|at 3:05 pm, 3:00 or 14:30|at three oh five pm, three o'clock or fourteen thirty
en|in 1984, the 1980s, the 21st century|in nineteen eighty-four, the nineteen eighties, the twenty-first century
en|-5 °C, 20%, 12 km|minus five degrees Celsius, twenty percent, twelve kilometers
en|1 h, 3.14|one hour, three point one four
en|call 555-123-4567 now|call five five five, one two three, four five six seven now
en|agent 007|agent zero zero seven
en|GPT4 and MP3|GPT four and MP three
en|version 1.2.3|version one point two point three
en|10-20 and 10–20|ten to twenty and ten to twenty
en|1,234,567|one million two hundred thirty-four thousand five hundred sixty-seven
en|See https://www.example.com/shop/?q=1.|See example dot com slash shop.
en|Mail john.doe@example.org!|Mail john dot doe at example dot org!
en|$5M, #1, No. 5, .5|five million dollars, number one, number five, zero point five
en|Jan 5; Dec. 25; 1066|January fifth; December twenty-fifth; ten sixty-six
en|2 + 2 = 4, 3 - 2, 10:1|two plus two equals four, three - two, ten to one
en|12:30-13:00, 10:30pm|twelve thirty to thirteen, ten thirty pm
en|ISBN 978-3-16-1|ISBN nine seven eight, three, one six, one
en|F-16, COVID-19, 3.5-inch|F-sixteen, COVID-nineteen, three point five-inch
en|fish & chips|fish and chips
en|Chapter 3. The end.|Chapter three. The end.
de|Am 3. Mai 2024 um 14:30 Uhr|Am dritten Mai zweitausendvierundzwanzig um vierzehn Uhr dreißig
de|Der 3. Mann, die 2. Frau|Der dritte Mann, die zweite Frau
de|Es waren 3. Danach kam er.|Es waren drei. Danach kam er.
de|12.03.2024|zwölfter März zweitausendvierundzwanzig
de|3.014.567,89|drei Millionen vierzehntausendfünfhundertsiebenundsechzig Komma acht neun
de|3.14|drei Komma eins vier
de|1 km in 1 h für 3,50 €|ein Kilometer in eine Stunde für drei Euro fünfzig
de|3 Mio. €, § 5, die 90er|drei Millionen Euro, Paragraf fünf, die neunziger
fr|n° 5, 8h05|numéro cinq, huit heures cinq
fr|Le 1er mai à 14h30|Le premier mai à quatorze heures trente
fr|1 234,5 km et 20 %|mille deux cent trente-quatre virgule cinq kilomètres et vingt pour cent
es|El 3 de mayo de 2024, 21 km, 1.º|El tres de mayo de dos mil veinticuatro, veintiún kilómetros, primero
it|Il 1 maggio, 21 km|Il primo maggio, ventun chilometri
pt|Em 3 de maio, 2ª, 20%|Em três de maio, segunda, vinte por cento
nl|de 3e, 1984, 5 km|de derde, negentienvierentachtig, vijf kilometer
sv|den 3 maj, 3:e, 3,50 kr|den tredje maj, tredje, tre kronor femtio
da|3. sal, 20 %|tredje sal, tyve procent
no|3. gang, 5 km|tredje gang, fem kilometer
fi|3. kerros, 20 %|kolmas kerros, kaksikymmentä prosenttia
pl|5 km, 2 km, 3,50 zł|pięć kilometrów, dwa kilometry, trzy złote pięćdziesiąt
ru|3 мая 2024 г., 5 км, 2-й|третьего мая две тысячи двадцать четвертого года, пять километров, второй
el|3ος, 20%|τρίτος, είκοσι τοις εκατό
tr|%20, 3'üncü, 5 ₺|yüzde yirmi, üçüncü, beş lira
he|20%|עשרים אחוז
ar|٥ و 20%|خمسة و عشرون بالمائة
hi|३ और 12,34,567|तीन और बारह लाख चौंतीस हज़ार पाँच सौ सड़सठ
ja|2024年5月3日14:30、20%、GPT4|二千二十四年五月三日十四時三十分、二十パーセント、GPT四
zh|2024年5月3日14:30，20%，¥5，5km|二零二四年五月三日十四点三十分，百分之二十，五元，五公里
ko|1시간, 오후 3시, 5개, 5월|한 시간, 오후 세 시, 다섯 개, 오 월
ko|3번째, 20%, ₩5000|세 번째, 이십 퍼센트, 오천 원
ms|20%, 5 km|dua puluh peratus, lima kilometer
sw|20%, 5 km|asilimia ishirini, kilomita tano
"""


@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_written_and_said(row: str) -> None:
    """As a native reader would say it, or near enough to be understood."""
    language, written, said = row.split("|")
    assert said == make_speakable(written, language)


def test_every_language_of_the_model_has_rules() -> None:
    """The 23 of Chatterbox multilingual."""
    expected = "ar da de el en es fi fr he hi it ja ko ms nl no pl pt ru sv sw tr zh"
    assert expected == " ".join(sorted(GRAMMARS))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_figure_is_left(language: str) -> None:
    """Whatever the kind of number: the models have seen words, not figures."""
    numbers = "0 1 2 12 100 1984 2005 1000000 3.14 20% 5 km 14:30 2024-05-03 007"
    text = f"{numbers} 12345678901234567890 A4 1/2 +49 30 123456"
    assert not re.search(r"\d", make_speakable(text, language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_plain_text_stays(language: str) -> None:
    """What has no figure and no address is not touched."""
    text = "Nothing to do here… (really) [not a tag] — yes!"
    assert text == make_speakable(text, language)


@pytest.mark.parametrize(("tag", "language"), [("pt-BR", "pt"), ("nb", "no"), ("zh_CN", "zh"), (None, "en")])
def test_tags_find_their_language(tag: str | None, language: str) -> None:
    """Regions are ignored; no language means English."""
    grammar = grammar_of(tag)
    assert grammar is not None
    assert language == grammar.language


def test_a_language_without_rules_keeps_its_figures() -> None:
    """Better the engine's guess than another language's words."""
    assert "3. května, 20 %" == make_speakable("3. května, 20 %", "cs")


@settings(deadline=None, max_examples=200)
@given(
    text=st.text(max_size=200) | st.text("0123456789.,:-/%$€ kmh@aw", max_size=80),
    language=st.sampled_from(LANGUAGES),
)
def test_any_text_is_taken(text: str, language: str) -> None:
    """No text is a fault, the same text gives the same words, and no decimal digit survives."""
    said = make_speakable(text, language)
    assert said == make_speakable(text, language)
    assert not re.search(r"\d", said)


@pytest.mark.parametrize(
    "unit",
    [
        "1 ",
        "1",
        "1,",
        "1.",
        "-1",
        "+1 ",
        "$1 ",
        "1:",
        "(12) 3",
        "12/",
        "123,456,",
        " 12 km",
        "a.",
        "a@",
        "www.a",
        "http://",
    ],
)
def test_the_work_is_linear(unit: str) -> None:
    """Sixteen times the text takes about sixteen times the time, not two hundred times: no pattern explodes."""

    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        make_speakable(text, "en")
        started_s = time.process_time()
        make_speakable(text, "en")
        return time.process_time() - started_s

    assert seconds(65_536) < 64 * max(seconds(4096), 0.002)
