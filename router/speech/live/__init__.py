"""Cutting a text into segments while it is still being written."""

from router.speech.live.cutting import QUICK_WIDTH
from router.speech.live.unfolding import Unfolding

__all__ = ["QUICK_WIDTH", "Unfolding"]
