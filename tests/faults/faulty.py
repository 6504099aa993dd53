"""A scriptable upstream with a fault that is switched while it runs; a process of its own.

`python faulty.py ADDRESS PORT CONTROL_PORT NAME [CERTIFICATE KEY]`. Standard library only. On one port it is an
OpenAI-compatible server (chat as JSON and paced SSE, responses, speech as WAV) and a tts-node (/health, lists,
speech as PCM), so that the same fault meets each dialect; with a certificate it does so over TLS. Model and health
routes answer well whatever the fault, but for those that take the machine or the process away (`refuse`, `gone`,
`black_hole`, and `hang_all`) or its TLS (`hang_tls` accepts and never shakes hands, `plain_tls` answers in clear).
Connections that are open outlive `refuse`; with `gone`, `hang_tls` and `plain_tls` they end with what is on them.

The control port on 127.0.0.1 takes a JSON object a line and answers each with one: `{"do": "fault", "name": …}`
(with `retry_after`, `delay_s`, `events`, `pace_s` where they matter), `{"do": "report"}`, `{"do": "forget"}`,
`{"do": "hang_up"}` (closes idle connections).
Times are time.monotonic(), which all processes of a machine share.

The control port is here; the rest is in `faulty_listener`, `faulty_connections` (requests), `faulty_answers`,
`faulty_http` (bytes) and `faulty_scene` (what they share).
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

from faulty_answers import Answers
from faulty_connections import Connections
from faulty_listener import Listener, certified
from faulty_scene import Fault, Scene


@dataclass(slots=True)
class Control:
    """The control port: orders and reports."""

    scene: Scene
    connections: Connections
    listener: Listener

    async def controlled(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while order := await reader.readline():
            asked = json.loads(order)
            match asked.pop("do"):
                case "fault":
                    said: dict[str, Any] = {"at": self.listener.switch(Fault(**asked))}
                case "hang_up":
                    self.connections.hang_up()
                    said = {}
                case "forget":
                    self.scene.seen.clear()
                    self.scene.lines = {n: line for n, line in self.scene.lines.items() if line.closed_s is None}
                    said = {}
                case _:
                    lines = [asdict(line) for line in self.scene.lines.values()]
                    said = {"seen": [asdict(seen) for seen in self.scene.seen], "lines": lines}
            writer.write(json.dumps(said).encode() + b"\n")
            await writer.drain()
        writer.close()


async def main(address: str, port: int, control: int, name: str, *pair: str) -> None:
    scene = Scene(name)
    connections = Connections(scene, Answers(scene))
    listener = Listener(address, port, scene, connections, certified(*pair) if pair else None)
    listener.switch(Fault())
    orders = Control(scene, connections, listener)
    server = await asyncio.start_server(orders.controlled, "127.0.0.1", control, limit=2**20)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]))
