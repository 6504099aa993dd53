"""`local-ai-router talk`: a question from the keyboard or a file, its answer aloud, and how long it all took."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from router.talk.answer import Answer
from router.talk.client import Router
from router.talk.conversation import Conversation, Message, Voice
from router.talk.errors import CannotTalk, Refused
from router.talk.programs import found
from router.talk.recording import Recording, free_path
from router.talk.screen import Screen
from router.talk.sound import Sound
from router.talk.talk import DEMO, Talk, chats_of, chosen

EXIT_FAILED: Final = 1
EXIT_CANNOT: Final = 2
EXIT_INTERRUPTED: Final = 130
EXIT_ENDED: Final = 143  # 128 + SIGTERM, as shells count
DEFAULT_URL: Final = "http://127.0.0.1:8700"
INSTEAD: Final = Path("talk.wav")
_FAREWELLS: Final = frozenset({"exit", "quit"})


def run(arguments: Namespace) -> int:
    """0 when every question was answered, 1 when one was not, 2 when nothing could be asked."""
    screen = Screen(sys.stdout, sys.stderr, is_live=sys.stdout.isatty() and not arguments.plain)
    try:
        with asyncio.Runner() as runner, _sound(arguments, screen) as sound:
            router = Router(_url(arguments), arguments.key or os.environ.get("ROUTER_API_KEY", ""))
            try:
                model = arguments.model or runner.run(_first_model(router, screen))
                screen.note(f"Talking to {model} at {router.url}")
                talk = Talk(router, _conversation(arguments, model), sound, screen, time.monotonic)
                return _typed(runner, talk) if _is_typed(arguments) else _told(runner, talk, _questions(arguments))
            finally:
                runner.run(router.aclose())
    except CannotTalk as error:
        screen.note(str(error))
        return EXIT_CANNOT
    except KeyboardInterrupt:
        screen.end_text()
        return EXIT_INTERRUPTED


def _typed(runner: asyncio.Runner, talk: Talk) -> int:
    """A conversation at the keyboard. What goes wrong does not end it."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  gives `input` its keys and its history
    while True:
        try:
            question = input("> ").strip()
        except EOFError:
            print()
            return 0
        if question.lower() in _FAREWELLS:
            return 0
        if question:
            try:
                _turn(runner, talk, question)
            except CannotTalk as error:
                talk.screen.note(_advised(runner, talk, error))


def _told(runner: asyncio.Runner, talk: Talk, questions: Iterator[str]) -> int:
    """Questions that are known before. Nothing is asked after what the next would meet as well."""
    status = 0
    for question in questions:
        talk.screen.tell(f"> {question}")
        try:
            answer = _turn(runner, talk, question)
        except CannotTalk as error:
            talk.screen.note(_advised(runner, talk, error))
            status = EXIT_FAILED
            if not isinstance(error, Refused):
                return EXIT_CANNOT
            if error.is_lasting:
                return status
            continue
        if answer.is_interrupted:
            status = EXIT_INTERRUPTED
            if not answer.text:
                return status  # a second Ctrl-C, before the next answer has begun
        elif answer.failure:
            status = EXIT_FAILED
    return status


def _turn(runner: asyncio.Runner, talk: Talk, question: str) -> Answer:
    """Its answer. Ctrl-C stops that, and SIGTERM all: by way of the loop, which cannot miss it, so that no player
    is left behind. Raises CannotTalk."""
    ended = asyncio.Event()

    async def turn() -> Answer:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        if sys.platform == "win32":
            return await talk.turn(question)

        def end() -> None:
            ended.set()
            task.cancel()

        loop.add_signal_handler(signal.SIGTERM, end)
        try:
            return await talk.turn(question)
        finally:
            loop.remove_signal_handler(signal.SIGTERM)

    try:
        return runner.run(turn())
    finally:
        if ended.is_set():
            raise SystemExit(EXIT_ENDED)


def _advised(runner: asyncio.Runner, talk: Talk, error: CannotTalk) -> str:
    if not isinstance(error, Refused) or error.code != "model_not_found":
        return str(error)
    with contextlib.suppress(CannotTalk):
        models = runner.run(talk.router.models())
        return f"{error}\nChat models here: {', '.join(chats_of(models)) or 'none'}."
    return str(error)


async def _first_model(router: Router, screen: Screen) -> str:
    model = chosen(await router.models())
    if model == DEMO:
        screen.note("No language model is up, so the built-in `demo` answers. It tells how to get a real one.")
    return model


def _conversation(arguments: Namespace, model: str) -> Conversation:
    voice = Voice(arguments.voice, arguments.speech_model, arguments.speed)
    system = [Message("system", arguments.system)] if arguments.system else []
    return Conversation(model, voice, system)


def _sound(arguments: Namespace, screen: Screen) -> Sound:
    is_played = not arguments.no_play
    return Sound(
        is_played,
        found() if is_played else [],
        Recording(arguments.save) if arguments.save else None,
        lambda: Recording(free_path(INSTEAD)),
        screen.note,
        time.monotonic,
    )


def _url(arguments: Namespace) -> str:
    url: str = arguments.url or os.environ.get("ROUTER_URL") or DEFAULT_URL
    return url if "://" in url else f"http://{url}"


def _is_typed(arguments: Namespace) -> bool:
    return not arguments.question and arguments.file is None and sys.stdin.isatty()


def _questions(arguments: Namespace) -> Iterator[str]:
    """The one of the command line, else those of the file or of what is piped in. Raises CannotTalk."""
    if arguments.question:
        yield " ".join(arguments.question)
        return
    with _opened(arguments.file or "-") as file:
        try:
            lines = [file.read()] if arguments.whole else file
            yield from (line.strip() for line in lines if line.strip())
        except (OSError, UnicodeDecodeError) as exc:
            raise CannotTalk(f"The questions cannot be read: {exc}") from exc


def _opened(name: str) -> contextlib.AbstractContextManager[TextIO]:
    if name == "-":
        return contextlib.nullcontext(sys.stdin)
    try:
        return Path(name).open(encoding="utf-8")
    except OSError as exc:
        raise CannotTalk(f"{name} cannot be read: {exc.strerror or exc}") from exc
