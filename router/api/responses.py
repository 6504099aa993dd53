"""What binds a `/v1/responses` request to the provider that remembers its conversation.

A response id means something only to the server that minted it. So ids are remembered with their provider, per
client (one client must not continue another's conversation), and a request that builds on one goes there and
nowhere else. A request that asks to be kept (`background`, an explicit `store: true`) is not repeated elsewhere.
"""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from router.api.peek import wrong_type
from router.errors import InvalidRequest
from router.ports import StateStore

TTL_S: Final = 30 * 86_400.0  # as long as OpenAI keeps responses
_MINTED: Final = re.compile(rb'"id"\s*:\s*"(resp[^"\\]{1,200})"')


class _Body(msgspec.Struct):
    previous_response_id: str | None = None
    background: bool | None = None
    store: bool | None = None


@dataclass(frozen=True, slots=True)
class Binding:
    """`previous`: the response it builds on; `is_kept`: the provider will remember this one."""

    previous: str | None
    is_kept: bool

    @property
    def is_pinned(self) -> bool:
        return self.previous is not None or self.is_kept


def binding(body: bytes) -> Binding:
    """Read a body that is known to be a JSON object. Raises InvalidRequest for wrong types."""
    try:
        fields = msgspec.json.decode(body, type=_Body)
    except msgspec.ValidationError as exc:
        raise wrong_type(exc) from exc
    return Binding(fields.previous_response_id or None, bool(fields.background or fields.store))


class ResponseLedger:
    """Which provider minted which response, for one client."""

    def __init__(self, store: StateStore, client: str) -> None:
        self._store = store
        self._client = client

    async def provider_of(self, response_id: str) -> str:
        """The provider that remembers `response_id`. Raises InvalidRequest when none is known."""
        found = await self._store.get(self._key(response_id))
        if found is None:
            raise InvalidRequest(
                f"No response {response_id[:100]!r} is known here; it may be too old, or another router's.",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        return found.decode()

    async def note(self, first_part: bytes, provider: str) -> None:
        """Remember the id in the first bytes of an answer."""
        minted = _MINTED.search(first_part)
        if minted is not None:
            await self._store.put(self._key(minted[1].decode("latin-1")), provider.encode(), ttl_s=TTL_S)

    def _key(self, response_id: str) -> str:
        return f"response/{self._client}/{response_id}"
