"""Chatterbox's own voices and languages as static tables: each model has one voice, others are cloned."""

from tts_node.domain import Voice
from tts_node.voices.catalogue import Catalogue

VOICE = "chatterbox"

# A client that names one of OpenAI's voices hears the model's own, until somebody clones one of that name.
_OPENAI_NAMES = (
    *("alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin"),
    "cedar",
)

# chatterbox.mtl_tts.SUPPORTED_LANGUAGES of 0.1.7; a test compares.
MULTILINGUAL_LANGUAGES = (
    *("ar", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "it", "ja", "ko", "ms", "nl", "no", "pl"),
    *("pt", "ru", "sv", "sw", "tr", "zh"),
)

# What people write and the model calls otherwise. A region (`de-AT`) is cut off by the catalogue itself.
_LANGUAGE_ALIASES = {"nb": "no", "nn": "no", "iw": "he", "cmn": "zh"}


def _catalogue(model: str, languages: tuple[str, ...], aliases: dict[str, str]) -> Catalogue:
    return Catalogue(
        voices=(Voice(VOICE, "Chatterbox", "en", "neutral", model),),
        languages={tag: tag for tag in languages} | aliases,
        default_voice=VOICE,
        aliases={"default": VOICE} | dict.fromkeys(_OPENAI_NAMES, VOICE),
    )


TURBO = _catalogue("chatterbox-turbo", ("en",), {})
NANO = _catalogue("chatterbox-nano", ("en",), {})
ORIGINAL = _catalogue("chatterbox", ("en",), {})
MULTILINGUAL = _catalogue("chatterbox-multilingual", MULTILINGUAL_LANGUAGES, _LANGUAGE_ALIASES)
