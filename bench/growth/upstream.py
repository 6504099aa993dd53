"""The servers behind the router: language models and a tts-node that answer at once, so that only the router's own
work is seen. `python -m bench.growth.upstream PORT HOSTS`: on 127.0.0.1 to 127.0.0.HOSTS, a machine each.

A language model's base URL is `/OWNER/COUNT`: it has the models `everywhere` and OWNER-0000 and so on. The
`shape` in a chat says how it is answered: `whole`, `events-N` (N events, a millisecond apart) or `held` (one event
now and one every ten seconds). The tts-node is at `/node`.
"""

import itertools
import re
import sys
from collections.abc import Iterator
from typing import Final

import uvloop

from bench import answering
from bench.answers import STREAM_END, chat_event, completion, json_of, models, stamped_event, stream_head
from bench.node import Node
from router.domain import BYTES_PER_S

EVERYWHERE: Final = "everywhere"
CHARS_PER_S: Final = 100  # of the node's speech: nearly the fastest that is plausible, so that bytes matter least
_NODE_PATH: Final = b"/node"
_EVENT_S: Final = 0.001
_HELD_S: Final = 10.0
_SHAPE: Final = re.compile(rb'"shape":"([a-z]+)(?:-(\d+))?"')
_COMPLETION: Final = json_of(completion())
_EVENT: Final = chat_event(" word")
_STREAM_HEAD: Final = stream_head()
_phases: Final = itertools.count()


def speak(text: str) -> bytes:
    """As long as `text` is, and of no interest."""
    return b"\x10\x00" * int(max(0.1, len(text) / CHARS_PER_S) * BYTES_PER_S / 2)


_node: Final = Node(speak)


class _Connection(answering.Connection):
    """One client."""

    def answer(self, url: bytes, body: bytes) -> None:
        """See `answering.Connection`."""
        if url.startswith(_NODE_PATH):
            _node.answer(self, url.removeprefix(_NODE_PATH), body)
        elif body:
            self._chat(body)
        else:
            self.transport.write(listing(url))

    def _chat(self, body: bytes) -> None:
        shape = _SHAPE.search(body)
        kind = shape[1] if shape is not None else b"whole"
        if shape is not None and kind == b"events":
            events = itertools.repeat(_EVENT, int(shape[2]))
            self._stream(itertools.chain(events, [STREAM_END]), _EVENT_S, _EVENT_S)
        elif kind == b"held":
            phase_s = next(_phases) * 0.618 % 1 * _HELD_S  # spread evenly, however many there are
            self._stream(iter(stamped_event, b""), phase_s, _HELD_S)
        else:
            self.transport.write(_COMPLETION)

    def _stream(self, events: Iterator[bytes], after_s: float, every_s: float) -> None:
        self.transport.write(_STREAM_HEAD)
        self.send_each(events, after_s, every_s)


def listing(url: bytes) -> bytes:
    """Of `/OWNER/COUNT/v1/models`."""
    _, owner, count, *_ = url.decode().split("/")
    return json_of(models(EVERYWHERE, *(f"{owner}-{number:04}" for number in range(int(count)))))


async def serve(port: int, hosts: int) -> None:
    """Serve on loopback until the process is ended."""
    await answering.serve(_Connection, port, [f"127.0.0.{number}" for number in range(1, hosts + 1)])


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
