"""`tts-node serve` with fake engines: a real process on a free port, whose children misbehave on command.

Two models, `one` and `two`, of which only one fits into the budget; a third, `small`, that needs no room.
"""

import argparse
import asyncio
import functools
import os
import sys
from dataclasses import replace
from pathlib import Path

from fakes import FAKE
from tts_node.app import App
from tts_node.commands.serve import Server, bind, loop_factory
from tts_node.life.process import ChildProcess
from tts_node.logs import set_up_logs
from tts_node.settings import add_flags, read_settings

CUT = replace(FAKE, piece_chars=40, reads_numbers=False)  # longer texts are spoken in several pieces
ENGINES = (
    replace(CUT, id="one", memory_mb=2000),
    replace(CUT, id="two", memory_mb=2000),
    replace(CUT, id="small"),
)


async def serve(flags: dict[str, str | None]) -> None:
    """Until a signal."""
    settings = replace(read_settings({"port": "0", "memory_budget_mb": "3000"} | flags, {}), engine="one")
    listener = bind(settings.host, settings.port)
    set_up_logs(settings.log_format, settings.log_level)
    launch = functools.partial(ChildProcess.spawn, env={"PYTHONPATH": str(Path(__file__).parent)})
    async with App(settings, registry={each.id: each for each in ENGINES}, launch=launch) as app:
        await Server(app).serve(sockets=[listener])


def main() -> int:
    """Takes every flag of `tts-node serve`."""
    parser = argparse.ArgumentParser()
    add_flags(parser)
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(given))
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
