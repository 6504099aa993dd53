"""A chat's chunks, and the whole that they make."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.completion import Chunk, Completion, chunk_of, chunk_of_whole
from router.errors import Malformed, Rejected

HEAD = {"id": "c-1", "object": "chat.completion.chunk", "created": 7, "model": "m", "system_fingerprint": "f"}


def _chunk(delta: dict[str, Any], **choice: Any) -> Chunk:
    return Chunk({**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": None, **choice}]})


def _whole(*chunks: Chunk) -> dict[str, Any]:
    completion = Completion()
    for chunk in chunks:
        completion.add(chunk)
    return completion.document({"role": "assistant", "content": None, **completion.message})


@given(st.text(max_size=60), st.lists(st.integers(0, 60), max_size=8))
def test_a_text_is_the_sum_of_its_pieces(text: str, cuts: list[int]) -> None:
    """Whatever the pieces, byte for byte."""
    ends = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[begin:end] for begin, end in itertools.pairwise(ends)]
    whole = _whole(*(_chunk({"role": "assistant", "content": piece}) for piece in pieces), _chunk({}))
    message = whole["choices"][0]["message"]
    assert (text or None, "assistant") == (message["content"], message["role"])


def test_the_whole_has_what_the_chunks_told() -> None:
    """Head, usage, reason of the end, and fields that nobody here knows."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    logprobs = [{"token": "a"}, {"token": "b"}]
    whole = _whole(
        _chunk({"role": "assistant", "content": "a", "reasoning": "hm"}, logprobs={"content": logprobs[:1]}),
        _chunk({"content": "b", "reasoning": "m"}, logprobs={"content": logprobs[1:]}),
        _chunk({}, finish_reason="length"),
        Chunk({**HEAD, "choices": [], "usage": usage}),
    )
    choice = whole["choices"][0]
    assert {**HEAD, "object": "chat.completion", "choices": [choice], "usage": usage} == whole
    assert {"role": "assistant", "content": "ab", "reasoning": "hmm"} == choice["message"]
    assert (logprobs, "length", 0) == (choice["logprobs"]["content"], choice["finish_reason"], choice["index"])


def test_tool_calls_grow_by_their_number() -> None:
    """Arguments come in pieces; names and ids once, or again and again."""
    first = {"index": 0, "id": "t0", "type": "function", "function": {"name": "look", "arguments": ""}}
    other = {"index": 1, "id": "t1", "type": "function", "function": {"name": "go", "arguments": "{}"}}
    more = {"index": 0, "id": "t0", "function": {"name": "look", "arguments": '{"a":'}}
    rest = {"index": 0, "function": {"arguments": "1}"}}
    whole = _whole(*(_chunk({"tool_calls": [call]}) for call in (first, more, other, rest)))
    calls = whole["choices"][0]["message"]["tool_calls"]
    assert [("t0", "look", '{"a":1}'), ("t1", "go", "{}")] == [
        (call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls
    ]
    assert "" == first["function"]["arguments"]  # type: ignore[index]  # what came in is left as it was


def test_an_answer_that_was_not_streamed_is_one_chunk() -> None:
    """With its message as the delta and its calls numbered."""
    message = {"role": "assistant", "content": "Hi.", "tool_calls": [{"id": "t"}, {"id": "u"}]}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    chunk = chunk_of_whole(json.dumps({**HEAD, "choices": [choice], "usage": {"total_tokens": 1}}).encode())
    assert ("Hi.", "stop", [0, 1]) == (
        chunk.text,
        chunk.finish_reason,
        [call["index"] for call in chunk.delta["tool_calls"]],
    )
    assert {"total_tokens": 1} == _whole(chunk)["usage"]


@pytest.mark.parametrize(
    ("chunk", "says"),
    [
        (_chunk({"role": "assistant", "content": ""}), False),
        (_chunk({"role": "assistant", "content": "H"}), True),
        (_chunk({"refusal": "No."}), True),
        (_chunk({"tool_calls": [{"index": 0}]}), True),
        (_chunk({}, finish_reason="stop"), True),
        (Chunk({**HEAD, "choices": []}), False),
    ],
)
def test_a_beginning_says_nothing_yet(chunk: Chunk, says: bool) -> None:
    """Until then another model may answer."""
    assert says == chunk.says_something


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"3", b'"x"', b"\xff"])
def test_what_is_no_chunk(data: bytes) -> None:
    """Is told as the server's fault."""
    with pytest.raises(Malformed):
        chunk_of(data)


@pytest.mark.parametrize("body", [b"{}", b'{"choices":[]}', b'{"choices":[{"message":"x"}]}', b'{"choices":{}}'])
def test_a_whole_without_a_message(body: bytes) -> None:
    """Is none."""
    with pytest.raises(Malformed, match="without a message"):
        chunk_of_whole(body)


def test_an_event_that_says_that_it_failed() -> None:
    """Servers have nothing else in the middle of a stream."""
    with pytest.raises(Rejected, match="out of memory"):
        chunk_of(b'{"error":{"message":"out of memory"}}')


@pytest.mark.parametrize("choices", ["x", [3], [{"delta": 3}], [{"delta": {"content": 3}}], [None]])
def test_odd_chunks_say_nothing(choices: Any) -> None:
    """And break nothing."""
    chunk = chunk_of(json.dumps({**HEAD, "choices": choices}).encode())
    Completion().add(chunk)
    assert "" == chunk.text
