"""Texts that nobody has asked for before: the router remembers what it has spoken."""

import itertools
from typing import Final

_SUBJECTS: Final = ("The lamp in the kitchen", "An old clock", "Our neighbour", "The washing machine", "A letter")
_DOINGS: Final = ("waits for", "remembers", "has found", "speaks of", "belongs to")
_OBJECTS: Final = ("the garden behind the house", "a quiet evening", "the road to the sea", "a box of keys")
LONG_SENTENCES: Final = 50  # six minutes or so


class Texts:
    """No sentence comes twice. `name` keeps those of two apart; a long text has so many `sentences`."""

    def __init__(self, name: str, sentences: int = LONG_SENTENCES) -> None:
        self._name = name
        self._sentences = sentences
        self._numbers = itertools.count(1)

    def sentence(self) -> str:
        """One that is a segment, and answered whole: it has no clause, and 200 characters at most."""
        number = next(self._numbers)
        subject, doing = _SUBJECTS[number % len(_SUBJECTS)], _DOINGS[number % 7 % len(_DOINGS)]
        end = f"{_OBJECTS[number % len(_OBJECTS)]} near house {self._name} {number}"
        return f"{subject} {doing} {end} and nobody in this street knows why."

    def long(self) -> str:
        """Many sentences, so many segments."""
        return " ".join(self.sentence() for _ in range(self._sentences))
