"""Who is measured, in the order of the report."""

import contextlib
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from bench.contenders import haproxy, litellm, nginx, ours, plain, portkey, sglang, vllm
from bench.contenders.contender import Contender, CouldNotStart, Place, Recipe
from bench.contenders.start import started
from bench.servers import Server, server
from router.drill.ports import free_port

_RECIPES: Final[Mapping[str, Callable[[Place], Recipe]]] = {
    "nginx": nginx.recipe,
    "haproxy": haproxy.recipe,
    "sglang-router": sglang.recipe,
    "vllm-router": vllm.recipe,
    "vllm-router-rr": vllm.round_robin_recipe,
    "portkey": portkey.recipe,
    "litellm": litellm.recipe,
    "plain": plain.recipe,
    "seed": plain.seed_recipe,
    "router": ours.recipe,
}
NAMES: Final = tuple(_RECIPES)


class LineUp(NamedTuple):
    """`contenders` run and were proven; `missing` could not be started: the reasons, by name."""

    contenders: tuple[Contender, ...]
    missing: dict[str, str]


@contextlib.contextmanager
def everyone(
    directory: Path,
    core: int,
    upstream_port: int,
    key: str,
    tell: Callable[[str], None],
    only: Collection[str] | None = None,
    python: str = sys.executable,
) -> Iterator[LineUp]:
    """All gateways (those named in `only`), running on `core`, each with a folder of its name in `directory`.
    `python`: see `Place`.

    Raises ValueError when `only` names one that there is not.
    """
    if unknown := set(only or ()).difference(NAMES):
        raise ValueError(f"no such contender: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    missing: dict[str, str] = {}
    contenders: list[Contender] = []
    with contextlib.ExitStack() as stack:
        for name in (each for each in NAMES if only is None or each in only):
            place = Place(directory / name, free_port(), upstream_port, key, python)
            try:
                contenders.append(stack.enter_context(started(_RECIPES[name](place), place, core)))
            except CouldNotStart as reason:
                missing[name] = str(reason)
                tell(f"{name} could not be started: {reason}\n{reason.log}".rstrip())
            else:
                tell(f"{name} answers after {contenders[-1].start_s:.2f} s ({contenders[-1].setup})")
        yield LineUp(tuple(contenders), missing)


@contextlib.contextmanager
def upstream(directory: Path, core: int) -> Iterator[Server]:
    """The mock upstream, running. Raises CannotMeasure."""
    port = free_port()
    command = [sys.executable, "-m", "bench.upstream", str(port)]
    with server(command, port, core, directory / "upstream.log") as it:
        yield it
