"""What models have said aloud, by the audio's id, for later turns."""

import secrets
import time
from dataclasses import dataclass

from router.errors import InvalidRequest
from router.ports import StateStore


def new_audio_id() -> str:
    """With 96 random bits: whoever knows one may go on from it."""
    return f"audio_{secrets.token_hex(12)}"


@dataclass(frozen=True, slots=True)
class Replies:
    """One client's, for `kept_s` seconds."""

    store: StateStore
    client: str
    kept_s: float

    async def keep(self, audio_id: str, transcript: str) -> int:
        """When it will be forgotten, in Unix time."""
        await self.store.put(self._key(audio_id), transcript.encode(errors="replace"), ttl_s=self.kept_s)
        return int(time.time() + self.kept_s)

    async def transcript(self, number: int, audio_id: str) -> str:
        """What was said. Raises InvalidRequest for the message with that number when nobody knows any more."""
        found = await self.store.get(self._key(audio_id))
        if found is None:
            raise InvalidRequest(
                f"No audio {audio_id[:100]!r} is known here: it has expired, or it was another router's. Send the "
                "answer's text as `content` instead.",
                param=f"messages[{number}].audio.id",
                code="audio_not_found",
            )
        return found.decode()

    def _key(self, audio_id: str) -> str:
        return f"audio/{self.client}/{audio_id}"
