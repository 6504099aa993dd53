"""The table of bad requests: bodies that are no JSON, fields one by one, sizes, routes, hosts and origins."""

from typing import Final

from bad_input import BODY_LIMIT, CHAT, MESSAGES, MODEL_ROUTES, SPEECH, Case, chat, of, speech

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
