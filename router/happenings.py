"""What happens while a chat is answered aloud, in order. Values only."""

from collections.abc import Sequence
from dataclasses import dataclass

from router.completion import Chunk
from router.errors import RouterError
from router.ports import Header
from router.spoken import Spoken


@dataclass(frozen=True, slots=True)
class Begun:
    """A model has begun; what another said before it is void."""


@dataclass(frozen=True, slots=True)
class Wrote:
    """The model wrote so much more."""

    chunk: Chunk


@dataclass(frozen=True, slots=True)
class Spoke:
    """A segment was spoken."""

    spoken: Spoken


@dataclass(frozen=True, slots=True)
class Muted:
    """Nothing (more) will be spoken, though the text goes on."""

    error: RouterError


@dataclass(frozen=True, slots=True)
class Refused:
    """The model's server says that the request is at fault; its own words."""

    status: int
    headers: Sequence[Header]
    body: bytes


Happening = Begun | Wrote | Spoke | Muted | Refused
