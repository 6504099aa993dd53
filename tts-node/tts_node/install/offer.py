"""What this machine can speak with, decided once at the start: installed, and its weights are there.

Pure but for looking at the disk through `weights.missing`. The order of preference is the project's contract:
the best voice wins, espeak-ng speaks when there is nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tts_node.engines.descriptor import EngineDescriptor
from tts_node.install.weights import missing

AUTO = "auto"
PREFERENCE = ("chatterbox-turbo", "chatterbox-multilingual", "chatterbox", "chatterbox-nano", "espeak")


class NotOffered(Exception):
    """The engine that was asked for by name cannot serve here. The message says what to run."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The engines that serve, the default one, and why each of the others does not."""

    models: tuple[str, ...]
    default: str
    absent: Mapping[str, str]  # model → one line with the command that brings it


def make_offer(registry: Mapping[str, EngineDescriptor], wanted: str, weights_dir: Path) -> Offer:
    """`wanted` is an engine or "auto". Raises NotOffered when that engine, or every engine, is absent."""
    lacks = {name: absence(descriptor, weights_dir) for name, descriptor in registry.items()}
    absent = {name: reason for name, reason in lacks.items() if reason is not None}
    models = tuple(name for name in registry if name not in absent)
    if wanted in absent:
        raise NotOffered(absent[wanted])
    if not models:
        raise NotOffered(" ".join(absent.values()) or "This node knows no engine.")
    return Offer(models, _best(models) if wanted == AUTO else wanted, absent)


def absence(descriptor: EngineDescriptor, weights_dir: Path) -> str | None:
    """Why the engine cannot serve and what to do, in one line; None: it can."""
    name = descriptor.id
    if not descriptor.is_installed:
        if descriptor.package and find_spec(descriptor.package):
            return f"{name} is not in the {descriptor.package} that is installed here; newer ones may have it."
        return f"{name} is not installed here: run `tts-node setup cuda` (or cpu), then start the node again."
    folder = weights_dir / name
    if descriptor.needs_weights and (lacking := missing(name, folder)):
        some = ", ".join(lacking[:3]) + (" …" if lacking[3:] else "")
        return (
            f"The weights of {name} are not all in {folder} ({some}): run `tts-node download {name}`, "
            "then start the node again."
        )
    return None


def _best(models: tuple[str, ...]) -> str:
    return next((name for name in PREFERENCE if name in models), models[0])
