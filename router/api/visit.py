"""One call on its way through the hot routes: who asks, what its head says, where the answer goes."""

from collections.abc import Sequence
from typing import Final

import msgspec

from router.api.admission import Client
from router.api.call import Reply
from router.api.fields import Fields
from router.domain import Endpoint
from router.ports import Header, Record

# What goes upstream of a client's headers. Never Authorization, x-api-key, xi-api-key or Cookie: they are between
# the client and the router.
_UPSTREAM_HEADERS: Final = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"anthropic-beta",
        b"anthropic-version",
        b"content-type",
        b"openai-beta",
        b"traceparent",
        b"tracestate",
        b"user-agent",
    }
)


class Visit(msgspec.Struct, frozen=True):
    """`headers` as they came, `fields` the same by name. `via` marks what this router passes on."""

    endpoint: Endpoint
    path: str
    client: Client
    fields: Fields
    headers: Sequence[Header]
    reply: Reply
    record: Record
    via: Header
    query: bytes = b""  # as it came, after the question mark

    def upstream_headers(self) -> list[Header]:
        """What goes with its body to a provider."""
        name, own = self.via
        theirs = self.fields.get(b"via")
        passed = [header for header in self.headers if header[0] in _UPSTREAM_HEADERS]
        passed.append((name, own if theirs is None else b"%b, %b" % (theirs, own)))
        passed.append((b"X-Request-Id", self.record.request_id.encode()))
        return passed
