"""What the node must know of an engine without loading it: values only, nothing heavy is imported."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec

from tts_node.domain import OptionValue
from tts_node.voices.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class EngineOption:
    """A parameter of a request that an engine understands: numbers between two bounds, or a switch."""

    kind: type[bool] | type[int] | type[float]
    default: OptionValue
    low: float = 0.0
    high: float = 0.0
    help: str = ""


@dataclass(frozen=True, slots=True)
class Cloning:
    """How an engine copies a voice from a recording."""

    min_s: float  # below this it refuses
    best_s: float  # it listens to no more


def always() -> bool:
    """True."""
    return True


@dataclass(frozen=True, slots=True)
class EngineDescriptor:
    """One engine."""

    id: str  # the model name clients use
    factory: str  # "module:callable(EngineConfig) -> Engine", imported in the child
    voices: str  # "module:CATALOGUE", static tables, imported by the node
    package: str | None = None  # the module that must be installed; None: nothing beyond this project
    is_in_package: Callable[[], bool] = always  # whether the package, being there, has this model too
    needs_weights: bool = False
    uses_gpu: bool = False
    memory_mb: int = 0  # of the device when loaded: what the memory budget counts
    piece_chars: int | None = None  # the longest text it speaks well at once; None: any
    reads_numbers: bool = True  # whether it speaks figures, units and dates by itself
    keeps_tags: bool = False  # whether [laugh] and its like are performed; otherwise they are not spoken
    varies: bool = False  # whether two takes without a seed differ
    has_speed: bool = True  # whether it speaks faster or slower by itself; otherwise the node stretches
    options: Mapping[str, EngineOption] = field(default_factory=dict)
    cloning: Cloning | None = None  # None: it has voices of its own only

    @property
    def is_installed(self) -> bool:
        """Whether its package is there and has it; imports nothing."""
        return self.package is None or (find_spec(self.package) is not None and self.is_in_package())

    def catalogue(self) -> Catalogue:
        """Its own voices; must not need the engine's library."""
        module, _, name = self.voices.partition(":")
        found = getattr(import_module(module), name)
        assert isinstance(found, Catalogue)
        return found
