"""Ollama's requests in OpenAI's words."""

import json
from typing import Any

import pytest

from router.api.ollama_body import Shape, chat_of, embedding_of, generate_of, model_of
from router.domain import Endpoint
from router.errors import InvalidRequest

HI = [{"role": "user", "content": "Hi"}]
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


def raw(**fields: Any) -> bytes:
    return json.dumps({"model": "m", **fields}).encode()


def chat(**fields: Any) -> dict[str, Any]:
    return dict(chat_of(raw(messages=HI, stream=False, **fields)).document)


def test_a_chat_is_streamed_unless_it_says_otherwise() -> None:
    """As Ollama has it; its usage is asked for, which is told in the last line."""
    asked = chat_of(raw(messages=HI))
    assert ("m", Shape.CHAT, Endpoint.CHAT, True) == (asked.model, asked.shape, asked.endpoint, asked.is_streamed)
    assert {"messages": HI, **STREAMED} == asked.document
    asked = chat_of(raw(messages=HI, stream=False))
    assert (False, {"messages": HI}) == (asked.is_streamed, asked.document)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"options": {"num_predict": 9}}, {"max_tokens": 9}),
        ({"options": {"num_predict": -1}}, {}),
        ({"options": {"temperature": 0, "top_p": 0.5, "seed": 7}}, {"temperature": 0, "top_p": 0.5, "seed": 7}),
        ({"options": {"stop": ["a", "b"]}}, {"stop": ["a", "b"]}),
        ({"options": {"stop": []}}, {}),
        (
            {"options": {"presence_penalty": 1, "frequency_penalty": 0.1}},
            {"presence_penalty": 1, "frequency_penalty": 0.1},
        ),
        ({"options": {"num_ctx": 8192, "top_k": 40, "mirostat": "x"}}, {}),
        ({"format": "json"}, {"response_format": {"type": "json_object"}}),
        ({"format": ""}, {}),
        (
            {"format": {"type": "object"}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": {"type": "object"}},
                }
            },
        ),
        ({"think": True}, {"reasoning_effort": "medium"}),
        ({"think": False}, {"reasoning_effort": "none"}),
        ({"think": "high"}, {"reasoning_effort": "high"}),
        ({"tools": []}, {}),
        ({"tools": [{"type": "function"}]}, {"tools": [{"type": "function"}]}),
        ({"keep_alive": -1.0}, {}),
        ({"keep_alive": "5m", "truncate": True, "logprobs": False, "unheard_of": 1}, {}),
    ],
)
def test_what_is_asked_besides(given: dict[str, Any], told: dict[str, Any]) -> None:
    """What OpenAI has a word for; the rest is left out."""
    assert {"messages": HI, **told} == chat(**given)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b'{"model":"m","model":"n","messages":[]}', "model"),
        (b'{"messages":[]}', "model"),
        (raw(model=7), "model"),
        (raw(model="m" * 300), "model"),
        (raw(messages="Hi"), "messages"),
        (raw(messages=[{"content": "Hi"}]), "messages[0]"),
        (raw(messages=[{"role": "user", "content": ["Hi"]}]), "messages[0].content"),
        (raw(messages=HI, stream="yes"), "stream"),
        (raw(messages=HI, options={"num_predict": "many"}), "options.num_predict"),
        (raw(messages=HI, options=[]), "options"),
        (raw(messages=HI, format="xml"), "format"),
        (raw(messages=HI, think="very"), "think"),
        (raw(messages=HI, tools={}), "tools"),
        (
            raw(messages=[{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]),
            None,
        ),
    ],
)
def test_what_cannot_be_used_is_named(body: bytes, param: str | None) -> None:
    """By its field."""
    with pytest.raises(InvalidRequest) as caught:
        chat_of(body)
    if param is not None:
        assert param == caught.value.param


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "load"),
        ({"messages": []}, "load"),
        ({"messages": [], "keep_alive": "5m"}, "load"),
        ({"messages": [], "keep_alive": 0}, "unload"),
        ({"messages": [], "keep_alive": "0"}, "unload"),
        ({"messages": HI, "keep_alive": 0}, None),
    ],
)
def test_no_messages_ask_for_the_model_only(fields: dict[str, Any], reason: str | None) -> None:
    """That it be loaded, or unloaded."""
    assert reason == chat_of(raw(**fields)).done_reason


def test_a_prompt_is_a_chat_of_one() -> None:
    """With what the model is told, and the images."""
    asked = generate_of(raw(prompt="Hi", system="Be brief.", stream=False))
    assert (Shape.GENERATE, Endpoint.CHAT) == (asked.shape, asked.endpoint)
    assert {"messages": [{"role": "system", "content": "Be brief."}, *HI]} == asked.document
    asked = generate_of(raw(prompt="", images=["iVBO"], stream=False))
    assert (None, "user") == (asked.done_reason, asked.document["messages"][0]["role"])


@pytest.mark.parametrize(
    ("fields", "document"),
    [
        ({"raw": True}, {"prompt": "def f("}),
        ({"suffix": "return x"}, {"prompt": "def f(", "suffix": "return x"}),
        ({"raw": True, "options": {"num_predict": 3}, "think": True}, {"prompt": "def f(", "max_tokens": 3}),
    ],
)
def test_a_text_to_go_on_with_is_a_completion(fields: dict[str, Any], document: dict[str, Any]) -> None:
    """Of which OpenAI's older route knows."""
    asked = generate_of(raw(prompt="def f(", stream=False, **fields))
    assert (Endpoint.COMPLETIONS, document) == (asked.endpoint, asked.document)


@pytest.mark.parametrize(
    ("fields", "reason"), [({}, "load"), ({"prompt": ""}, "load"), ({"keep_alive": 0}, "unload")]
)
def test_no_prompt_asks_for_the_model_only(fields: dict[str, Any], reason: str) -> None:
    """As with a chat."""
    assert reason == generate_of(raw(**fields)).done_reason


@pytest.mark.parametrize("field", [{"context": [1, 2]}, {"template": "{{ .Prompt }}"}])
def test_what_would_be_lost_without_a_word_is_refused(field: dict[str, Any]) -> None:
    """The conversation so far, or how the prompt is put."""
    with pytest.raises(InvalidRequest) as caught:
        generate_of(raw(prompt="Hi", **field))
    assert caught.value.param in field


@pytest.mark.parametrize(
    ("fields", "texts"),
    [
        ({"input": "a"}, ["a"]),
        ({"input": ["a", "b"]}, ["a", "b"]),
        ({"prompt": "a"}, ["a"]),
        ({}, []),
        ({"input": []}, []),
    ],
)
def test_texts_to_embed(fields: dict[str, Any], texts: list[str]) -> None:
    """One or several; the older route has one, called prompt."""
    assert texts == list(embedding_of(raw(**fields)).texts)


def test_embeddings_are_asked_for_as_numbers() -> None:
    """And as many of them as were wanted."""
    asked = embedding_of(raw(input="a", dimensions=64))
    assert {"input": ["a"], "encoding_format": "float", "dimensions": 64} == asked.document


@pytest.mark.parametrize("body", [raw(), b'{"name":"m"}'])
def test_which_model_is_meant(body: bytes) -> None:
    """Older clients call it name."""
    assert "m" == model_of(body)


@pytest.mark.parametrize("body", [b"{}", b'{"model":7}', b'{"model":""}', b"", b'{"model":"%s"}' % (b"m" * 300)])
def test_no_model_is_told(body: bytes) -> None:
    """As what it is."""
    with pytest.raises(InvalidRequest):
        model_of(body)
