"""From a request's text to what an engine is given, piece by piece. The one entrance to this package. Pure.

The router cuts and cleans what it sends (`segment`); the node makes it speakable, since only it knows the
engine. A client without a router gets the cutting here.
"""

from tts_node.domain import Piece
from tts_node.engines.descriptor import EngineDescriptor
from tts_node.text.cleaning import is_speakable, without_controls, without_symbols
from tts_node.text.dictionary import Dictionary
from tts_node.text.tags import has_tag, spell_tags, strip_tags


def script_of(
    text: str, language: str | None, descriptor: EngineDescriptor, dictionary: Dictionary, *, is_segment: bool
) -> tuple[Piece, ...]:
    """The pieces in order, each with the silence after it; none where nothing can be spoken.

    An engine that reads figures itself gets the text as it came, but for the dictionary and for tags.
    A segment is one piece however many sentences it has, unless it is too long for the engine; then it is
    cut all the same, and joined without a pause.
    """
    text = dictionary.applied(text, language)
    text = spell_tags(text) if descriptor.keeps_tags else strip_tags(text)
    if descriptor.reads_numbers:
        return (Piece(text),) if text.strip() else ()
    # Not imported above: an espeak node never needs the languages' tables.
    from tts_node.text.speakable import make_speakable

    text = without_symbols(make_speakable(without_controls(text), language))
    pieces = _pieces(text, language, descriptor.piece_chars, is_segment=is_segment)
    return tuple(piece for piece in pieces if is_speakable(piece.text) or has_tag(piece.text))


def _pieces(text: str, language: str | None, cap: int | None, *, is_segment: bool) -> tuple[Piece, ...]:
    from tts_node.text.pieces import pieces_of, width

    whole = " ".join(text.split())
    if cap is None or (is_segment and width(whole) <= cap):
        return (Piece(whole),)
    pieces = pieces_of(text, language, cap)
    return tuple(Piece(piece.text) for piece in pieces) if is_segment else pieces
