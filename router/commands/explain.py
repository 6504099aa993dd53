"""`local-ai-router explain`: where a request would go now, and why."""

import asyncio
import sys
from argparse import Namespace

from router.app import open_house
from router.commands.loading import load_settings, report
from router.config import ConfigError, Settings
from router.errors import ClientError
from router.explain import Explained


def run(arguments: Namespace) -> int:
    """Probe everybody once and print the candidates in order."""
    try:
        settings = load_settings(arguments)
    except ConfigError as error:
        return report(error)
    try:
        explained = asyncio.run(_explain(settings, arguments.model, arguments.voice))
    except ClientError as error:
        print(error.message, file=sys.stderr)
        return 1
    for index, entry in enumerate(explained, start=1):
        print(_line(index, entry))
    if not any(entry.is_eligible for entry in explained):
        print("Nothing can serve this now: a request would get a 503.")
        return 1
    return 0


async def _explain(settings: Settings, model: str | None, voice: str | None) -> list[Explained]:
    async with open_house(settings) as house:
        return house.explain(model, voice)


def _line(index: int, entry: Explained) -> str:
    place = f"{index}." if entry.is_eligible else "-"
    swap = f" (a substitute: {entry.substitution})" if entry.substitution else ""
    return f"{place:3} {entry.provider:14} {entry.model or '(its default)':28} {entry.reason}{swap}"
