"""Start a contender from its recipe, and let nobody be measured who does not answer as the upstream does."""

import contextlib
import http.client
import time
from collections.abc import Iterator
from typing import Final

from bench.contenders.contender import Contender, CouldNotStart, Place, Recipe
from bench.contenders.proof import PACED, Answer, BadAnswer, chat, prove_flow, prove_stream, proven_chat
from bench.processes import is_running, running
from bench.shipped import LOG

_POLL_S: Final = 0.01  # so the start-up time is told to within this
_LOG_CHARS: Final = 2000
_NOT_YET: Final = (OSError, http.client.HTTPException, BadAnswer)


@contextlib.contextmanager
def started(recipe: Recipe, place: Place, core: int) -> Iterator[Contender]:
    """The contender, running on `core`, after a chat and streams that were answered well.

    Raises CouldNotStart when it does not come to that.
    """
    cwd = recipe.cwd or place.directory
    for folder in (place.directory, cwd):
        folder.mkdir(parents=True, exist_ok=True)
    for name, text in recipe.files.items():
        (place.directory / name).write_text(text)
    log_file = place.directory / LOG
    with log_file.open("wb") as log, contextlib.ExitStack() as stack:
        began = time.monotonic()
        try:
            pid = stack.enter_context(running(recipe.command, core, log, cwd))
        except OSError as error:
            raise CouldNotStart(f"it cannot be run: {error.strerror}") from error
        try:
            contender = _proven(recipe, place, pid, began)
        except _NOT_YET as error:
            raise CouldNotStart(str(error), log_file.read_text(errors="replace")[-_LOG_CHARS:]) from error
        yield contender


def _proven(recipe: Recipe, place: Place, pid: int, began: float) -> Contender:
    expected = chat(place.upstream_port, place.key, {})
    answer = _first_chat(recipe, place, pid, expected, began + recipe.start_within_s)
    start_s = time.monotonic() - began
    prove_stream(place.port, place.upstream_port, place.key, recipe.extra_headers)
    if PACED not in recipe.skips:
        prove_flow(place.port, place.key, recipe.extra_headers)
    return Contender(
        recipe.name,
        place.port,
        pid,
        recipe.skips,
        recipe.extra_headers,
        recipe.is_slow,
        f"{recipe.setup}; {_manner(answer, expected)}",
        start_s,
        recipe.has_few_cases,
    )


def _first_chat(recipe: Recipe, place: Place, pid: int, expected: Answer, deadline: float) -> Answer:
    """Asked again and again until it is answered well. Raises BadAnswer."""
    while True:
        try:
            return proven_chat(chat(place.port, place.key, recipe.extra_headers), expected)
        except _NOT_YET as error:
            if not is_running(pid):
                raise BadAnswer("it ended by itself") from error
            if time.monotonic() > deadline:
                raise BadAnswer(f"no good answer within {recipe.start_within_s:.0f} s: {error}") from error
        time.sleep(_POLL_S)


def _manner(answer: Answer, expected: Answer) -> str:
    """What it does to answers, which is part of what it costs."""
    manner = "answers as they are" if answer.body == expected.body else "answers written anew"
    return f"{manner} and compressed" if answer.is_compressed else manner
