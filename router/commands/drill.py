"""`local-ai-router drill unplug`: faults under load, and whether what this house promises holds."""

import asyncio
import signal
import sys
from argparse import Namespace
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

from router.commands.loading import load_settings, report
from router.config import ConfigError, Settings
from router.drill.engines import ENGINES
from router.drill.faults import FAULTS, chosen
from router.drill.ledger import Ledger
from router.drill.live import Live
from router.drill.own import OwnPlan, drilled_own
from router.drill.picture import NoPicture, as_png
from router.drill.process import CannotDrill
from router.drill.report import as_json, as_markdown, fault_table, verdict_table
from router.drill.surroundings import Surroundings, these
from router.drill.unplug import Plan, drilled
from router.drill.verdict import verdict

EXIT_HOLDS: Final = 0
EXIT_DOES_NOT_HOLD: Final = 1
EXIT_CANNOT: Final = 2
EXIT_INTERRUPTED: Final = 130
QUICK_HOLD: Final = 0.6
T = TypeVar("T")


def run(arguments: Namespace) -> int:
    """0 when every promise holds, 1 when one does not, 2 when no drill could be held."""
    try:
        if arguments.provider:
            return _own(arguments, load_settings(arguments))
        return _cast(arguments)
    except ConfigError as error:
        return report(error)
    except CannotDrill as error:
        print(error, file=sys.stderr)
        return EXIT_CANNOT
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("The drill was broken off; nothing of it runs any more.", file=sys.stderr)
        return EXIT_INTERRUPTED


def _cast(arguments: Namespace) -> int:
    """On processes of the drill's own."""
    names = [name.strip() for name in arguments.faults.split(",")] if arguments.faults else None
    try:
        faults = chosen(names, is_quick=arguments.quick)
    except KeyError as error:
        known = ", ".join(fault.name for fault in FAULTS)
        raise CannotDrill(f"no fault is called {error}; there are: {known}") from None
    engines = ENGINES if arguments.engine == "both" else (arguments.engine,)
    hold = arguments.seconds / 5.0 if arguments.seconds else QUICK_HOLD if arguments.quick else 1.0
    plan = Plan(faults, arguments.rounds, hold, arguments.seed, arguments.quick)
    where = these()
    with Live() as live:
        ledgers = [_run(drilled(engine, plan, live)) for engine in engines]
    return _told(arguments, where, dict(zip(engines, ledgers, strict=True)))


def _own(arguments: Namespace, settings: Settings) -> int:
    """On the person's own configuration."""
    plan = OwnPlan(arguments.provider, arguments.seconds or 30.0, arguments.before, arguments.whole_host)
    where = these()
    with Live() as live:
        ledger = _run(drilled_own(settings, plan, live))
    return _told(arguments, where, {arguments.provider: ledger}, provider=arguments.provider)


def _told(arguments: Namespace, where: Surroundings, ledgers: dict[str, Ledger], provider: str = "") -> int:
    """The report, printed and, if asked for, written; the exit status."""
    all_hold = True
    for name, ledger in ledgers.items():
        criteria = verdict(ledger, is_own=bool(provider))
        all_hold = all_hold and bool(criteria) and all(criterion.holds for criterion in criteria)
        print(f"\n{name}\n\n{fault_table(ledger)}\n{verdict_table(criteria)}")
    print("Every promise holds." if all_hold else "Not every promise holds.")
    if arguments.out is not None:
        _written(arguments.out, where, ledgers, _command(arguments), provider)
    return EXIT_HOLDS if all_hold else EXIT_DOES_NOT_HOLD


def _written(out: Path, where: Surroundings, ledgers: dict[str, Ledger], command: str, provider: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    drills = list(ledgers.values())
    (out / "drill.json").write_text(as_json(drills, where, command, is_own=bool(provider)), encoding="utf-8")
    page = as_markdown(drills, where, command, provider)
    for index, (name, ledger) in enumerate(ledgers.items()):
        file = out / ("drill.png" if index == 0 else f"drill-{name}.png")
        try:
            file.write_bytes(as_png(ledger, f"The drill: {ledger.engine}; unplugged by {ledger.way}"))
        except NoPicture as error:
            print(error, file=sys.stderr)
            break
        page = page.replace(
            f"## {ledger.engine}\n", f"## {ledger.engine}\n\n![Who answered when]({file.name})\n", 1
        )
    (out / "drill.md").write_text(page, encoding="utf-8")
    print(f"Written: {out / 'drill.md'}, drill.json and the picture.")


def _command(arguments: Namespace) -> str:
    """The command line again, as somebody would type it."""
    words = ["local-ai-router drill unplug"]
    for flag in ("provider", "engine", "faults", "seconds", "rounds", "seed"):
        value = getattr(arguments, flag)
        if value and not (arguments.provider and flag in {"engine", "rounds", "seed"}):
            words.append(f"--{flag} {value if ' ' not in str(value) else repr(value)}")
    return " ".join([*words, "--quick"] if arguments.quick else words)


def _run(drill: Coroutine[Any, Any, T]) -> T:
    """To its end; SIGTERM breaks it off as Ctrl-C does, so that nothing is left behind."""

    async def main() -> T:
        task = asyncio.ensure_future(drill)
        if sys.platform != "win32":
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await task

    return asyncio.run(main())
