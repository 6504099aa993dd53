"""The Wyoming protocol of Home Assistant's voice services: events ↔ bytes. Pure; for both sides of the house."""

from router.wyoming import messages
from router.wyoming.event import Event, encode
from router.wyoming.reading import EventReader

__all__ = ["Event", "EventReader", "encode", "messages"]
