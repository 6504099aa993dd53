"""URLs, host names and e-mail addresses as people say them: "example dot com slash shop". Pure."""

import re

from tts_node.text.grammar import Grammar

_TLDS = (
    "com|org|net|edu|gov|info|io|ai|dev|app|eu|de|at|ch|uk|us|fr|es|it|nl|pl|pt|ru|se|no|dk|fi|gr|jp|kr|cn|in|tr"
)
# Each starts where no address can have begun before, so that a scan stays linear.
_EMAIL = re.compile(r"(?<![\w.+\-])[\w.+\-]{1,64}@(?:[\w\-]{1,63}\.){1,8}[^\W\d_]{2,24}(?!\w)")
_URL = re.compile(r"(?<!\w)(?:https?|ftp)://[^\s<>\"“”]{1,2048}", re.IGNORECASE)
_HOST = re.compile(
    rf"(?<![\w@.\-])(?:www\.[a-z0-9\-]{{1,63}}\.[a-z]{{2,24}}|(?:[a-z0-9\-]{{1,63}}\.){{1,6}}(?:{_TLDS}))"
    r"(?![\w\-@]|\.\w)(?:/[^\s<>\"“”]{0,2048})?",
    re.IGNORECASE | re.ASCII,
)
_TRAILING = re.compile(r"[.,;:!?)\]}'’»」』。、，！？]{1,16}$")


def spell_addresses(grammar: Grammar, text: str) -> str:
    """Every address in the text; what follows a `?` or `#` in one is left out, nobody says it."""

    def spoken(match: "re.Match[str]") -> str:
        address = match[0]
        trailing = found[0] if (found := _TRAILING.search(address)) else ""
        return _spoken(grammar, address[: len(address) - len(trailing)]) + trailing

    for pattern in (_EMAIL, _URL, _HOST):
        text = pattern.sub(spoken, text)
    return text


def _spoken(grammar: Grammar, address: str) -> str:
    shown = re.sub(r"(?i)^(?:https?|ftp)://(?:www\.)?|^www\.", "", address)
    if "@" not in shown:
        shown = re.split(r"[?#]", shown, maxsplit=1)[0].rstrip("/")
    for sign, word in ((".", grammar.dot), ("@", grammar.at), ("/", grammar.slash)):
        shown = shown.replace(sign, f" {word} ")
    return re.sub(r"[\s_\-+=&~%:]+", " ", shown).strip()
