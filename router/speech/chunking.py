"""Speech cut into the chunks of chatterstream (document 004): a short first one, so that sound starts soon, then
longer ones. Sizes are in Chatterbox's speech tokens, of which 25 are a second. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from router.domain import BYTES_PER_S

TOKENS_PER_S: Final = 25
TOKEN_BYTES: Final = BYTES_PER_S // TOKENS_PER_S
FIRST_TOKENS: Final = 25
LATER_TOKENS: Final = 75
MOST_TOKENS: Final = 375  # 15 s are 720 kB of PCM: many clients take no message above 1 MiB


@dataclass(frozen=True, slots=True)
class Sizes:
    """Tokens per chunk. `is_aligned`: a chunk is a whole sentence, however long; of long ones `MOST_TOKENS`."""

    first_tokens: int = FIRST_TOKENS
    later_tokens: int = LATER_TOKENS
    is_aligned: bool = False


class Chunking:
    """One utterance's. No chunk spans two segments: what is spoken is sent, and waits for nothing."""

    def __init__(self, sizes: Sizes) -> None:
        self._later_bytes = (MOST_TOKENS if sizes.is_aligned else sizes.later_tokens) * TOKEN_BYTES
        self._next_bytes = self._later_bytes if sizes.is_aligned else sizes.first_tokens * TOKEN_BYTES

    def cut(self, pcm: bytes) -> Iterator[bytes]:
        """A segment's PCM in chunks; one at the least."""
        at = 0
        while True:
            end = at + self._next_bytes
            self._next_bytes = self._later_bytes
            yield pcm[at:end]
            at = end
            if at >= len(pcm):
                return
