"""The proof that a gateway answers: the upstream's own words, whole and streamed, by way of the gateway.

Gateways may write JSON anew, so words are compared, not bytes; and a stream must arrive while it is being made.
"""

import gzip
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bench.cases import Case, case_named, request_headers

PACED: Final = "paced-100"
_WITHIN_S: Final = 10.0
_DATA: Final = b"data:"


class BadAnswer(Exception):
    """Not what the upstream says; the message tells the difference."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `is_compressed`: it came as gzip, which the benchmark's clients accept; `body` is not."""

    status: int
    content_type: str
    body: bytes
    is_compressed: bool = False


def chat(port: int, key: str, extra_headers: Mapping[str, str]) -> Answer:
    """One chat that is not streamed. Raises OSError, HTTPException."""
    return _ask(port, case_named("json-1"), key, extra_headers)


def proven_chat(answer: Answer, expected: Answer) -> Answer:
    """The answer, when it says what is expected. Raises BadAnswer."""
    said = answer.body[:300]
    if answer.status != 200:
        raise BadAnswer(f"status {answer.status}: {said!r}")
    try:
        is_same = _words(answer.body) == _words(expected.body)
    except (ValueError, LookupError, TypeError) as error:
        raise BadAnswer(f"a chat's answer cannot be read: {said!r}") from error
    if not is_same:
        raise BadAnswer(f"a chat is answered in other words: {said!r}")
    return answer


def prove_stream(port: int, upstream_port: int, key: str, extra_headers: Mapping[str, str]) -> None:
    """One stream to its end. Raises BadAnswer, OSError, HTTPException."""
    case = case_named("burst-32")
    expected = _ask(upstream_port, case, key, {})
    answer = _ask(port, case, key, extra_headers)
    said = answer.body[:300]
    if answer.status != 200 or not answer.content_type.startswith("text/event-stream"):
        raise BadAnswer(f"a stream is answered with status {answer.status}, {answer.content_type}: {said!r}")
    if streamed_words(answer.body) != streamed_words(expected.body):
        raise BadAnswer(f"a stream's events are not the upstream's: {said!r}")


def streamed_words(stream: bytes) -> list[str]:
    """What the events of a chat say, empty ones left out, `[DONE]` last. Raises BadAnswer."""
    lines = [line.removeprefix(_DATA).strip() for line in stream.splitlines() if line.startswith(_DATA)]
    if not lines or lines[-1] != b"[DONE]":
        raise BadAnswer(f"a stream has no end: {stream[-300:]!r}")
    try:
        choices = [json.loads(line)["choices"] for line in lines[:-1]]
        words = [choice[0]["delta"].get("content") for choice in choices if choice]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadAnswer(f"a stream cannot be read: {stream[:300]!r}") from error
    return [*(word for word in words if word), "[DONE]"]


def prove_flow(port: int, key: str, extra_headers: Mapping[str, str]) -> None:
    """Of an endless stream the first event: who collects streams before sending them would wait for the end.

    Raises BadAnswer, OSError, HTTPException.
    """
    case = case_named(PACED)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_WITHIN_S)
    try:
        connection.request("POST", case.path, case.body, request_headers(key, extra_headers))
        answer = connection.getresponse()
        while answer.status == 200 and (line := answer.readline()):
            if line.startswith(_DATA):
                return
        raise BadAnswer(f"a paced stream is answered with status {answer.status} and no event")
    except TimeoutError as error:
        raise BadAnswer(f"a paced stream gives no event within {_WITHIN_S:.0f} s") from error
    finally:
        connection.close()


def _ask(port: int, case: Case, key: str, extra_headers: Mapping[str, str]) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_WITHIN_S)
    try:
        connection.request("POST", case.path, case.body, request_headers(key, extra_headers))
        answer = connection.getresponse()
        body, is_compressed = answer.read(), answer.getheader("Content-Encoding") == "gzip"
        return Answer(
            answer.status,
            answer.getheader("Content-Type", ""),
            gzip.decompress(body) if is_compressed else body,
            is_compressed,
        )
    finally:
        connection.close()


def _words(body: bytes) -> object:
    return json.loads(body)["choices"][0]["message"]["content"]
