"""What nobody should send: each is answered with the right status and the whole error object, and costs nothing.

Raw sockets, because clients refuse to send most of this. One router serves the whole table: after each case it
must still serve, and its log must show no failure of its own.
"""

import hashlib
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from llm.wire import READ_BYTES, ResponseReader
from processes import Process, free_port, start_node, start_router, start_upstream, wait_until

pytest_plugins = ["process_logs"]

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
TIMEOUT_S: Final = 10.0


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


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A router with a small body limit, in front of an espeak node, a scripted LLM and the demo."""
    folder = tmp_path_factory.mktemp("bad-input")
    with start_node(folder) as node, start_upstream(folder, "m") as upstream:
        config = f"""\
server: {{max_body_mb: {BODY_LIMIT / 2**20}}}
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


NESTED = b'{"model":"m","messages":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
NOT_JSON: Final = {
    "empty body": b"",
    "white space": b" \n\t ",
    "word": b"hello",
    "cut": b'{"model":"m","input":"x',
    "trailing comma": b'{"model":"m","input":"x",}',
    "single quotes": b"{'model':'m','input':'x'}",
    "two documents": b'{"model":"m","input":"x"}{"model":"m"}',
    "form": b"model=m&input=x",
    "NaN": b'{"model":"m","input":"x","speed":NaN,"temperature":NaN}',
    "Infinity": b'{"model":"m","input":"x","speed":Infinity,"temperature":-Infinity}',
    "latin-1": '{"model":"m","input":"Grüße"}'.encode("latin-1"),
    "UTF-16": '{"model":"m","input":"x"}'.encode("utf-16"),
    "overlong UTF-8": b'{"model":"m","input":"\xc0\xaf"}',
    "surrogate in UTF-8": b'{"model":"m","input":"\xed\xa0\x80"}',
    "raw NUL in a string": b'{"model":"m","input":"a\x00b"}',
    "raw line feed in a string": b'{"model":"m","input":"a\nb"}',
    "NUL bytes": b"\x00" * 32,
    "nested deeply": NESTED,
    "braces only": b'{"a":' * 10_000,
    "top-level array": b'["model","m"]',
    "top-level string": b'"model"',
    "top-level number": b"7",
    "top-level null": b"null",
    "top-level true": b"true",
}
CASES: list[Case] = [
    Case(name, path, body)
    for name, body in NOT_JSON.items()
    for path in (*MODEL_ROUTES, SPEECH)
    if not (name == "nested deeply" and path == SPEECH)
]
CASES += [
    # which field
    *(Case("no model", path, b"{}", param="model", code="model_required") for path in MODEL_ROUTES),
    *(Case("empty model", path, chat(model=""), param="model") for path in MODEL_ROUTES),
    *(Case("null model", path, chat(model=None), param="model") for path in MODEL_ROUTES),
    *(Case("number as model", path, chat(model=7), param="model") for path in MODEL_ROUTES),
    *(Case("list as model", path, chat(model=["m"]), param="model") for path in MODEL_ROUTES),
    Case("object as model", CHAT, chat(model={"id": "m"}), param="model", code="wrong_type"),
    Case("text as stream", CHAT, chat(stream="yes"), param="stream", code="wrong_type"),
    Case("number as stream", CHAT, chat(stream=1), param="stream", code="wrong_type"),
    Case("unknown model", CHAT, chat(model="n"), 404, "model", "model_not_found"),
    Case("unknown model", MESSAGES, chat(model="n"), 404),
    Case("speech model in chat", CHAT, chat(model="espeak"), 404, "model", "model_not_found"),
    Case("unknown provider prefix", CHAT, chat(model="nobody/m"), 404, "model", "model_not_found"),
    Case("model of 257 letters", CHAT, chat(model="m" * 257), 400, "model", "name_too_long"),
    Case("model of 30 000 letters", CHAT, chat(model="m" * 30_000), 400, "model", "name_too_long"),
    Case("unknown model of 256 letters", CHAT, chat(model="m" * 256), 404, "model", "model_not_found"),
    Case("model twice", CHAT, b'{"model":"m","messages":[],"model":"demo"}', 400, "model", "duplicate_key"),
    Case("model twice, alike", CHAT, b'{"model":"m","messages":[],"model":"m"}', 400, "model", "duplicate_key"),
    Case("stream twice", CHAT, b'{"stream":true,"model":"m","stream":false}', 400, "stream", "duplicate_key"),
    Case("model twice, escaped", CHAT, b'{"model":"m","\\u006dodel":"demo"}', 400, "model", "duplicate_key"),
    Case("all escaped", CHAT, b'{"\\u006d\\u006F\\u0064el":"m","model":"m"}', 400, "model", "duplicate_key"),
    Case("model twice", MESSAGES, b'{"model":"m","model":"demo"}'),
    Case("CRLF in model", CHAT, chat(model="m\r\nX-Evil: 1"), 404, "model"),
    Case("NUL in model", CHAT, chat(model="m\0"), 404, "model"),
    Case("emoji as model", CHAT, chat(model="🎉"), 404, "model"),
    Case("lone surrogate in model", CHAT, b'{"model":"\\ud800","messages":[]}', 400),
    Case("lone surrogate in model", SPEECH, b'{"model":"\\ud800","input":"x"}', 400, "model"),
    Case("lone surrogate in voice", SPEECH, b'{"voice":"\\udfff","input":"x"}', 400, "voice"),
    Case("lone surrogate in input", SPEECH, b'{"input":"a\\ud800b"}', 400, "input"),
    Case("lone surrogate in language", SPEECH, b'{"input":"x","language":"\\ud800"}', 400, "language"),
    Case("lone surrogate in instructions", SPEECH, b'{"input":"x","instructions":"\\ud800"}', 400, "instructions"),
    Case("lone surrogate in an option", SPEECH, b'{"input":"x","extra":"\\ud800"}', 400, "extra"),
    Case("lone surrogate in a key", SPEECH, b'{"input":"x","\\ud800":1}', 400),
    Case("lone surrogate in format", SPEECH, b'{"input":"x","response_format":"\\ud800"}', 400, "response_format"),
    # speech, field by field
    Case("no input", SPEECH, of({"model": "tts-1"}), param="input", code="input_required"),
    Case("empty input", SPEECH, speech(input=""), param="input"),
    Case("white space to say", SPEECH, speech(input=" \n\t\u00a0\u2003"), param="input"),
    Case("null input", SPEECH, speech(input=None), param="input", code="wrong_type"),
    Case("number as input", SPEECH, speech(input=7), param="input", code="wrong_type"),
    Case("list as input", SPEECH, speech(input=["Hello."]), param="input", code="wrong_type"),
    Case("4097 characters", SPEECH, speech(input="a" * 4097), param="input", code="input_too_long"),
    Case("4097 emoji", SPEECH, speech(input="🎉" * 4097), param="input", code="input_too_long"),
    Case("unknown speech model", SPEECH, speech(model="no-such"), 404, "model", "model_not_found"),
    Case("chat model in speech", SPEECH, speech(model="demo"), 404, "model", "model_not_found"),
    Case("number as speech model", SPEECH, speech(model=1), param="model", code="wrong_type"),
    Case("unknown voice", SPEECH, speech(voice="no-such"), 404, "voice", "voice_not_found"),
    Case("unknown voice object", SPEECH, speech(voice={"id": "no-such"}), 404, "voice", "voice_not_found"),
    Case("voice object without id", SPEECH, speech(voice={"name": "alloy"}), param="voice"),
    Case("number as voice", SPEECH, speech(voice=3), param="voice", code="wrong_type"),
    Case("list as voice", SPEECH, speech(voice=["alloy"]), param="voice", code="wrong_type"),
    Case("number as voice id", SPEECH, speech(voice={"id": 3}), param="voice.id"),
    Case("CRLF in voice", SPEECH, speech(voice="alloy\r\nX-Evil: 1"), 404, "voice"),
    Case("NUL in voice", SPEECH, speech(voice="alloy\0"), 404, "voice"),
    Case("path as voice", SPEECH, speech(voice="../../etc/passwd"), 404, "voice"),
    Case("CRLF in speech model", SPEECH, speech(model="espeak\r\nX-Evil: 1"), 404, "model"),
    Case("unknown format", SPEECH, speech(response_format="midi"), param="response_format", code="unknown_format"),
    Case("format in capitals", SPEECH, speech(response_format="MP3"), param="response_format"),
    Case("empty format", SPEECH, speech(response_format=""), param="response_format"),
    Case("number as format", SPEECH, speech(response_format=3), param="response_format"),
    Case("speed below", SPEECH, speech(speed=0.24), param="speed", code="out_of_range"),
    Case("speed above", SPEECH, speech(speed=4.01), param="speed", code="out_of_range"),
    Case("negative speed", SPEECH, speech(speed=-1), param="speed", code="out_of_range"),
    Case("text as speed", SPEECH, speech(speed="1"), param="speed", code="wrong_type"),
    Case("true as speed", SPEECH, speech(speed=True), param="speed", code="wrong_type"),
    Case("speed beyond a float", SPEECH, b'{"input":"x","speed":1e999}', param="speed"),
    Case("speed of 400 digits", SPEECH, b'{"input":"x","speed":' + b"9" * 400 + b"}", param="speed"),
    Case("speed of 9000 digits", SPEECH, b'{"input":"x","speed":' + b"9" * 9000 + b"}"),
    Case("unknown stream format", SPEECH, speech(stream_format="ogg"), param="stream_format"),
    Case("text as stream", SPEECH, speech(stream="yes"), param="stream", code="wrong_type"),
    Case("fraction as seed", SPEECH, speech(seed=1.5), param="seed", code="wrong_type"),
    Case("negative seed", SPEECH, speech(seed=-1), param="seed", code="out_of_range"),
    Case("seed of 100 digits", SPEECH, b'{"input":"x","seed":' + b"9" * 100 + b"}", param="seed"),
    Case("number as language", SPEECH, speech(language=5), param="language", code="wrong_type"),
    Case("unknown language", SPEECH, speech(language="tlh-klingon"), param="language"),
    Case("number as instructions", SPEECH, speech(instructions=5), param="instructions", code="wrong_type"),
    Case("input twice", SPEECH, b'{"input":"a","input":"b"}', 400, "input", "duplicate_key"),
    Case("input twice, escaped", SPEECH, b'{"input":"a","\\u0069nput":"b"}', 400, "input", "duplicate_key"),
    Case("option twice", SPEECH, b'{"input":"a","x":1,"x":2}', 400, "x", "duplicate_key"),
    # size
    *(
        Case("over the limit", path, b"x" * (BODY_LIMIT + 1), 413, code="payload_too_large")
        for path in (CHAT, SPEECH, MESSAGES)
    ),
    *(
        Case("declared over the limit", path, b"{", 413, headers=("Content-Length: 99999999999",))
        for path in (CHAT, SPEECH, MESSAGES)
    ),
    *(
        Case(
            "chunked over the limit",
            path,
            b"8000\r\n" + b"x" * 0x8000 + b"\r\n" + b"8001\r\n" + b"x" * 0x8001 + b"\r\n0\r\n\r\n",
            413,
            code="payload_too_large",
            headers=("Transfer-Encoding: chunked",),
        )
        for path in (CHAT, SPEECH, MESSAGES)
    ),
    # methods and routes
    *(
        Case(f"{method}", path, b"", 405, method=method, header=("allow", "POST"), code="method_not_allowed")
        for path in (*MODEL_ROUTES, SPEECH)
        for method in ("GET", "PUT", "DELETE", "PATCH")
    ),
    Case("POST to a list", "/v1/models", b"{}", 405, code="method_not_allowed"),
    Case("DELETE of health", "/health", b"", 405, method="DELETE", code="method_not_allowed"),
    *(
        Case("unknown route", path, chat(), 404, code="unknown_route")
        for path in ("/v1/chat/completion", "/v2/models", "/v1", "/%2e%2e/etc/passwd")
    ),
    Case("unknown page", "/no/such/page?x=1", b"", 404, code="unknown_route", method="GET"),
    Case("odd method", "/v1/models", b"", 405, method="PROPFIND"),
    # who may
    *(
        Case(f"Host {host}", path, chat(), 403, code="host_not_allowed", headers=(f"Host: {host}",))
        for host in ("evil.example", "evil.example:8700", "127.0.0.1.evil.example", "localhost.evil.example", "")
        for path in (CHAT, SPEECH)
    ),
    *(
        Case(f"Origin {origin}", path, chat(), 403, code="origin_not_allowed", headers=(f"Origin: {origin}",))
        for origin in ("http://evil.example", "https://127.0.0.1.evil.example", "null", "http://[", "x")
        for path in (CHAT, SPEECH)
    ),
    Case("foreign Host", "/v1/models", b"", 403, method="GET", headers=("Host: evil.example",)),
    Case("foreign Host", "/", b"", 403, method="GET", headers=("Host: evil.example",)),
    Case("foreign Host", MESSAGES, chat(), 403, headers=("Host: evil.example",)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bad_request_is_answered_in_full(router: Process, case: Case) -> None:
    """The status says whose fault it is, the error object has all its keys, and the field is named."""
    check(router, case)


def test_sane_request_still_works(router: Process) -> None:
    """The router that has seen all of the above chats and speaks."""
    for case in (Case("chat", CHAT, chat()), Case("speech", SPEECH, speech())):
        assert exchange(router.port, raw_request(case, router.port)).status == 200


@pytest.mark.parametrize(
    "name", ["m\r\nX-Evil: 1", "m\nX-Evil: 1", "m\r\n\r\nevil", "m\0", "m\x7f", "grün/🎉", "m" * 252], ids=ascii
)
@pytest.mark.parametrize("stream", [False, True])
def test_name_that_is_passed_on_breaks_no_header(router: Process, name: str, stream: bool) -> None:
    """`provider/anything` goes to that provider; what the router says about it in headers stays on its line."""
    case = Case("injection", CHAT, chat(model=f"llm/{name}", stream=stream))
    answer = exchange(router.port, raw_request(case, router.port))
    assert answer.status == 200
    assert answer.header("x-evil") == []
    (told,) = answer.header("x-router-model")
    assert told.isascii()
    assert told.isprintable()
    assert logged(router, answer.header("x-request-id")[0])["outcome"] == "ok"


@pytest.mark.parametrize("name", ["espeak\r\nX-Evil: 1", "espeak\0", "🎉"], ids=ascii)
def test_odd_name_that_the_node_refuses_is_told_in_full(router: Process, name: str) -> None:
    """Nor does an error about such a name break its own headers."""
    case = Case("injection", SPEECH, speech(model=f"node/{name}"))
    answer = exchange(router.port, raw_request(case, router.port))
    assert answer.status in {404, 503}, bytes(answer.body)
    assert sorted(json.loads(bytes(answer.body))["error"]) == KEYS
    assert answer.header("x-evil") == []
    assert logged(router, answer.header("x-request-id")[0])["outcome"] in {"caller_not_found", "provider_none"}


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "192.168.1.2:8700", "[::1]:8700"])
def test_own_host_is_let_in(router: Process, host: str) -> None:
    """An address cannot be rebound, so it passes."""
    case = Case(host, CHAT, chat(), headers=(f"Host: {host}", f"Origin: http://{host}"))
    assert exchange(router.port, raw_request(case, router.port)).status == 200


@pytest.mark.parametrize(
    "sent",
    ["has space", "x" * 129, "ümlaut", "semi;colon", ""],
    ids=["space", "long", "ümlaut", "semicolon", "empty"],
)
def test_odd_request_id_is_replaced(router: Process, sent: str) -> None:
    """An id that could break a log or a header is not kept."""
    case = Case("id", CHAT, b"{", headers=(f"X-Request-Id: {sent}",))
    answer = exchange(router.port, raw_request(case, router.port))
    (own,) = answer.header("x-request-id")
    assert own != sent
    assert own.startswith("req-")


@pytest.mark.parametrize("depth", [100, 500, 900, 990, 1_100, 2_000, 20_000])
def test_nested_option_is_no_router_error_in_speech(router: Process, depth: int) -> None:
    """Brackets in brackets in an engine option: refused or spoken, never a failure of the router's."""
    body = b'{"input":"x","extra":' + b"[" * depth + b"]" * depth + b"}"
    answer = exchange(router.port, raw_request(Case("nested", SPEECH, body), router.port))
    assert answer.status in {200, 400}, bytes(answer.body)


def test_own_via_is_a_loop(tmp_path: Path) -> None:
    """A request with the mark that this router puts on what it passes on is a 508; any other Via is none."""
    with start_upstream(tmp_path, "m") as upstream:
        config = f"providers:\n  llm: {{kind: openai, url: '{upstream.base_url}'}}\n"
        with start_router(config, tmp_path) as router:
            foreign = Case("foreign Via", CHAT, chat(), headers=("Via: 1.1 somebody, 1.0 else",))
            assert exchange(router.port, raw_request(foreign, router.port)).status == 200
            (passed_on,) = upstream.get("/_exchanges").json()
            ((_, via),) = [header for header in passed_on["headers"] if header[0] == "via"]
            assert via.startswith("1.1 somebody, 1.0 else, 1.1 local-ai-router-")
            for path in (CHAT, SPEECH, MESSAGES, "/v1/models"):
                check(router, Case("own Via", path, chat(), 508, code="loop_detected", headers=(f"Via: {via}",)))


def has_model(router: Process, name: str) -> bool:
    return name in [model["id"] for model in router.get("/v1/models").json()["data"]]


def test_loop_is_detected(router: Process, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two routers whose providers are each other: 508 from the second pass, not an endless round."""
    folder = tmp_path_factory.mktemp("loop")
    ports = free_port(), free_port()

    def config(other: int) -> str:
        provider = f"{{kind: openai, url: 'http://127.0.0.1:{other}', models: [m]}}"
        return f"providers:\n  other: {provider}\n  demo: {{kind: demo}}\n"

    with (
        start_router(config(ports[1]), folder, port=ports[0], name="one") as one,
        start_router(config(ports[0]), folder, port=ports[1], name="two") as two,
    ):
        wait_until("the routers know each other's model", lambda: has_model(one, "m") and has_model(two, "m"))
        case = Case("loop", CHAT, chat(model="m"))
        answer = exchange(two.port, raw_request(case, two.port))
        assert (answer.status, json.loads(bytes(answer.body))["error"]["code"]) == (508, "loop_detected")


@pytest.fixture(scope="module")
def locked_router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A router whose one client has a key."""
    key_hash = hashlib.sha256(b"right").hexdigest()
    config = f"providers:\n  demo: {{kind: demo}}\nclients:\n  a: {{key_sha256: {key_hash}}}\n"
    with start_router(config, tmp_path_factory.mktemp("locked"), name="locked") as running:
        yield running


ODD_KEYS: Final = {
    "none": "X-Nothing: 1",
    "beyond ASCII": "Authorization: Bearer ünïcode",
    "beyond UTF-8": "x-api-key: \xff\xfe",
    "nothing behind Bearer": "Authorization: Bearer",
    "another scheme": "Authorization: Basic cmlnaHQ6cmlnaHQ=",
    "64 KB": "xi-api-key: " + "k" * 60_000,
    "the hash": "Authorization: Bearer " + hashlib.sha256(b"right").hexdigest(),
}


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize("path", [CHAT, SPEECH, MESSAGES])
def test_odd_key_is_unauthorized(locked_router: Process, key: str, path: str) -> None:
    """A key that is not ASCII, or none behind `Bearer`, is a 401 like any other wrong key."""
    check(locked_router, Case(key, path, chat(), 401, code="invalid_api_key", headers=(ODD_KEYS[key],)))
