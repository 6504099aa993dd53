"""Curl lines that people are told to type, taken apart as curl takes them."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Curl:
    """The request of one line. `files`: the form's fields that are files, by their path."""

    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    data: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


def command_lines(text: str) -> list[list[str]]:
    """Every `curl` line of a text, as a shell would split it."""
    return [shlex.split(line) for line in re.findall(r"^\s*(curl .+)$", text, re.MULTILINE)]


def request_of(command: Sequence[str]) -> Curl:
    """What a command sends, up to the pipe behind it. Fails at an option that it does not know."""
    found = Curl()
    words = iter(command[1:])
    for word in words:
        if word == "|":
            break
        if word == "-H":
            name, _, value = next(words).partition(":")
            found.headers[name] = value.strip()
        elif word == "-d":
            found.data = next(words)
        elif word == "-F":
            name, _, value = next(words).partition("=")
            (found.files if value.startswith("@") else found.fields)[name] = value.removeprefix("@")
        elif word == "-o":
            next(words)
        elif word.startswith("-"):
            assert set(word[1:]) <= set("fsSN"), word
        else:
            assert not found.url, f"two addresses: {found.url}, {word}"
            found.url = word
    return found
