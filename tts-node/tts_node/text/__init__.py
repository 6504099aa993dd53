"""What is spoken: a client's text to the pieces an engine takes. Pure; the libraries load with their first use."""

from tts_node.text.dictionary import NO_DICTIONARY, Dictionary, DictionaryError, parse_dictionary, read_dictionary
from tts_node.text.script import script_of

__all__ = [
    "NO_DICTIONARY",
    "Dictionary",
    "DictionaryError",
    "parse_dictionary",
    "read_dictionary",
    "script_of",
]
