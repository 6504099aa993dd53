"""A voice service for Home Assistant and whoever else speaks Wyoming: every voice of the house, by TCP."""

from router.wyoming_server.listener import WyomingServer
from router.wyoming_server.studio import Studio

__all__ = ["Studio", "WyomingServer"]
