"""The few words and rules of each language that CLDR does not tell. Values only.

Numbers themselves come from CLDR's rule-based formats (unicode-rbnf), names of currencies, units and months
from CLDR too (Babel): see docs/adr on speakable text.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)  # one of each: compared and cached by identity
class Grammar:
    """How one language says what is written with signs."""

    language: str
    point: str  # in 3.14
    minus: str
    dot: str  # in example.com
    at: str
    slash: str
    to: str  # in 10-20
    ampersand: str
    plus: str
    equals: str
    is_spaced: bool = True  # whether words are written apart
    percent: str | None = None  # where CLDR has only the sign
    year: str | None = None  # the rule set of years, where they are read in pairs
    day: str = ""  # the rule set of days in dates; none: a cardinal
    first: str = ""  # … of the first of a month only
    suffixes: Mapping[str, str] = field(default_factory=dict)  # an ordinal's ending: its rule set
    counting: str = ""  # the rule set before a noun, where it differs from counting
    feminine_units: tuple[str, ...] = ()


_WORDS = """
ar|فاصل|ناقص|نقطة|آت|شرطة مائلة|إلى|و|زائد|يساوي
da|komma|minus|punktum|snabel-a|skråstreg|til|og|plus|er lig med
de|Komma|minus|Punkt|ät|Schrägstrich|bis|und|plus|gleich
el|κόμμα|μείον|τελεία|παπάκι|κάθετος|έως|και|συν|ίσον
en|point|minus|dot|at|slash|to|and|plus|equals
es|coma|menos|punto|arroba|barra|a|y|más|es igual a
fi|pilkku|miinus|piste|ät|kauttaviiva|viiva|ja|plus|on
fr|virgule|moins|point|arobase|slash|à|et|plus|égale
he|נקודה|מינוס|נקודה|שטרודל|לוכסן|עד|ו|ועוד|שווה
hi|दशमलव|माइनस|डॉट|ऐट|स्लैश|से|और|प्लस|बराबर
it|virgola|meno|punto|chiocciola|barra|a|e|più|uguale a
ja|点|マイナス|ドット|アットマーク|スラッシュ|から|アンド|プラス|イコール
ko|점|마이너스|점|골뱅이|슬래시|에서|앤드|더하기|는
ms|perpuluhan|negatif|titik|at|garis miring|hingga|dan|tambah|sama dengan
nl|komma|min|punt|apenstaartje|slash|tot|en|plus|is
no|komma|minus|punktum|krøllalfa|skråstrek|til|og|pluss|er lik
pl|przecinek|minus|kropka|małpa|ukośnik|do|i|plus|równa się
pt|vírgula|menos|ponto|arroba|barra|a|e|mais|é igual a
ru|запятая|минус|точка|собака|слэш|до|и|плюс|равно
sv|komma|minus|punkt|snabel-a|snedstreck|till|och|plus|är lika med
sw|nukta|hasi|nukta|at|mkwaju|hadi|na|jumlisha|sawa na
tr|virgül|eksi|nokta|et|eğik çizgi|ila|ve|artı|eşittir
zh|点|负|点|艾特|斜杠|到|和|加|等于
"""

_FR = "spellout-ordinal-masculine"
_ROMANCE = {"º": "spellout-ordinal-masculine", "ª": "spellout-ordinal-feminine"}
_TIMES = ("duration-hour", "duration-minute", "duration-second", "mass-tonne", "length-mile")
_MASCULINE = "spellout-cardinal-masculine"

_RULES: dict[str, dict[str, object]] = {
    "ar": {"percent": "{0} بالمائة"},
    "da": {
        "year": "spellout-numbering-year",
        "day": "spellout-ordinal-common",
        "counting": "spellout-cardinal-common",
    },
    "de": {
        "year": "spellout-numbering-year",
        "day": "spellout-ordinal-r",
        "counting": _MASCULINE,
        "feminine_units": _TIMES,
    },
    "el": {
        "day": "spellout-cardinal-feminine",
        "counting": "spellout-cardinal-neuter",
        "suffixes": {
            "ος": "spellout-ordinal-masculine",
            "η": "spellout-ordinal-feminine",
            "ο": "spellout-ordinal-neuter",
        },
        "feminine_units": ("duration-hour",),
    },
    "en": {
        "year": "spellout-numbering-year",
        "day": "spellout-ordinal",
        "suffixes": dict.fromkeys(("st", "nd", "rd", "th"), "spellout-ordinal"),
    },
    "es": {
        "counting": _MASCULINE,
        "suffixes": _ROMANCE,
        "feminine_units": ("duration-hour", "mass-tonne", "length-mile"),
    },
    "fi": {"day": "spellout-ordinal"},
    "fr": {
        "counting": _MASCULINE,
        "first": _FR,
        "suffixes": {
            "er": _FR,
            "re": "spellout-ordinal-feminine",
            "ère": "spellout-ordinal-feminine",
            "e": _FR,
            "ème": _FR,
            "nd": _FR,
            "nde": "spellout-ordinal-feminine",
        },
        "feminine_units": ("duration-hour", "duration-minute", "duration-second", "mass-tonne"),
    },
    "he": {"counting": _MASCULINE, "day": _MASCULINE},
    "hi": {
        "suffixes": dict.fromkeys(("ला", "रा", "था", "ठा", "वां", "वाँ"), "spellout-ordinal-masculine")
        | dict.fromkeys(("ली", "री", "थी", "ठी", "वीं"), "spellout-ordinal-feminine"),
    },
    "it": {
        "counting": _MASCULINE,
        "first": _FR,
        "suffixes": _ROMANCE,
        "feminine_units": ("duration-hour", "mass-tonne"),
    },
    "ja": {"is_spaced": False},
    "ko": {"percent": "{0} 퍼센트", "suffixes": {"번째": "spellout-ordinal-sinokorean-count"}},
    "nl": {
        "year": "spellout-numbering-year",
        "suffixes": dict.fromkeys(("e", "de", "ste"), "spellout-ordinal"),
    },
    "no": {
        "year": "spellout-numbering-year",
        "day": "spellout-ordinal-masculine",
        "counting": _MASCULINE,
    },
    "pl": {"counting": _MASCULINE, "feminine_units": _TIMES},
    "pt": {
        "counting": _MASCULINE,
        "first": _FR,
        "suffixes": _ROMANCE,
        "feminine_units": ("duration-hour", "mass-tonne", "length-mile"),
    },
    "ru": {
        "counting": _MASCULINE,
        "day": "spellout-ordinal-neuter-genitive",
        "suffixes": {
            "й": "spellout-ordinal-masculine",
            "я": "spellout-ordinal-feminine",
            "е": "spellout-ordinal-neuter",
            "го": "spellout-ordinal-masculine-genitive",
            "му": "spellout-ordinal-masculine-dative",
        },
        "feminine_units": _TIMES,
    },
    "sv": {
        "year": "spellout-numbering-year",
        "day": "spellout-ordinal-masculine",
        "counting": "spellout-cardinal-reale",
        "suffixes": dict.fromkeys((":a", ":e"), "spellout-ordinal-masculine"),
    },
    "sw": {"percent": "asilimia {0}"},
    "zh": {"is_spaced": False, "percent": "百分之{0}"},
}


def _grammar(row: str) -> Grammar:
    language, *words = row.split("|")
    return Grammar(language, *words, **_RULES.get(language, {}))  # type: ignore[arg-type]


GRAMMARS = {row.partition("|")[0]: _grammar(row) for row in _WORDS.strip().splitlines()}


def grammar_of(language: str | None) -> Grammar | None:
    """Of a tag such as `pt-BR`; None for a language whose figures are left as they are. No tag means English."""
    tag = (language or "en").lower().replace("_", "-").partition("-")[0]
    return GRAMMARS.get({"nb": "no", "nn": "no", "iw": "he"}.get(tag, tag))
