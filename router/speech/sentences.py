"""Where sentences end, in whatever language: the splitter, its language, and what it does not know. Pure.

sentencex knows some 300 languages by rules and lists of abbreviations, is written in Rust and gives back every
character. Two things are mended here: it takes quadratic time on a long line without ASCII, so it is given a
window at a time; and it does not know every abbreviation of our languages.
"""

import re
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import Final

import sentencex

_WINDOW: Final = 1500
_LOOKED_AT: Final = 2000  # letters that tell the script of a text
_SURROGATES: Final = re.compile("[\ud800-\udfff]")  # no UTF-8, so nothing that a library in Rust takes
_WHITE: Final = re.compile(r"\s")
_ROUGHLY: Final = re.compile(r"[^.!?。！？]+[.!?。！？]*\s*|[.!?。！？]+\s*")
_SUBTAG: Final = re.compile(r"[a-z]{2,3}(?![a-z0-9])")
_SCRIPTS: Final = (  # the first whose share of the letters is large enough
    ("ja", re.compile(r"[\u3040-\u30ff]"), 0.05),  # Japanese is mostly Han, Chinese has no kana
    ("zh", re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"), 0.25),
    ("ko", re.compile(r"[\uac00-\ud7af\u1100-\u11ff]"), 0.25),
    ("ar", re.compile(r"[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff]"), 0.4),
    ("he", re.compile(r"[\u0590-\u05ff]"), 0.4),
    ("el", re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]"), 0.4),
    ("hi", re.compile(r"[\u0900-\u097f]"), 0.4),
    ("ru", re.compile(r"[\u0400-\u04ff]"), 0.4),
    ("th", re.compile(r"[\u0e00-\u0e7f]"), 0.4),
)
# What sentencex ends a sentence at, wrongly. A title stands before a name; an entry in small letters is found in
# any case.
_ABBREVIATIONS: Final = {
    "de": "bspw evtl ggf inkl zzgl",
    "el": "π.χ κ.λπ δρ αρ",
    "es": "ud uds núm",
    "fr": "m mm mme mmes mlle mlles mgr dr pr",
    "he": "פרופ גב",
    "hi": "डॉ श्री प्रो पं कु",
    "it": "avv egr gent spett",
    "ms": "en pn tn cik dr dato prof",
    "nl": "dhr mevr bijv o.a d.w.z nr drs ir",
    "no": "kl nr ca dr bl.a f.eks",
    "pt": "av dr dra sr sra nº pág",
    "ru": "им тел",
    "sv": "kl t.ex bl.a d.v.s nr ca dr",
    "sw": "dkt bw bi prof mh",
    "tr": "örn sn dr prof av no vb",
}
_KNOWN: Final = {language: frozenset(words.split()) for language, words in _ABBREVIATIONS.items()}
_LAST_WORD: Final = re.compile(r"([^\s()\[\]\"“„«']{1,12})\.\s*$")
_AFTER: Final = re.compile(r"\s*[\"'“„«(\[]*(\w)")


def language_of(text: str, language: str | None) -> str:
    """The language to split by: the one given (BCP 47, in any case, region ignored), else by the text's script."""
    if language and (found := _SUBTAG.match(language.strip().lower().replace("_", "-"))):
        return {"nb": "no", "nn": "no", "iw": "he", "cmn": "zh", "yue": "zh"}.get(found[0], found[0])
    letters = [each for each in text[: 4 * _LOOKED_AT] if each.isalpha()][:_LOOKED_AT]
    seen = "".join(letters)
    for guess, script, share in _SCRIPTS:
        if len(script.findall(seen)) > share * len(seen):
            return guess
    return "en"


def sentences_of(line: str, language: str) -> Iterator[str]:
    """The sentences of a line, each with the spaces after it; joined, they are the line."""
    known = _KNOWN.get(language, frozenset())
    held: list[str] = []
    for part in _windowed(line, language):
        if held and not _is_abbreviated(held[-1], part, known):
            yield "".join(held)
            held = []
        held.append(part)
    if held:
        yield "".join(held)


def _windowed(line: str, language: str) -> Iterator[str]:
    begun: list[str] = []  # of a sentence that is longer than a window
    start = 0
    while start < len(line):
        window = line[start : start + _WINDOW]
        is_last = start + len(window) == len(line)
        parts = _split(window, language)
        if not is_last and len(parts) > 1 and len(parts[-1]) <= _WINDOW // 2:
            parts.pop()  # may go on: the next window begins with it
        taken = sum(map(len, parts))
        start += taken
        for number, part in enumerate(parts, 1):
            begun.append(part)
            if is_last or number < len(parts) or taken < len(window):  # else the window ended it, and nothing else
                yield "".join(begun)
                begun.clear()


def _split(window: str, language: str) -> list[str]:
    parts = _sentencex(language, _WHITE.sub(" ", _SURROGATES.sub("\ufffd", window)))
    if sum(map(len, parts)) != len(window):
        return [window]
    ends = list(accumulate(map(len, parts), initial=0))
    return [window[begin:end] for begin, end in pairwise(ends) if begin < end]


def _sentencex(language: str, text: str) -> list[str]:
    """Its parts; a rough cut where it panics, which is no Exception to Python. (1.0.32 does so at an initial
    before a no-break space, "J.\u00a0Doe"; it is shown plain spaces only.)
    """
    try:
        return list(sentencex.segment(language, text))
    except BaseException as exc:
        if type(exc).__name__ != "PanicException":
            raise
        return _ROUGHLY.findall(text)


def _is_abbreviated(before: str, after: str, known: frozenset[str]) -> bool:
    """Whether the point between was none that ends a sentence."""
    found = _LAST_WORD.search(before[-20:])
    if found is None or ".." in before[-4:]:
        return False
    following = _AFTER.match(after)
    return found[1].lower() in known or (following is not None and following[1].islower())
