"""A language model's server that answers every route exactly as its specification says: what suites pass against
it, they must pass through the router.

Chat completions and transcriptions follow openai-openapi 2.3.0 as llm-comply 0.5.0 carries it, responses Open
Responses 2026-04-24 (`complete_responses.py`), messages Anthropic's API as llm-comply 0.5.0 carries it
(`complete_messages.py`). It understands nothing: it calls the first tool when it must call one, writes down the
recordings that it knows, and else says the same sentence.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from vendors.complete_messages import messages
from vendors.complete_responses import responses
from vendors.server import Answer, Asked, Mode, Vendor

CREATED = 1_767_225_600
SENTENCE = "Paris is the capital of France."
OPENAI_MODEL = "gpt-5-scripted"  # suites test reasoning only of names that they know
ANTHROPIC_MODEL = "claude-sonnet-4-scripted"
HEARD = {  # by SHA-256: the recordings of openai-tests 0.1.0
    "d0f8b609699076e05fd7db63f50ee31d20c1b4a29794bc8ce896954d1a42c06b": (
        "Alpha Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliet Kilo Lima Mike November Oscar Papa Quebec "
        "Romeo Sierra Tango Uniform Victor Whiskey X Ray Yankee Zulu"
    ),
    "357abe9bb39e1f03f1b832949eed70930d387b8580af0a80f0b5dac695af5e4e": (
        "The quick brown fox jumps over the lazy dog"
    ),
}


class CompleteLlm(Vendor):
    """Takes every key, or none."""

    name = "complete_llm"

    def is_speech(self, asked: Asked) -> bool:
        """It has none."""
        return False

    def has_key(self, asked: Asked) -> bool:
        """Any."""
        return True

    def refusal(self, mode: Mode) -> Answer:
        """Of BAD_KEY; nothing else is refused."""
        return _fault("Incorrect API key provided.", None, 401)

    def answer(self, asked: Asked) -> Answer:
        """See the module."""
        if asked.path == "/v1/models":
            rows = [
                {"id": name, "object": "model", "created": CREATED, "owned_by": "scripted"}
                for name in (OPENAI_MODEL, ANTHROPIC_MODEL)
            ]
            return Answer.of({"object": "list", "data": rows})
        if asked.path == "/v1/audio/transcriptions":
            return _transcription(asked.body)
        try:
            return self._understood(asked.path, asked.json)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as exc:
            return _fault(f"We could not understand your request: {type(exc).__name__}.", None, 400)

    def _understood(self, path: str, request: dict[str, Any]) -> Answer:
        """Raises whatever a body of other kinds than expected leads to."""
        if path == "/v1/messages":
            return messages(request, SENTENCE)
        if not isinstance(request.get("model"), str):
            return _fault("you must provide a model parameter", "model", 400)
        match path:
            case "/v1/chat/completions":
                return _chat(request)
            case "/v1/responses":
                return responses(request, SENTENCE)
            case "/v1/completions":
                return _completion(request)
            case "/v1/embeddings":
                return _embeddings(request)
        return _fault(f"Invalid URL ({path})", None, 404)


def _chat(request: dict[str, Any]) -> Answer:
    """POST /v1/chat/completions."""
    if not isinstance(request.get("messages"), list) or not request["messages"]:
        return _fault("Missing required parameter: 'messages'.", "messages", 400)
    message, reason = _message(request)
    if request.get("stream"):
        usage = (request.get("stream_options") or {}).get("include_usage") is True
        return _events(_chunks(request["model"], message, reason, has_usage=usage))
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    return Answer.of(_document(request["model"], "chat.completion", [choice]) | {"usage": _usage()})


def _completion(request: dict[str, Any]) -> Answer:
    """POST /v1/completions."""
    choice = {"index": 0, "text": SENTENCE, "logprobs": None, "finish_reason": "stop"}
    document = _document(request["model"], "text_completion", [choice])
    return _events(iter([document])) if request.get("stream") else Answer.of(document | {"usage": _usage()})


def _embeddings(request: dict[str, Any]) -> Answer:
    """POST /v1/embeddings: a vector that says nothing, for each text."""
    given = request["input"]
    texts = [given] if isinstance(given, str) or not given or isinstance(given[0], int) else given
    rows = [{"object": "embedding", "index": at, "embedding": [0.6, 0.8]} for at in range(len(texts))]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return Answer.of({"object": "list", "data": rows, "model": request["model"], "usage": usage})


def _message(request: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What the model says, and why it stops."""
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
    if request.get("tools") and request.get("tool_choice") == "required":
        function = {"name": request["tools"][0]["function"]["name"], "arguments": '{"location":"San Francisco"}'}
        return message | {"tool_calls": [{"id": "call_1", "type": "function", "function": function}]}, "tool_calls"
    return message | {"content": next(_heard(request["messages"]), SENTENCE)}, "stop"


def _heard(messages: list[Any]) -> Iterator[str]:
    """What is said in recordings that it knows, or was written down of them before."""
    for message in messages:
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        for part in parts:
            if part.get("type") == "input_audio":
                yield from _known(part["input_audio"]["data"])
            yield from (text for text in HEARD.values() if text in str(part.get("text")))


def _known(encoded: str) -> Iterator[str]:
    try:
        digest = hashlib.sha256(base64.b64decode(encoded, validate=True)).hexdigest()
    except binascii.Error:
        return
    if digest in HEARD:
        yield HEARD[digest]


def _transcription(form: bytes) -> Answer:
    """POST /v1/audio/transcriptions: a part of the form is the recording."""
    for part in form.split(b"\r\n--"):
        _, _, content = part.partition(b"\r\n\r\n")
        text = HEARD.get(hashlib.sha256(content).hexdigest())
        if text is not None:
            return Answer.of({"text": text})
    return _fault("The audio file could not be decoded.", "file", 400)


def _chunks(model: str, message: dict[str, Any], reason: str, *, has_usage: bool) -> Iterator[dict[str, Any]]:
    first = {"role": "assistant", "content": "", "refusal": None}
    deltas: list[dict[str, Any]] = [first]
    if message["content"] is not None:
        deltas += [{"content": word} for word in message["content"].split()]
    else:
        deltas.append({"tool_calls": [{"index": 0, **message["tool_calls"][0]}]})
    for delta in deltas:
        yield _chunk(model, [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])
    yield _chunk(model, [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": reason}])
    if has_usage:
        yield _chunk(model, []) | {"usage": _usage()}


def _chunk(model: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return _document(model, "chat.completion.chunk", choices)


def _document(model: str, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-scripted",
        "object": kind,
        "created": CREATED,
        "model": model,
        "choices": choices,
        "service_tier": "default",
    }


def _usage() -> dict[str, Any]:
    return {
        "prompt_tokens": 9,
        "completion_tokens": 12,
        "total_tokens": 21,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0},
    }


def _events(documents: Iterator[dict[str, Any]]) -> Answer:
    body = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in documents) + b"data: [DONE]\n\n"
    return Answer(200, body, {"content-type": "text/event-stream; charset=utf-8"}, is_chunked=True)


def _fault(message: str, param: str | None, status: int) -> Answer:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": None}
    return Answer.of({"error": error}, status)
