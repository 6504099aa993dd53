"""The fault proxy, a process before the servers of one machine: `python -m router.drill.proxy DOORS`.

DOORS is JSON: a list of {name, listen, target}. Orders come on stdin, a JSON line each: {door, mode, after, rate};
each is answered on stdout with when it was obeyed, and when inferences met the order before it. {door}
alone is answered with when inferences came to that door since it was last asked so. Times are monotonic seconds.
When stdin ends, so does the proxy.
"""

import asyncio
import json
import random
import sys
import time
from typing import Any

from router.drill.door import Door
from router.drill.orders import Mode, Order


async def _main(rows: list[dict[str, Any]], seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311  so that a drill can be held again
    doors = {row["name"]: Door(tuple(row["listen"]), tuple(row["target"]), rng) for row in rows}
    for door in doors.values():
        door.open()
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    _say({"at": time.monotonic()})
    while line := await orders.readline():
        said = json.loads(line)
        door = doors[said["door"]]
        if "mode" not in said:
            _say({"asked": list(door.asked_s)})
            door.asked_s.clear()
            continue
        order = Order(Mode(said["mode"]), tuple(said.get("after", (1, 1))), said.get("rate", 1e9))
        struck_s = door.struck_s
        _say({"at": await door.obey(order), "struck": struck_s})


def _say(document: object) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main(json.loads(sys.argv[1]), int(sys.argv[2])))
