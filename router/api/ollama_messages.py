"""The messages of Ollama's chat as OpenAI's (ollama/ollama api/types.go, OpenAI's API reference; 2026-08).

Ollama's calls of tools have objects as arguments where OpenAI's have JSON text, and its results need not say which
call they answer: some clients (Home Assistant) send neither an id nor the tool's name. Then the order tells.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

_DATA_URL: Final = "data:"
# How base64 begins, by the first bytes of what it holds.
_BEGINNINGS: Final = {"/9j/": "jpeg", "iVBOR": "png", "UklGR": "webp", "R0lGOD": "gif"}


class _Function(msgspec.Struct):
    name: str
    arguments: dict[str, Any] | None = None


class _Call(msgspec.Struct):
    function: _Function
    id: str | None = None


class Message(msgspec.Struct):
    """One of Ollama's."""

    role: str
    content: str | None = None
    images: list[str] | None = None
    tool_calls: list[_Call] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


@dataclass(slots=True)
class _Calls:
    """Calls that have not been answered yet, as (id, tool's name), the oldest first."""

    open: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0

    def made(self, calls: Sequence[_Call]) -> list[dict[str, Any]]:
        self.open.clear()
        return [self._call(call) for call in calls]

    def _call(self, call: _Call) -> dict[str, Any]:
        call_id = call.id or self._fresh()
        self.open.append((call_id, call.function.name))
        arguments = msgspec.json.encode(call.function.arguments or {}).decode()
        return {
            "id": call_id,
            "type": "function",
            "function": {"name": call.function.name, "arguments": arguments},
        }

    def answered(self, result: Message) -> str:
        """The id of the call that a result answers."""
        of_it = [each for each in self.open if result.tool_call_id == each[0]]
        by_name = [each for each in self.open if result.tool_name == each[1]]
        found = next(iter([*of_it, *by_name, *self.open]), None)
        if result.tool_call_id and not of_it:
            return result.tool_call_id
        if found is None:
            return self._fresh()
        self.open.remove(found)
        return found[0]

    def _fresh(self) -> str:
        self.count += 1
        return f"call_{self.count}"


def openai_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The same conversation."""
    calls = _Calls()
    return [_translated(message, calls) for message in messages]


def _translated(message: Message, calls: _Calls) -> dict[str, Any]:
    told: dict[str, Any] = {"role": message.role, "content": message.content or ""}
    if message.images:
        told["content"] = _with_images(message.content, message.images)
    if message.tool_calls:
        told["tool_calls"] = calls.made(message.tool_calls)
    if message.role == "tool":
        told["tool_call_id"] = calls.answered(message)
    return told


def _with_images(text: str | None, images: Sequence[str]) -> list[dict[str, Any]]:
    parts = [{"type": "image_url", "image_url": {"url": _url(image)}} for image in images]
    return [{"type": "text", "text": text}, *parts] if text else parts


def _url(image: str) -> str:
    if image.startswith(_DATA_URL):
        return image
    kind = next((kind for begin, kind in _BEGINNINGS.items() if image.startswith(begin)), "jpeg")
    return f"data:image/{kind};base64,{image}"
