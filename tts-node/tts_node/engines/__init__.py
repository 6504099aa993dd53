"""The engines this node knows. A row here imports nothing: heavy libraries live in the child process only."""

from tts_node.engines.chatterbox.rows import ROWS as CHATTERBOX
from tts_node.engines.descriptor import Cloning, EngineDescriptor, EngineOption

__all__ = [
    "CHATTERBOX",
    "DEFAULT_ENGINE",
    "DEFAULT_MODEL_NAMES",
    "ESPEAK",
    "REGISTRY",
    "Cloning",
    "EngineDescriptor",
    "EngineOption",
]

ESPEAK = EngineDescriptor(
    id="espeak",
    factory="tts_node.engines.espeak:EspeakEngine",
    voices="tts_node.engines.espeak_voices:CATALOGUE",
)

REGISTRY = {descriptor.id: descriptor for descriptor in (*CHATTERBOX, ESPEAK)}
DEFAULT_ENGINE = ESPEAK.id

# OpenAI's model names mean whatever this node speaks with.
DEFAULT_MODEL_NAMES = frozenset({"", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"})
