"""POST /v1/responses as Open Responses 2026-04-24 has it, whose schema requires every key; llm-comply 0.5.0 holds
answers and each event to it."""

import json
from collections.abc import Iterator
from typing import Any

from vendors.server import Answer

CREATED = 1_767_225_600


def responses(request: dict[str, Any], sentence: str) -> Answer:
    """An answer, or its events; a call of the first tool where one is required."""
    if request.get("input") is None:
        error = {
            "message": "Missing required parameter: 'input'.",
            "type": "invalid_request_error",
            "param": "input",
            "code": "missing_required_parameter",
        }
        return Answer.of({"error": error}, 400)
    item = _item(request, sentence)
    if not request.get("stream"):
        return Answer.of(_resource(request, "completed", [item]))
    body = b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event | {'sequence_number': number})}\n\n".encode()
        for number, event in enumerate(_events(request, item))
    )
    return Answer(200, body, {"content-type": "text/event-stream; charset=utf-8"}, is_chunked=True)


def _item(request: dict[str, Any], sentence: str) -> dict[str, Any]:
    if request.get("tools") and request.get("tool_choice") == "required":
        return {
            "type": "function_call",
            "id": "fc_scripted",
            "call_id": "call_1",
            "name": request["tools"][0]["name"],
            "arguments": '{"location":"San Francisco"}',
            "status": "completed",
        }
    return {
        "type": "message",
        "id": "msg_scripted",
        "status": "completed",
        "role": "assistant",
        "content": [_part(sentence)],
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _events(request: dict[str, Any], item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """In the order that its "Streaming" section gives."""
    begun = _resource(request, "in_progress", [])
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    yield {"type": "response.output_item.added", "output_index": 0, "item": _unfinished(item)}
    yield from (_of_text(item) if item["type"] == "message" else _of_call(item))
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield {"type": "response.completed", "response": _resource(request, "completed", [item])}


def _unfinished(item: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {"content": []} if item["type"] == "message" else {"arguments": ""}
    return item | {"status": "in_progress"} | empty


def _of_text(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    where = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    text = item["content"][0]["text"]
    yield {"type": "response.content_part.added", **where, "part": _part("")}
    for word in text.split():
        yield {"type": "response.output_text.delta", **where, "delta": word + " ", "logprobs": []}
    yield {"type": "response.output_text.done", **where, "text": text, "logprobs": []}
    yield {"type": "response.content_part.done", **where, "part": _part(text)}


def _of_call(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    where = {"item_id": item["id"], "output_index": 0}
    kind = "response.function_call_arguments"
    yield {"type": f"{kind}.delta", **where, "delta": item["arguments"]}
    yield {"type": f"{kind}.done", **where, "arguments": item["arguments"]}


def _resource(request: dict[str, Any], status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    """A ResponseResource: every key of it is required."""
    is_over = status == "completed"
    reasoning = request.get("reasoning") or {}
    return {
        "id": "resp_scripted",
        "object": "response",
        "created_at": CREATED,
        "completed_at": CREATED + 1 if is_over else None,
        "status": status,
        "incomplete_details": None,
        "model": request["model"],
        "previous_response_id": request.get("previous_response_id"),
        "instructions": request.get("instructions"),
        "output": output,
        "error": None,
        "tools": [_tool(tool) for tool in request.get("tools") or ()],
        "tool_choice": request.get("tool_choice", "auto"),
        "truncation": "disabled",
        "parallel_tool_calls": True,
        "text": {"format": {"type": "text"}},
        "top_p": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "top_logprobs": 0,
        "temperature": 1,
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "usage": _usage() if is_over else None,
        "max_output_tokens": request.get("max_output_tokens"),
        "max_tool_calls": None,
        "store": True,
        "background": False,
        "service_tier": "default",
        "metadata": {},
        "safety_identifier": None,
        "prompt_cache_key": None,
    }


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    return {"description": None, "parameters": None, "strict": True} | tool


def _usage() -> dict[str, Any]:
    return {
        "input_tokens": 9,
        "output_tokens": 12,
        "total_tokens": 21,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 4},
    }
