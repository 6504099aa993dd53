"""Where a speaker could pause in a clause that is still being written: before a phrase. Pure.

A pause is heard least before a conjunction, a preposition or a verb of the language's few hundred commonest words,
and most within what belongs together ("because of", "my house", "Bank of England"). Languages that are not here
wait for their clause to end.
"""
# ruff: noqa: RUF001 - quotation marks of many scripts are meant

import re
from dataclasses import dataclass
from typing import Final

from router.speech.clauses import SHORT_ASIDE, asides_of

_WORD: Final = re.compile(r"\S+")
_CONTRACTED: Final = re.compile(r"['’](?:s|re|m|ll|ve|d)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Words:
    """`links` begin a phrase, and so do `verbs`, but not after a pronoun; `weak` ones begin one where nothing else
    does; nothing is parted from `clinging` ones before it.
    """

    links: frozenset[str]
    verbs: frozenset[str]
    weak: frozenset[str]
    pronouns: frozenset[str]
    clinging: frozenset[str]

    def begins(self, word: str, before: str) -> bool:
        """Whether a phrase begins between these two."""
        if before in self.links or before in self.verbs or before in self.weak or before in self.clinging:
            return False
        return word in self.links or word in self.weak or (word in self.verbs and before not in self.pronouns)

    def holds_on(self, word: str) -> bool:
        """Whether what follows it belongs to it."""
        return any(word in each for each in (self.links, self.verbs, self.weak, self.pronouns, self.clinging))

    def known(self, words: list[str]) -> int:
        """How many of these are the language's."""
        return sum(each in self.links or each in self.verbs or each in self.clinging for each in words)


def _words(*lists: str) -> _Words:
    links, verbs, weak, pronouns, clinging = (frozenset(each.split()) for each in lists)
    return _Words(links, verbs, weak, pronouns, clinging)


_LANGUAGES: Final = {
    "en": _words(
        """and or but because since although though while if when where which who that than as in on at by for from
        with without about into over under between through during after before until to using via the a an""",
        "is are was were will would can could should may might must has have had",
        "of",
        "i you he she it we they there this that these those what who which",
        """my your his her its our their this these those no not very more most too so such each every some any all
        both let be been only also just quite really how why let's one two three four five six seven eight nine ten
        many few several other""",
    ),
    "de": _words(
        """und oder aber denn weil dass ob wenn als wie sowie damit obwohl während bevor nachdem in im an am auf
        aus bei beim mit nach von vom vor zu zum zur über unter durch für gegen ohne um zwischen seit bis wegen""",
        """ist sind war waren wird werden wurde wurden hat haben hatte kann können könnte muss müssen soll sollte
        darf""",
        "der die das den dem des ein eine einen einem einer eines",
        "ich du er sie es wir ihr man hier da dort das dies wer was wo wie",
        """mein meine dein deine deinen deiner sein seine unser ihre ihren dieser diese dieses diesen diesem kein
        keine nicht sehr so mehr noch ganz""",
    ),
    "fr": _words(
        """et ou mais car donc que qui dont où si quand comme lorsque puisque afin pour par avec sans sous sur dans
        en entre chez vers depuis pendant avant après contre à au aux""",
        "est sont était étaient sera a ont avait peut peuvent doit doivent",
        "de du des le la les un une",
        "je tu il elle on nous vous ils elles ce cela qui y",
        """mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs ce cet cette ces ne n'est pas très plus
        tout c'est""",
    ),
    "es": _words(
        """y e o u pero porque que si cuando donde como aunque mientras para por con sin sobre en entre desde hasta
        hacia según a al""",
        "es son está están era fue ha han había puede pueden debe",
        "de del el la los las un una unos unas",
        "yo tú él ella usted nosotros ellos ellas se me te le lo nos esto eso",
        "mi mis tu tus su sus nuestro nuestra este esta estos estas ese esa no muy más tan qué",
    ),
    "it": _words(
        """e ed o ma perché che se quando dove come mentre per con senza su sul sulla in nel nella tra fra da dal
        dalla a al alla""",
        "è sono era erano ha hanno può possono deve devono",
        "di del della dei delle il lo la i gli le un uno una",
        "io tu lui lei noi voi loro si mi ti ci vi questo",
        "mio mia tuo tua suo sua nostro questo questa questi queste non molto più così",
    ),
    "nl": _words(
        """en of maar want omdat dat als wanneer terwijl hoewel zodat voordat nadat in op aan bij met naar van voor
        uit over onder door tegen zonder om tussen sinds tot te""",
        "is zijn was waren wordt worden werd heeft hebben had kan kunnen moet moeten zou",
        "de het een",
        "ik jij je hij zij ze het we wij jullie u er hier daar dit dat wat wie",
        "mijn jouw uw zijn haar ons onze hun deze die dit geen niet heel zeer meer zo",
    ),
    "pt": _words(
        """e ou mas porque que se quando onde como embora enquanto para por com sem sobre em no na nos nas entre
        desde até a ao à pelo pela""",
        "é são está estão era foi há tem têm pode podem deve",
        "de do da dos das o os as um uma",
        "eu tu ele ela você nós eles elas se me te lhe isso isto",
        "meu minha seu sua nosso nossa este esta esse essa não muito mais tão",
    ),
}
_NAME_PARTS: Final = frozenset(re.findall(r"\w+", "of the and de la le du del da do dos di van von y e et"))


def phrase_starts(text: str, language: str | None) -> list[tuple[int, bool]]:
    """Where phrases begin in the whole words of `text`, and whether that is a good place. `language` as two
    letters; None: whichever knows most of the words.
    """
    found, plain, words = _read(text, language)
    if words is None:
        return []
    starts = [
        (found[number].start(), plain[number] not in words.weak)
        for number in range(1, len(found))
        if words.begins(plain[number], plain[number - 1]) and _is_apart(found, number)
    ]
    asides = _asides_in(text)
    return [(at, is_good) for at, is_good in starts if not any(begin < at < end for begin, end in asides)]


def loose_ends(text: str, language: str | None) -> list[int]:
    """Where else a speaker in haste could pause: behind a word that holds on to nothing. `language` as above."""
    found, plain, words = _read(text, language)
    if words is None:
        return []
    asides = _asides_in(text)
    ends = [
        found[number].start()
        for number in range(1, len(found))
        if not words.holds_on(plain[number - 1]) and _is_apart(found, number)
    ]
    return [at for at in ends if not any(begin < at < end for begin, end in asides)]


def _read(text: str, language: str | None) -> "tuple[list[re.Match[str]], list[str], _Words | None]":
    found = list(_WORD.finditer(text))
    plain = [each[0].lower().strip("*_\"“”‘’'()[]") for each in found]
    return found, plain, _words_of(plain, language)


def _asides_in(text: str) -> list[tuple[int, int]]:
    closed, opened = asides_of(text)
    return [*closed, *((at, len(text)) for at in opened if len(text) - at <= SHORT_ASIDE)]


def _words_of(words: list[str], language: str | None) -> _Words | None:
    if language is not None:
        return _LANGUAGES.get(language)
    ranked = sorted(((each.known(words), -at, each) for at, each in enumerate(_LANGUAGES.values())), reverse=True)
    return ranked[0][2] if ranked[0][0] else None


def _is_apart(found: "list[re.Match[str]]", number: int) -> bool:
    """Whether the word before is no figure, contraction or abbreviation, nor alone, nor part of a name."""
    before, word = found[number - 1][0], found[number][0]
    if number > 1 and found[number - 2][0][-1] in ".!?,;:":
        return False  # one word of a clause is not enough
    if before[-1].isdigit() or before[-1] in '.([“„«"‘' or _CONTRACTED.search(before):
        return False
    if number > 1 and before[0].isupper() and word.lower() in _NAME_PARTS:
        return number + 1 < len(found) and not found[number + 1][0][0].isupper()
    return True
