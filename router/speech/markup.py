"""How Markdown is read for speech: CommonMark with tables and strikethrough, and where it is bent. Pure.

CommonMark is made for a screen and for a writer who meant it. Text for speech comes from models, which break
off, and from people who never meant Markdown. So, of CommonMark:

* no indented code: an indented line is a line;
* no HTML, only the names of text markup (`<b>`, `<br>`): `<thinking>` and `List<String>` are what somebody wrote;
* a reference definition only where it leads somewhere (`[1]: https://…`): `[Alice]: Hello!` is dialogue;
* an address (`https://a/_b_`) is one word, whatever marks are in it;
* a footnote mark `[^1]` is no text;
* nesting is bounded (`bounded`), and so are brackets in brackets: what is beyond is text. The parser takes time
  quadratic in depth, and drops what is nested too deeply.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, reference
from markdown_it.rules_inline import StateInline, image, link

MARKUP_TAG: Final = "markup_tag"  # a token whose content is the tag's name

_MOST_BRACKETS = 4  # `[![alt](picture)](page)` has two
_MOST_NESTED = 100
_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9]{0,9})(?:\s[^<>]{0,300})?/?>")
_TAGS = frozenset(
    re.findall(
        r"\w+",
        """a abbr b big blockquote br center cite code dd del details div dl dt em figcaption figure font
        h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q rp rt ruby s samp small span strike strong
        sub summary sup table tbody td tfoot th thead tr tt u ul var wbr""",
    )
)
_FOOTNOTE = re.compile(r"\[\^[^\s\[\]]{1,64}\]:?")
_LEADS_SOMEWHERE = re.compile(r"\[[^\[\]\n]{1,300}\]:[ ]*<?(?:[a-z][a-z0-9+.-]{1,15}:|www\.|[/#.])", re.IGNORECASE)
_ADDRESS = re.compile(r"://[^\s<>\[\]()\"“”`|\\]+")
_SCHEME = re.compile(r"(?<![A-Za-z])(?:https?|ftp)$", re.IGNORECASE)
_CONTAINERS = re.compile(r"[ ]*(?:(?:>|[-+*](?=[ ])|\d{1,9}[.)](?=[ ]))[ ]*)+")
_MARKS = re.compile(r">|[-+*]|\d{1,9}[.)]")
_DEEPEST_INDENT = 24
_MOST_MARKS = 6
_INFO = re.compile(r"[\w+#.-]{0,20}[ ]*")


@lru_cache(maxsize=1)
def reader() -> MarkdownIt:
    """The parser. Shared: a parse keeps its state in objects of its own."""
    parser = MarkdownIt("js-default", {"maxNesting": _MOST_NESTED})
    parser.disable(["code", "html_block", "html_inline"])
    parser.block.ruler.at("reference", _reference, {"alt": []})
    parser.inline.ruler.at("link", _only_matched(link, "["))
    parser.inline.ruler.at("image", _only_matched(image, "!["))
    parser.inline.ruler.before("link", "footnote", _footnote)
    parser.inline.ruler.before("escape", "address", _address)
    parser.inline.ruler.after("autolink", "markup", _markup)
    return parser


def bounded(text: str) -> str:
    """The text with what CommonMark would nest without end, or would take for code to the end, set right.

    A fence that a model opened or closed within a line gets a line of its own.
    """
    lines = []
    for line in text.split("\n"):
        if len(line) - len(line.lstrip(" ")) > _DEEPEST_INDENT:
            line = " " * _DEEPEST_INDENT + line.lstrip(" ")
        if (found := _CONTAINERS.match(line)) and len(found[0]) > _MOST_MARKS:
            line = _less_nested(found[0]) + line[found.end() :]
        lines += _parted_at_fence(line)
    return "\n".join(lines)


def _less_nested(containers: str) -> str:
    """The first few marks open something; of those beyond, quotation marks go and the others are text."""
    marks = list(_MARKS.finditer(containers))
    if len(marks) <= _MOST_MARKS:
        return containers
    start = marks[_MOST_MARKS].start()
    beyond = containers[start:].replace(">", "").lstrip()
    if beyond[:1].isdigit():
        beyond = re.sub(r"[.)]", r"\\\g<0>", beyond, count=1)
    elif beyond:
        beyond = "\\" + beyond
    return containers[:start] + beyond


def _parted_at_fence(line: str) -> list[str]:
    at = line.find("```")
    if at <= 0 or not (_CONTAINERS.sub("", line[:at], count=1).strip()):
        return [line]
    end = at + len(line[at:]) - len(line[at:].lstrip("`"))
    return [line[:at], line[at:]] if _INFO.fullmatch(line, end) else [line]


def _reference(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    begin = state.bMarks[start] + state.tShift[start]
    if not _LEADS_SOMEWHERE.match(state.src, begin, state.eMarks[start]):
        return False
    return reference(state, start, end, silent)


def _only_matched(rule: Callable[[StateInline, bool], bool], opening: str) -> Callable[[StateInline, bool], bool]:
    """The rule, where a `[` has its `]`, an address or a label follows, and few brackets are within."""

    def guarded(state: StateInline, silent: bool) -> bool:
        if not state.src.startswith(opening, state.pos):
            return False
        cache = state.env.setdefault("brackets", {})
        if state.src not in cache:
            cache[state.src] = _brackets(state.src)
        close = cache[state.src].get(state.pos + len(opening) - 1)
        return close is not None and rule(state, silent)

    return guarded


def _brackets(text: str) -> dict[int, int]:
    """Where each `[` that may begin a link has its `]`."""
    found: dict[int, int] = {}
    opened: list[list[int]] = []  # position, how many are nested within
    position = 0
    while position < len(text):
        each = text[position]
        if each == "\\":
            position += 1
        elif each == "[":
            opened.append([position, 0])
        elif each == "]" and opened:
            start, height = opened.pop()
            if opened:
                opened[-1][1] = max(opened[-1][1], height + 1)
            if height < _MOST_BRACKETS:
                found[start] = position
        position += 1
    return found


def _footnote(state: StateInline, silent: bool) -> bool:  # noqa: ARG001 - the shape of a rule
    found = _FOOTNOTE.match(state.src, state.pos)
    if found is None:
        return False
    state.pos = found.end() if state.pos == 0 else state.pos + len(found[0].rstrip(":"))
    return True


def _address(state: StateInline, silent: bool) -> bool:
    if not state.src.startswith("://", state.pos) or not _SCHEME.search(
        state.src[max(0, state.pos - 6) : state.pos]
    ):
        return False
    found = _ADDRESS.match(state.src, state.pos)
    if found is None:
        return False
    address = found[0].rstrip("*_~")
    if not silent:
        state.pending += address
    state.pos += len(address)
    return True


def _markup(state: StateInline, silent: bool) -> bool:
    if not state.src.startswith("<", state.pos):
        return False
    if state.src.startswith("<!--", state.pos):
        return _comment(state)
    found = _TAG.match(state.src, state.pos)
    if found is None or (name := found[1].lower()) not in _TAGS:
        return False
    if not silent:
        state.push(MARKUP_TAG, "", 0).content = name
    state.pos = found.end()
    return True


def _comment(state: StateInline) -> bool:
    if state.env.get("last_comment", (None, 0)) == (state.src, -1):
        return False  # none ends any more: not looked for again
    end = state.src.find("-->", state.pos + 4)
    if end < 0:
        state.env["last_comment"] = (state.src, -1)
        return False
    state.pos = end + 3
    return True
