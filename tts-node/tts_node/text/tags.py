"""Sounds in brackets, such as `[laugh]`: performed by Chatterbox Turbo, spoken as words by every other engine.

Only the names that the Turbo checkpoint's tokenizer has (and their plural) are tags. Brackets with anything
else in them are the client's text and stay.
"""

import re

_SOUNDS = ("clear throat", "sigh", "shush", "cough", "groan", "sniff", "gasp", "chuckle", "laugh")
_STYLES = (
    "angry",
    "fear",
    "surprised",
    "whispering",
    "advertisement",
    "dramatic",
    "narration",
    "crying",
    "happy",
    "sarcastic",
)
_SHAPE = rf"\[(?:(?:{'|'.join(_SOUNDS)})(?:s|es)?|{'|'.join(_STYLES)})\]"
_TAG = re.compile(_SHAPE, re.IGNORECASE)
_TAG_AND_SPACE = re.compile(rf"[ \t]?{_SHAPE}", re.IGNORECASE)
_WORD = re.compile(rf"(?:{_SHAPE}|\S)+\s*|\s+", re.IGNORECASE)
_NAME = re.compile("|".join((*_SOUNDS, *_STYLES)))


def has_tag(text: str) -> bool:
    """Whether something in it is performed."""
    return _TAG.search(text) is not None


def spell_tags(text: str) -> str:
    """Every tag as the tokenizer knows it: `[Laughs]` is `[laugh]`."""
    return _TAG.sub(lambda match: f"[{_name(match[0])}]", text)


def _name(tag: str) -> str:
    found = _NAME.search(tag.lower())
    assert found
    return found[0]


def strip_tags(text: str) -> str:
    """Without them, and without the space that set them apart."""
    return _TAG_AND_SPACE.sub("", text)


def words_of(text: str) -> list[str]:
    """Split after spaces; a tag of two words is one."""
    return _WORD.findall(text)
