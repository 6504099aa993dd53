"""Token counts, read from answers as they pass by: OpenAI's `usage` and Anthropic's.

Bytes are only looked at, never held up. What is split between two reads is missed; a count, not an invoice.
"""

import re
from typing import Final

_COUNTS: Final = re.compile(rb'"(prompt|input|completion|output)_tokens"\s*:\s*(\d+)')
_IN: Final = frozenset({b"prompt", b"input"})


class UsageReader:
    """Watches one answer. `tokens_in` and `tokens_out` are the last counts seen; servers count up in a stream."""

    __slots__ = ("tokens_in", "tokens_out")

    def __init__(self) -> None:
        self.tokens_in = 0
        self.tokens_out = 0

    def see(self, chunk: bytes) -> None:
        """Look at a piece of the body."""
        if b'_tokens"' not in chunk:
            return
        for direction, count in _COUNTS.findall(chunk):
            if direction in _IN:
                self.tokens_in = int(count)
            else:
                self.tokens_out = int(count)
