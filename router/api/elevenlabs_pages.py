"""`GET /v2/voices`: which voices, in which order, how many (ElevenLabs' SDK 2.78.0, `voices.search`). Pure."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from router.errors import InvalidRequest, Unprocessable

USUAL_SIZE: Final = 10
MOST_SIZE: Final = 100
_SORTS: Final = ("name", "created_at_unix")
_DIRECTIONS: Final = ("asc", "desc")
_FALSE: Final = frozenset({"false", "0", "no", "off"})
_LABELS: Final = ("gender", "language", "accent", "age")
# What `voice_type` calls voices that somebody made here; the others are everybody's.
_OWN_TYPES: Final = frozenset({"personal", "workspace", "non-default"})
_EVERYBODYS_TYPES: Final = frozenset({"default", "community"})

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """What was asked for. `after`: the id of the last voice of the page before."""

    size: int = USUAL_SIZE
    after: str | None = None
    search: str = ""
    sort: str = ""
    is_descending: bool = False
    category: str = ""
    voice_type: str = ""
    ids: frozenset[str] = frozenset()
    labels: Mapping[str, str] | None = None
    is_counted: bool = True

    def cut(self, voices: Sequence[Row]) -> tuple[list[Row], str | None, int]:
        """The voices of this page, the token for the next one if there is more, and how many there are in all.
        Raises InvalidRequest for a token of a voice that is there no more."""
        found = [voice for voice in voices if self._fits(voice)]
        if self.sort:
            found.sort(key=lambda voice: (voice[self.sort] is None, voice[self.sort]), reverse=self.is_descending)
        start = self._start(found)
        page = found[start : start + self.size]
        has_more = start + self.size < len(found)
        return page, token_of(page[-1]["voice_id"]) if has_more else None, len(found)

    def _fits(self, voice: Row) -> bool:
        labels = voice["labels"]
        words = " ".join([voice["name"], voice["voice_id"], *labels.values()]).lower()
        return (
            (not self.ids or voice["voice_id"] in self.ids)
            and (not self.category or voice["category"] == self.category)
            and self._is_of_type(voice)
            and self.search in words
            and all(labels.get(name, "").lower() == value for name, value in (self.labels or {}).items())
        )

    def _is_of_type(self, voice: Row) -> bool:
        if self.voice_type in _OWN_TYPES:
            return bool(voice["is_owner"])
        return self.voice_type not in _EVERYBODYS_TYPES or not voice["is_owner"]

    def _start(self, found: Sequence[Row]) -> int:
        if self.after is None:
            return 0
        for at, voice in enumerate(found):
            if voice["voice_id"] == self.after:
                return at + 1
        raise InvalidRequest(
            "next_page_token: the list has changed meanwhile; begin again.", param="next_page_token"
        )


def page_of(query: bytes) -> Page:
    """What a query asks for. Raises Unprocessable for what is no number, InvalidRequest for a token that is none
    of ours; both name the field."""
    wishes = parse_qsl(query.decode("latin-1"))
    one = dict(wishes)
    token = one.get("next_page_token")
    return Page(
        _size(one.get("page_size")),
        _after(token) if token else None,
        one.get("search", "").lower(),
        _one_of("sort", one.get("sort", ""), _SORTS),
        _one_of("sort_direction", one.get("sort_direction", ""), _DIRECTIONS) == "desc",
        one.get("category", ""),
        one.get("voice_type", ""),
        frozenset(value for name, value in wishes if name == "voice_ids"),
        {name: one[name].lower() for name in _LABELS if one.get(name)},
        one.get("include_total_count", "").lower() not in _FALSE,
    )


def token_of(voice: str) -> str:
    """Names the page that begins behind `voice`."""
    return base64.urlsafe_b64encode(voice.encode()).decode().rstrip("=")


def _after(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except (binascii.Error, ValueError) as exc:
        raise InvalidRequest("next_page_token is none of this router's.", param="next_page_token") from exc


def _size(value: str | None) -> int:
    if value is None:
        return USUAL_SIZE
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise _unprocessable("Input should be a valid integer", "int_parsing", "page_size")
    if not 1 <= int(value) <= MOST_SIZE:
        raise _unprocessable(f"Input should be 1 to {MOST_SIZE}", "less_than_equal", "page_size")
    return int(value)


def _one_of(name: str, value: str, known: Sequence[str]) -> str:
    if value and value not in known:
        raise _unprocessable(f"Input should be one of {', '.join(known)}", "enum", name)
    return value


def _unprocessable(message: str, kind: str, name: str) -> Unprocessable:
    return Unprocessable(message, where=("query", name), kind=kind)
