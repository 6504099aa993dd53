"""`[laugh]` and its like: Turbo performs them, the others would read them, or obey `[STOP]`. Pure."""

import re

_TAG = re.compile(r"\[[A-Za-z][A-Za-z _]{0,30}\]")


def without_tags(text: str) -> str:
    """The text that is read."""
    return _TAG.sub(" ", text)


def count_tags(text: str) -> int:
    """How many there are."""
    return len(_TAG.findall(text))
