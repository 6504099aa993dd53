"""What was spoken before: in memory and on disk, by what was said, by whom and how."""

from router.speech.cache.cache import AudioCache
from router.speech.cache.entry import CachedAudio
from router.speech.cache.flights import Flights
from router.speech.cache.keys import answer_key, segment_key

__all__ = ["AudioCache", "CachedAudio", "Flights", "answer_key", "segment_key"]
