"""Ollama as of git fb30760 (2026-08-21, about 0.32): its own routes (docs/api.md, api/types.go, server/routes.go)
and OpenAI's (openai/openai.go, middleware/openai.go).

What matters here: a model is loaded by the first request for it and listed in /api/ps while it still loads, its
`expires_at` moving until its first answer is done; /v1 takes no keep_alive and sets it back to the server's own;
a failure in the middle of a stream is a last line `{"error"}` there and a chunk without a model's name here,
behind which the body ends as if it were whole; a foreign Host is a 403 without a body.
"""

import asyncio
import json
import math
import re
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from vendors.server import Answer, Asked, Mode, Vendor

VERSION = "0.32.0"
OWN_KEEP_ALIVE_S = 300.0
WORDS = ("The", " kettle", " is", " on", ".")
BUSY = "server busy, please try again.  maximum pending requests exceeded"
CAPABILITIES = {
    "llama3.2:latest": ["completion", "tools"],
    "qwen3:4b": ["completion", "tools", "thinking"],
    "llava:latest": ["completion", "vision"],
    "nomic-embed-text:latest": ["embedding"],
}
_ASKS = frozenset(
    {
        "/api/chat",
        "/api/generate",
        "/api/embed",
        "/api/embeddings",
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
    }
)
_UNITS_S = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_FOR_EVER_S = 9.2e9


@dataclass(slots=True)
class Runner:
    """A model in memory. `expires_at`: Unix time; None until its first answer is done."""

    keep_s: float
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What the models answer with. `dies_after`: so many words, then the runner crashes."""

    words: tuple[str, ...] = WORDS
    thoughts: tuple[str, ...] = ()
    call: dict[str, Any] | None = None  # {"name", "arguments"}: instead of words
    dies_after: int | None = None
    finish: str = "stop"


class Ollama(Vendor):
    """The fake. It calls the first tool that it is given, once; thinks where it can and may; writes JSON where it
    is told to; and a prompt with the word "die" kills it after two words. `load_s`: how long a load takes; `loads`
    are those that there were, `loaded` is what /api/ps shows.
    """

    name = "ollama"

    def __init__(self, mode: Mode = Mode.WELL, key: str = "", *, load_s: float = 0.0) -> None:
        super().__init__(mode, key)
        self.load_s = load_s
        self.capabilities = dict(CAPABILITIES)
        self.loaded: dict[str, Runner] = {}
        self.loads: list[str] = []
        self.said = Said()
        self.checks_host = True

    def is_speech(self, asked: Asked) -> bool:
        return asked.method == "POST" and asked.path in _ASKS

    def has_key(self, asked: Asked) -> bool:
        return not self.key or asked.headers.get("authorization") == f"Bearer {self.key}"

    def refusal(self, mode: Mode) -> Answer:
        match mode:
            case Mode.BAD_KEY:
                return Answer.of({"error": "unauthorized", "signin_url": "https://ollama.com/connect"}, 401)
            case Mode.QUOTA | Mode.BUSY:
                return Answer.of({"error": "you have reached your usage limit"}, 429)
            case Mode.UNAVAILABLE:
                return Answer.of({"error": BUSY}, 503)
        return Answer.of({"error": "llama runner process has terminated: exit status 2"}, 500)

    async def computed(self, asked: Asked) -> None:
        """Whoever asks for a model that is not there waits until it is loaded."""
        model = self._model(asked)
        if not self.is_speech(asked) or self.mode is not Mode.WELL or model not in self.capabilities:
            return
        self._unload_the_old()
        if model not in self.loaded:
            self.loads.append(model)
            self.loaded[model] = Runner(OWN_KEEP_ALIVE_S)
            await asyncio.sleep(self.load_s)

    def answer(self, asked: Asked) -> Answer:
        host = asked.headers.get("host", "").rpartition(":")[0]
        if self.checks_host and host not in {"127.0.0.1", "localhost", "[::1]"}:
            return Answer(403, b"")
        self._unload_the_old()
        match asked.method, asked.path:
            case "GET" | "HEAD", "/":
                return Answer(200, b"Ollama is running", {"content-type": "text/plain; charset=utf-8"})
            case "GET" | "HEAD", "/api/version":
                return Answer.of({"version": VERSION})
            case "GET" | "HEAD", "/api/tags":
                return Answer.of({"models": [self._tag(name) for name in self.capabilities]})
            case "GET", "/api/ps":
                return Answer.of({"models": [self._running(name) for name in self.loaded]})
            case "GET", "/v1/models":
                entry = {"object": "model", "created": 1, "owned_by": "library"}
                listed = [{"id": name, **entry} for name in self.capabilities]
                return Answer.of({"object": "list", "data": listed or None})
            case "POST", "/api/show":
                return self._shown(asked)
            case "POST", path if path in _ASKS:
                return self._asked_of_a_model(asked)
        return Answer(404, b"404 page not found", {"content-type": "text/plain"})

    # models

    def _model(self, asked: Asked) -> str:
        try:
            named = asked.json
        except ValueError:
            return ""
        name = str(named.get("model") or named.get("name") or "") if isinstance(named, dict) else ""
        return name if ":" in name.rpartition("/")[2] else f"{name}:latest"

    def _unload_the_old(self) -> None:
        now = time.time()
        for name, runner in list(self.loaded.items()):
            if runner.expires_at is not None and runner.expires_at <= now:
                del self.loaded[name]

    def _tag(self, name: str) -> dict[str, Any]:
        details = {"parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"]}
        more = {"parameter_size": "3.2B", "quantization_level": "Q4_K_M", "context_length": 131072}
        return {
            "name": name,
            "model": name,
            "modified_at": "2025-05-04T17:37:44.706015396-07:00",
            "size": 2019393189,
            "digest": "a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72",
            "details": {**details, **more},
            "capabilities": self.capabilities[name],
        }

    def _running(self, name: str) -> dict[str, Any]:
        tag, runner = self._tag(name), self.loaded[name]
        until = runner.expires_at if runner.expires_at is not None else time.time() + runner.keep_s
        told = datetime.fromtimestamp(min(until, 2e10), UTC).isoformat()
        del tag["modified_at"], tag["capabilities"]
        return {**tag, "expires_at": told, "size_vram": tag["size"], "context_length": 4096}

    def _shown(self, asked: Asked) -> Answer:
        name = self._model(asked)
        if name not in self.capabilities:
            return Answer.of({"error": f"model '{name}' not found"}, 404)
        info = {"general.architecture": "llama", "llama.context_length": 131072}
        details = self._tag(name)["details"]
        shown = {"modelfile": "", "template": "{{ .Prompt }}", "details": details, "model_info": info}
        more = {"capabilities": self.capabilities[name], "modified_at": "2025-05-04T17:37:44-07:00"}
        return Answer.of({**shown, **more})

    # what is asked of them

    def _asked_of_a_model(self, asked: Asked) -> Answer:
        body, is_v1 = asked.json, asked.path.startswith("/v1/")
        name = self._model(asked)
        if name not in self.capabilities:
            return _refused(404, f"model '{name.removesuffix(':latest')}' not found", is_v1=is_v1)
        if _thinks(body) and "thinking" not in self.capabilities[name]:
            return _refused(400, f'"{name}" does not support thinking', is_v1=is_v1)
        if asked.path.endswith(("embed", "embeddings")):
            return self._embedded(asked, body, name)
        if "completion" not in self.capabilities[name]:
            kind = "generate" if asked.path == "/api/generate" else "chat"
            return _refused(400, f'"{name}" does not support {kind}', is_v1=is_v1)
        if body.get("tools") and "tools" not in self.capabilities[name]:
            return _refused(400, f"registry.ollama.ai/library/{name} does not support tools", is_v1=is_v1)
        if is_v1:
            self._keep(name, OWN_KEEP_ALIVE_S)
            return self._v1_streamed(body, name) if body.get("stream") else self._v1_whole(body, name)
        return self._native(asked, body, name)

    def _keep(self, name: str, keep_s: float) -> None:
        runner = self.loaded.setdefault(name, Runner(keep_s))
        runner.keep_s, runner.expires_at = keep_s, time.time() + keep_s

    def _native(self, asked: Asked, body: dict[str, Any], name: str) -> Answer:
        try:
            keep_s = seconds_of(body.get("keep_alive"))
        except ValueError as exc:
            return Answer.of({"error": str(exc)}, 400)
        is_chat = asked.path == "/api/chat"
        self._keep(name, keep_s)
        if not (body.get("messages") if is_chat else body.get("prompt")):
            reason = "load" if keep_s else "unload"
            if not keep_s:
                self.loaded.pop(name, None)
            return Answer.of({**_head(body), **_words("", is_chat=is_chat), "done": True, "done_reason": reason})
        lines = list(self._lines(body, is_chat=is_chat))
        if body.get("stream", True):
            text = "".join(json.dumps(line) + "\n" for line in lines).encode()
            return Answer(200, text, {"content-type": "application/x-ndjson"}, is_chunked=True)
        if "error" in lines[-1]:
            return Answer.of(lines[-1], 500)
        told = self._saying(body)
        said, thoughts = "" if told.call else "".join(told.words), "".join(told.thoughts)
        return Answer.of({**lines[-1], **_words(said, is_chat=is_chat, call=told.call, thinking=thoughts)})

    def _saying(self, body: dict[str, Any]) -> Said:
        """What it will say to this."""
        said, messages = self.said, body.get("messages") or [{"content": body.get("prompt")}]
        name = str(body["model"])
        name = name if ":" in name else f"{name}:latest"
        if body.get("tools") and messages[-1].get("role") != "tool":
            function = body["tools"][0]["function"]
            said = replace(said, call={"name": function["name"], "arguments": {"city": "Tokyo"}})
        if "thinking" in self.capabilities[name] and _thinks(body) is not False:
            said = replace(said, thoughts=("Hm", "."))
        if body.get("format") or body.get("response_format"):
            said = replace(said, words=('{"answer"', ": 42}"))
        if "die" in str(messages[-1].get("content")):
            said = replace(said, dies_after=2)
        return said

    def _lines(self, body: dict[str, Any], *, is_chat: bool) -> Any:
        said, head = self._saying(body), _head(body)
        for thought in said.thoughts:
            yield {**head, **_words("", is_chat=is_chat, thinking=thought), "done": False}
        if said.call:
            yield {**head, **_words("", is_chat=is_chat, call=said.call), "done": False}
        for number, word in enumerate(() if said.call else said.words):
            if number == said.dies_after:
                yield {"error": "an error was encountered while running the model"}
                return
            yield {**head, **_words(word, is_chat=is_chat), "done": False}
        took = {"total_duration": 5_000_000, "load_duration": 1_000_000, "prompt_eval_duration": 1_000_000}
        counts = {"prompt_eval_count": 11, "eval_count": len(said.words), "eval_duration": 3_000_000}
        yield {**head, **_words("", is_chat=is_chat), "done": True, "done_reason": said.finish, **took, **counts}

    def _v1_whole(self, body: dict[str, Any], name: str) -> Answer:
        said = self._saying(body)
        if said.dies_after is not None:
            return _refused(500, "an error was encountered while running the model", is_v1=True)
        message: dict[str, Any] = {"role": "assistant", "content": "" if said.call else "".join(said.words)}
        if said.thoughts:
            message["reasoning"] = "".join(said.thoughts)
        if said.call:
            message["tool_calls"] = [_v1_call(said.call)]
        told = {"index": 0, "message": message, "finish_reason": "tool_calls" if said.call else said.finish}
        if "prompt" in body:
            told = {"index": 0, "text": message["content"], "finish_reason": said.finish}
        head = {**_v1_head(body, name), "object": "chat.completion"}
        return Answer.of({**head, "choices": [told], "usage": _usage(said)})

    def _v1_streamed(self, body: dict[str, Any], name: str) -> Answer:
        said, chunks = self._saying(body), list[dict[str, Any]]()
        thoughts = said.thoughts
        deltas: list[dict[str, Any]] = [
            {"role": "assistant", "content": "", "reasoning": each} for each in thoughts
        ]
        deltas += [] if said.call else [{"role": "assistant", "content": word} for word in said.words]
        if said.call:
            deltas.append({"role": "assistant", "content": "", "tool_calls": [_v1_call(said.call)]})
        for number, delta in enumerate(deltas):
            if number == said.dies_after:
                chunks.append({**_v1_head(body, ""), "choices": [_choice({"role": "assistant", "content": ""})]})
                return _events(chunks, is_whole=False)
            choice = _choice(delta)
            if "prompt" in body:
                choice = {"index": 0, "text": delta["content"], "finish_reason": None}
            chunks.append({**_v1_head(body, name), "choices": [choice]})
        finish = "tool_calls" if said.call else said.finish
        chunks.append({**_v1_head(body, name), "choices": [_choice({"role": "assistant", "content": ""}, finish)]})
        if (body.get("stream_options") or {}).get("include_usage"):
            chunks.append({**_v1_head(body, name), "choices": [], "usage": _usage(said)})
        return _events(chunks, is_whole=True)

    def _embedded(self, asked: Asked, body: dict[str, Any], name: str) -> Answer:
        given = body.get("prompt") if asked.path == "/api/embeddings" else body.get("input")
        texts = [given] if isinstance(given, str) else given or []
        vectors = [_vector(text) for text in texts if text]
        self._keep(name, OWN_KEEP_ALIVE_S)
        if asked.path == "/api/embeddings":
            return Answer.of({"embedding": vectors[0] if vectors else []})
        if asked.path == "/api/embed":
            told = {"model": body["model"], "embeddings": vectors, "total_duration": 2_000_000}
            return Answer.of({**told, "load_duration": 1_000_000, "prompt_eval_count": 3})
        data = [{"object": "embedding", "embedding": v, "index": i} for i, v in enumerate(vectors)]
        usage = {"prompt_tokens": 3, "total_tokens": 3}
        return Answer.of({"object": "list", "data": data, "model": body["model"], "usage": usage})


def seconds_of(keep_alive: object) -> float:
    """A Go duration, or seconds; negative means for ever. Raises ValueError in Ollama's words."""
    if keep_alive is None:
        return OWN_KEEP_ALIVE_S
    if isinstance(keep_alive, int | float):
        return _FOR_EVER_S if keep_alive < 0 else float(keep_alive)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", str(keep_alive))
    if not re.fullmatch(r"-?(\d+(\.\d+)?(ms|s|m|h))+", str(keep_alive)):
        raise ValueError(f'time: missing unit in duration "{keep_alive}"')
    return _FOR_EVER_S if str(keep_alive).startswith("-") else sum(float(n) * _UNITS_S[unit] for n, unit in parts)


def _thinks(body: dict[str, Any]) -> bool | None:
    """Whether it is to; None: as the model likes."""
    think = body.get("think", body.get("reasoning_effort"))
    return None if think is None else think not in {False, "none"}


def _refused(status: int, message: str, *, is_v1: bool) -> Answer:
    if not is_v1:
        return Answer.of({"error": message}, status)
    kind = {400: "invalid_request_error", 404: "not_found_error"}.get(status, "api_error")
    return Answer.of({"error": {"message": message, "type": kind, "param": None, "code": None}}, status)


def _head(body: dict[str, Any]) -> dict[str, Any]:
    return {"model": body["model"], "created_at": datetime.now(UTC).isoformat().replace("+00:00", "Z")}


def _words(said: str, *, is_chat: bool, thinking: str = "", call: dict[str, Any] | None = None) -> dict[str, Any]:
    more: dict[str, Any] = {"thinking": thinking} if thinking else {}
    if not is_chat:
        return {"response": said, **more}
    if call:
        more["tool_calls"] = [{"id": "call_7a", "function": {"index": 0, **call}}]
    return {"message": {"role": "assistant", "content": said, **more}}


def _v1_head(body: dict[str, Any], name: str) -> dict[str, Any]:
    kind = "text_completion" if "prompt" in body else "chat.completion.chunk"
    named = body["model"] if name else ""
    return {"id": "chatcmpl-7", "object": kind, "created": 1, "model": named, "system_fingerprint": "fp_ollama"}


def _choice(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _v1_call(call: dict[str, Any]) -> dict[str, Any]:
    arguments = json.dumps(call["arguments"], separators=(",", ":"))
    function = {"name": call["name"], "arguments": arguments}
    return {"id": "call_7a", "index": 0, "type": "function", "function": function}


def _events(chunks: list[dict[str, Any]], *, is_whole: bool) -> Answer:
    text = "".join(f"data: {json.dumps(chunk, separators=(',', ':'))}\n\n" for chunk in chunks)
    text += "data: [DONE]\n\n" if is_whole else ""
    return Answer(200, text.encode(), {"content-type": "text/event-stream"}, is_chunked=True)


def _usage(said: Said) -> dict[str, int]:
    written = len(said.words)
    return {"prompt_tokens": 11, "completion_tokens": written, "total_tokens": 11 + written}


def _vector(text: str) -> list[float]:
    raw = [float(text.count(letter)) + 1.0 for letter in "aeiou"]
    length = math.sqrt(sum(each * each for each in raw))
    return [round(each / length, 6) for each in raw]
