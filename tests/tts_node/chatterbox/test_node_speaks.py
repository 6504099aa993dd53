"""A real node, real children, the real package: over HTTP."""

import httpx
import pytest

from nodes import RunningNode, eventually, is_running
from spoken import MODELS, TEXT


def rate_of(response: httpx.Response) -> int:
    """Of a WAV file."""
    return int.from_bytes(response.content[24:28], "little")


@pytest.mark.parametrize("model", MODELS)
def test_every_model_speaks(chatterbox_node: RunningNode, model: str) -> None:
    """On demand, in a child of its own, with its figures in the headers; the same bytes for a seed."""
    wish = {"input": TEXT, "model": model, "response_format": "wav", "seed": 5}
    first = chatterbox_node.speak(**wish)
    assert (200, model, 24_000) == (first.status_code, first.headers["x-tts-engine"], rate_of(first))
    assert 0 < float(first.headers["x-audio-duration"]) < 10
    assert first.content == chatterbox_node.speak(**wish).content
    assert first.content != chatterbox_node.speak(**(wish | {"seed": 6})).content


def test_turbo_is_the_default(chatterbox_node: RunningNode) -> None:
    """`tts-1` is what the node was started for."""
    answer = chatterbox_node.speak(model="tts-1", voice="nova", seed=5)
    assert ("chatterbox-turbo", "chatterbox") == (answer.headers["x-tts-engine"], answer.headers["x-tts-voice"])


def test_languages_are_the_models(chatterbox_node: RunningNode) -> None:
    """Multilingual says Norwegian by any of its names; Turbo names the field."""
    spoken = chatterbox_node.speak(model="chatterbox-multilingual", input="God kveld.", language="nb", seed=1)
    refused = chatterbox_node.speak(model="chatterbox-turbo", input="Guten Abend.", language="de")
    assert 200 == spoken.status_code
    assert (400, "language") == (refused.status_code, refused.json()["error"]["param"])


def test_options_reach_the_model(chatterbox_node: RunningNode) -> None:
    """Another temperature is another take; one out of bounds is the caller's fault."""
    wish = {"input": TEXT, "model": "chatterbox-turbo", "response_format": "pcm", "seed": 5}
    usual = chatterbox_node.speak(**wish)
    surest = chatterbox_node.speak(**wish, temperature=0)
    refused = chatterbox_node.speak(**wish, temperature=99)
    assert [200, 200, 400] == [answer.status_code for answer in (usual, surest, refused)]
    assert usual.content != surest.content


def test_a_listener_that_leaves_frees_the_model(chatterbox_node: RunningNode) -> None:
    """Cut in the middle of a long text; the next request is served by the same child."""
    chatterbox_node.speak(model="chatterbox-turbo", input="Hi.")
    child = chatterbox_node.child_pid
    body = {"model": "chatterbox-turbo", "input": f"{TEXT} " * 40, "stream": True, "response_format": "pcm"}
    with chatterbox_node.client.stream("POST", "/v1/audio/speech", json=body) as response:
        next(response.iter_raw())
    assert 200 == chatterbox_node.speak(model="chatterbox-turbo", input="Hi.").status_code
    assert is_running(child)


def test_unloading_ends_the_children(chatterbox_node: RunningNode) -> None:
    """Only the end of the process gives all memory back; the node stays, and loads again when asked."""
    chatterbox_node.speak(model="chatterbox-turbo", input="Hi.")
    child = chatterbox_node.child_pid
    assert 200 == chatterbox_node.client.post("/unload").status_code
    assert eventually(lambda: not is_running(child))
    assert "cold" == chatterbox_node.health()["state"]
