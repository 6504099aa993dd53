"""Ollama's messages as OpenAI's."""

from typing import Any

import msgspec
import pytest

from router.api.ollama_messages import Message, openai_messages


def translated(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    return openai_messages(msgspec.convert(messages, list[Message]))


def call(name: str, arguments: Any = None, **more: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}, **more}


def test_words_stay_words() -> None:
    """Whoever says them; a message without any has none."""
    given = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}, {"role": "assistant"}]
    assert [*given[:2], {"role": "assistant", "content": ""}] == translated(*given)


@pytest.mark.parametrize(
    ("image", "url"),
    [
        ("iVBORw0K", "data:image/png;base64,iVBORw0K"),
        ("/9j/4AAQ", "data:image/jpeg;base64,/9j/4AAQ"),
        ("UklGRh4A", "data:image/webp;base64,UklGRh4A"),
        ("AAAA", "data:image/jpeg;base64,AAAA"),
        ("data:image/png;base64,AA==", "data:image/png;base64,AA=="),
    ],
)
def test_images_become_parts(image: str, url: str) -> None:
    """Beside the text; their kind is told by how they begin."""
    (told,) = translated({"role": "user", "content": "What is it?", "images": [image]})
    assert [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}] == told[
        "content"
    ]
    (told,) = translated({"role": "user", "content": "", "images": [image]})
    assert [{"type": "image_url", "image_url": {"url": url}}] == told["content"]


def test_arguments_become_text() -> None:
    """And calls get ids, which clients of Ollama's need not have."""
    (told,) = translated(
        {"role": "assistant", "content": "", "tool_calls": [call("f", {"city": "Köln"}), call("g")]}
    )
    assert [
        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"city":"Köln"}'}},
        {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ] == told["tool_calls"]


def result(content: str, **more: Any) -> dict[str, Any]:
    return {"role": "tool", "content": content, **more}


@pytest.mark.parametrize(
    ("results", "ids"),
    [
        ([result("a"), result("b")], ["call_1", "call_2"]),
        ([result("b", tool_name="g"), result("a", tool_name="f")], ["call_2", "call_1"]),
        ([result("b", tool_name="g"), result("a")], ["call_2", "call_1"]),
        ([result("b", tool_call_id="call_2"), result("a")], ["call_2", "call_1"]),
        ([result("a", tool_call_id="other"), result("b")], ["other", "call_1"]),
        ([result("a"), result("b"), result("c")], ["call_1", "call_2", "call_3"]),
    ],
    ids=["by order", "by name", "by name, then order", "by id", "unknown id", "one too many"],
)
def test_results_are_given_the_ids_of_their_calls(results: list[dict[str, Any]], ids: list[str]) -> None:
    """Home Assistant sends neither an id nor the tool's name."""
    calls = {"role": "assistant", "tool_calls": [call("f"), call("g")]}
    told = translated({"role": "user", "content": "?"}, calls, *results)
    assert ids == [each["tool_call_id"] for each in told if each["role"] == "tool"]


def test_each_round_has_calls_of_its_own() -> None:
    """What an earlier round left unanswered is not answered by a later one; ids are never used twice."""
    rounds = [
        {"role": "assistant", "tool_calls": [call("f"), call("g")]},
        result("a"),
        {"role": "assistant", "tool_calls": [call("f", id="mine"), call("f")]},
        result("b"),
        result("c"),
    ]
    told = translated(*rounds)
    assert ["call_1", "mine", "call_3"] == [each["tool_call_id"] for each in told if each["role"] == "tool"]
