"""A request's headers by name, looked up by everybody who must know one: made once, from ASGI's list."""

from collections.abc import Mapping, Sequence
from typing import Final

from router.ports import Header

Fields = Mapping[bytes, bytes]  # names in lower case, as ASGI gives them
FIELDS: Final = "router.fields"  # a key of the ASGI scope, where the server has made them already


def fields_of(headers: Sequence[Header]) -> Fields:
    """The first value of each name; several Via lines are one list (RFC 9110 §5.3)."""
    fields = dict(headers[::-1])
    if b"via" in fields:
        fields[b"via"] = b", ".join(value for name, value in headers if name == b"via")
    return fields
