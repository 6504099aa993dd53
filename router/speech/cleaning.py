"""What a client sent, as it is to be spoken: no Markdown, no emoji, no code. Pure, and linear in time.

What is guaranteed, whatever Unicode comes in:

* It never raises; the same text gives the same result; "" when no letter and no figure is left.
* Letters and figures stay, all of them and in their order, except those in: fenced code, addresses behind links
  and pictures (`[text](address)` gives `text`, a picture its alternative text), reference definitions that lead
  to an address, footnote marks, the names of HTML's text markup, HTML comments, a fence's language, keycap emoji.
* What is no Markdown stays as it is, white space apart: `2 * 3 * 4`, `2*3*4`, `snake_case`, `a < b > c`,
  `<thinking>`, `[laugh]` (a tag that engines speak), addresses.
* Lines: "\\n\\n" ends a paragraph, "\\n" a line that is a sentence of its own (an item of a list, a row of a
  table, a line that was broken on purpose). A line that was merely wrapped goes on after a space.
* Left out besides: marks of emphasis that were opened and never closed, backticks, lines of marks alone,
  controls and format characters, variation selectors; of a mark repeated four times and more, three stay (a
  leader of dots makes an engine stutter).

Numbers, units and addresses are put into words by the node, which knows engine and language.
"""

import re
from typing import Final

from router.speech.clauses import is_said
from router.speech.markup import bounded, reader
from router.speech.pictographs import without_controls, without_pictographs
from router.speech.spoken_markup import spoken

_REPEATED: Final = re.compile(r"([^\w\s]|_)\1{3,}")
_SPACES: Final = re.compile(r"[^\S\n\u00a0\u202f\u2007]+")  # spaces within numbers hold them together
_PARAGRAPHS: Final = re.compile(r"\n{3,}")


def speakable(text: str) -> str:
    """What is to be said of a client's text, in paragraphs and lines; "" when that is nothing."""
    source = bounded(without_controls(text))
    said = without_pictographs(without_controls(spoken(reader(), source)))
    said = _SPACES.sub(" ", _REPEATED.sub(r"\1\1\1", said))
    lines = (line.strip() for line in said.split("\n"))
    kept = [line if is_said(line) else "" for line in lines]
    return _PARAGRAPHS.sub("\n\n", "\n".join(kept)).strip("\n")
