"""A tts-node (`/node`) and a language model's server (`/v1`) that cost next to nothing: what is measured is the
router. `python -m bench.voices.node PORT`.

The node speaks a segment at once (`bench/voices/sound.py`); the other answers every chat with the same words.
"""

import functools
import sys
from typing import Final

import uvloop

from bench import answering
from bench.answers import completion, json_of, models
from bench.node import Node
from bench.voices.sound import Voice

CHAT_MODEL: Final = "writer"
_NODE_PATH: Final = b"/node"
_COMPLETION: Final = json_of(completion(CHAT_MODEL))
_LISTING: Final = json_of(models(CHAT_MODEL))


class _Connection(answering.Connection):
    """One client."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._node = node

    def answer(self, url: bytes, body: bytes) -> None:
        """See `answering.Connection`."""
        if url.startswith(_NODE_PATH):
            self._node.answer(self, url.removeprefix(_NODE_PATH), body)
        else:
            self.transport.write(_COMPLETION if body else _LISTING)


if __name__ == "__main__":
    node = Node(Voice().speak)
    uvloop.run(answering.serve(functools.partial(_Connection, node), int(sys.argv[1])))
