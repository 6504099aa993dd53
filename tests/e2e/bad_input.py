"""Requests as bytes that clients refuse to send, and what the router must answer to a bad one."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from llm.wire import READ_BYTES, ResponseReader
from processes import Process, start_node, start_router, start_upstream, wait_until

CHAT, SPEECH, MESSAGES = "/v1/chat/completions", "/v1/audio/speech", "/v1/messages"
MODEL_ROUTES = (CHAT, "/v1/completions", "/v1/embeddings", "/v1/responses", MESSAGES)
KEYS: Final = ["code", "message", "param", "type"]
# Anthropic API reference, "Errors"; what it has no word for is an api_error.
ANTHROPIC_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "api_error",
    413: "request_too_large",
    508: "api_error",
}
BODY_LIMIT: Final = 64 * 1024
TIMEOUT_S: Final = 60.0  # a guard: nothing waits for it


@dataclass(frozen=True, slots=True)
class Case:
    """A request and what must come back. `param` is the field that the error names."""

    name: str
    path: str
    body: bytes
    status: int = 400
    param: str | None = None
    code: str | None = None
    method: str = "POST"
    headers: tuple[str, ...] = ()
    header: tuple[str, str] | None = field(default=None)

    def __str__(self) -> str:
        return f"{self.name} on {self.path}"


@contextmanager
def small_router(folder: Path) -> Iterator[Process]:
    """A router with a small body limit, in front of an espeak node, a scripted LLM and the demo."""
    with start_node(folder) as node, start_upstream(folder, "m") as upstream:
        config = f"""\
server: {{max_body_mb: {BODY_LIMIT / 2**20}}}
speech: {{max_input_chars: 4096}}
providers:
  node: {{kind: tts-node, url: "{node.base_url}"}}
  llm: {{kind: openai, url: "{upstream.base_url}"}}
  demo: {{kind: demo}}
"""
        with start_router(config, folder) as running:
            yield running


def exchange(port: int, raw: bytes) -> ResponseReader:
    """Send bytes, read one answer."""
    reader = ResponseReader()
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        connection.sendall(raw)  # it is never reset, even when it was answered before it had read all
        while not reader.is_complete:
            data = connection.recv(READ_BYTES)
            assert data, f"cut after {bytes(reader.body)!r}"
            reader.feed(data)
    return reader


def raw_request(case: Case, port: int) -> bytes:
    """The request as bytes; a case's own headers replace Host and Content-Length."""
    own = {line.partition(":")[0].lower() for line in case.headers}
    lines = [f"{case.method} {case.path} HTTP/1.1"]
    if "host" not in own:
        lines.append(f"Host: 127.0.0.1:{port}")
    lines += ["Content-Type: application/json", *case.headers]
    if not own & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(case.body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + case.body


def check(router: Process, case: Case) -> None:
    """The answer to one case is the right one, and the router is none the worse."""
    answer = exchange(router.port, raw_request(case, router.port))
    body = bytes(answer.body)
    assert answer.status == case.status, body
    error = json.loads(body)["error"]
    if case.path.startswith(MESSAGES):
        assert json.loads(body)["type"] == "error"
        assert sorted(error) == ["message", "type"]
        assert error["type"] == ANTHROPIC_TYPES[case.status]
    else:
        assert sorted(error) == KEYS
        assert error["param"] == case.param, body
        if case.code is not None:
            assert error["code"] == case.code
    assert isinstance(error["message"], str)
    assert len(error["message"]) > 5
    assert "Traceback" not in error["message"]
    assert len(answer.header("x-request-id")) == 1
    assert len(answer.header("x-router-error")) == 1
    assert answer.header("content-type") == ["application/json"]
    assert {len(answer.header(name)) for name, _ in answer.headers} == {1}, answer.headers
    if case.header is not None:
        assert answer.header(case.header[0]) == [case.header[1]]
    assert router.get("/health").status_code == 200
    line = logged(router, answer.header("x-request-id")[0])
    assert line["status"] == case.status
    assert line["outcome"].startswith("caller_"), line


def logged(router: Process, request_id: str) -> dict[str, Any]:
    """The access log's line of a request; the log is written by a thread of its own, so it may come late, and
    in two pieces."""
    mark = f'"id":"{request_id}"'
    whole = re.compile(f"^.*{re.escape(mark)}.*(?=\n)", re.MULTILINE)
    line = wait_until(f"a log line of {request_id}", lambda: whole.search(router.output), TIMEOUT_S)
    assert line is not None
    found: dict[str, Any] = json.loads(line[0])
    return found


def of(document: object) -> bytes:
    return json.dumps(document).encode()


def chat(**fields: Any) -> bytes:
    """A sane chat but for these fields."""
    return of({"model": "m", "messages": [{"role": "user", "content": "hi"}]} | fields)


def speech(**fields: Any) -> bytes:
    """Sane speech but for these fields."""
    return of({"model": "tts-1", "input": "Hello.", "voice": "alloy"} | fields)
