"""POST /v1/messages as Anthropic's API has it (anthropic-version 2023-06-01; the schema that llm-comply 0.5.0
carries, whose newer keys are required though they are null)."""

import json
from collections.abc import Iterator
from typing import Any

from vendors.server import Answer


def messages(request: dict[str, Any], sentence: str) -> Answer:
    """An answer, or its events; a use of the first tool where one is required, thinking where it is enabled."""
    for name, kind in (("model", str), ("max_tokens", int), ("messages", list)):
        if not isinstance(request.get(name), kind):
            return _fault(f"{name}: Field required")
    content, reason = _content(request, sentence)
    message = {
        "id": "msg_scripted",
        "type": "message",
        "role": "assistant",
        "model": request["model"],
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "usage": _usage(12),
    }
    if not request.get("stream"):
        return Answer.of(message)
    body = b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in _events(message)
    )
    return Answer(200, body, {"content-type": "text/event-stream; charset=utf-8"}, is_chunked=True)


def _content(request: dict[str, Any], sentence: str) -> tuple[list[dict[str, Any]], str]:
    """What the model says, and why it stops."""
    if request.get("tools") and (request.get("tool_choice") or {}).get("type") == "any":
        call = {
            "type": "tool_use",
            "id": "toolu_1",
            "name": request["tools"][0]["name"],
            "input": {"location": "San Francisco"},
            "caller": {"type": "direct"},
        }
        return [call], "tool_use"
    text = {"type": "text", "text": sentence, "citations": None}
    if (request.get("thinking") or {}).get("type") == "enabled":
        return [{"type": "thinking", "thinking": "A capital is asked for.", "signature": "c2ln"}, text], "end_turn"
    return [text], "end_turn"


def _events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """In the order that "Streaming Messages" gives."""
    begun = message | {"content": [], "stop_reason": None, "usage": _usage(1)}
    yield {"type": "message_start", "message": begun}
    yield {"type": "ping"}
    for index, block in enumerate(message["content"]):
        empty, deltas = _streamed(block)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 12}}
    yield {"type": "message_stop"}


def _streamed(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A block as it starts, and what is added to it."""
    match block["type"]:
        case "text":
            words = [{"type": "text_delta", "text": word + " "} for word in block["text"].split()]
            return block | {"text": ""}, words
        case "thinking":
            thought = {"type": "thinking_delta", "thinking": block["thinking"]}
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return block | {"thinking": "", "signature": ""}, [thought, signed]
    return block | {"input": {}}, [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]


def _usage(output_tokens: int) -> dict[str, Any]:
    return {
        "input_tokens": 9,
        "output_tokens": output_tokens,
        "cache_creation": None,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "inference_geo": None,
        "output_tokens_details": None,
        "server_tool_use": None,
        "service_tier": "standard",
    }


def _fault(message: str) -> Answer:
    return Answer.of({"type": "error", "error": {"type": "invalid_request_error", "message": message}}, 400)
