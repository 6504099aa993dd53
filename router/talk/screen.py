"""What a person sees of a conversation: the answer as it is written, with a moving line below it on a terminal;
plain lines in a pipe.

Words of models and servers are shown without control characters: a terminal would obey them.
"""

from typing import Final, Protocol, TextIO

from rich.console import Console
from rich.status import Status

_SPINNER: Final = "dots"


class Shown(Protocol):
    """A screen, for who holds a conversation."""

    def wait(self, what: str) -> None: ...
    def write(self, text: str) -> None: ...
    def end_text(self) -> None: ...
    def tell(self, line: str) -> None: ...
    def note(self, line: str) -> None: ...


class Screen:
    """Answers and what is told of them go to `out`, notes to `err`. `is_live`: letters as they come and a moving
    line; else line by line."""

    def __init__(self, out: TextIO, err: TextIO, *, is_live: bool) -> None:
        self._out = out
        self._err = err
        self._is_live = is_live
        self._console = Console(file=err, highlight=False, markup=False, emoji=False)
        self._status: Status | None = None
        self._line = ""

    def wait(self, what: str) -> None:
        """Until the next call of anything here, `what` is going on."""
        self._still()
        if self._is_live and self._console.is_terminal:
            self._status = self._console.status(plain(what), spinner=_SPINNER)
            self._status.start()

    def write(self, text: str) -> None:
        """So much more of the answer."""
        self._still()
        whole, newline, self._line = (self._line + plain(text)).rpartition("\n")
        if self._is_live:
            self._put(self._out, plain(text))
            self._line = self._line[-1:]  # only whether a line is open
        elif newline:
            self._put(self._out, whole + newline)

    def end_text(self) -> None:
        """The answer, or what there is of it, is written."""
        self._still()
        if self._line:
            self._put(self._out, "\n" if self._is_live else self._line + "\n")
        self._line = ""

    def tell(self, line: str) -> None:
        """Something of the answer."""
        self.end_text()
        self._put(self._out, plain(line) + "\n")

    def note(self, line: str) -> None:
        """Something of this machine or the router. May come in the middle of an answer."""
        self._still()
        if self._is_live and self._line:
            self._put(self._out, "\n")
            self._line = ""
        self._put(self._err, plain(line) + "\n")

    def _still(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _put(self, stream: TextIO, text: str) -> None:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "replace").decode(encoding))  # a terminal may know few letters
        stream.flush()


def plain(text: str) -> str:
    """The text without what would steer a terminal."""
    return "".join(
        letter for letter in text if letter in "\n\t" or not (letter < " " or "\x7f" <= letter <= "\x9f")
    )
