"""The engines this node knows. A row here imports nothing: heavy libraries live in the child process only."""

from dataclasses import dataclass
from importlib import import_module

from tts_node.voices import Catalogue


@dataclass(frozen=True, slots=True)
class EngineDescriptor:
    """What the node must know of an engine without loading it."""

    id: str  # the model name clients use
    factory: str  # "module:callable(device) -> Engine", imported in the child
    voices: str  # "module:CATALOGUE", static tables, imported by the node
    uses_gpu: bool = False

    def catalogue(self) -> Catalogue:
        """The voices; must not need the engine's library."""
        module, _, name = self.voices.partition(":")
        found = getattr(import_module(module), name)
        assert isinstance(found, Catalogue)
        return found


ESPEAK = EngineDescriptor(
    id="espeak",
    factory="tts_node.engines.espeak:EspeakEngine",
    voices="tts_node.engines.espeak_voices:CATALOGUE",
)

REGISTRY = {descriptor.id: descriptor for descriptor in (ESPEAK,)}
DEFAULT_ENGINE = ESPEAK.id

# OpenAI's model names mean whatever this node speaks with.
DEFAULT_MODEL_NAMES = frozenset({"", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"})
