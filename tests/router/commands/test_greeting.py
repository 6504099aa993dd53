"""What a person sees when the router is up."""

import json
import shlex
from ipaddress import ip_address
from typing import Any, cast

import pytest
from fakes import FakeForward, FakeSpeech, chat_card, head, pcm, speech_card
from houses import FakeHouse

from router.commands import greeting as greeting_module
from router.commands.greeting import greeting
from router.domain import Modality, ProviderCard, Utterance
from router.health import ProviderSign

SHA = "0" * 64


def _house(**settings: Any) -> FakeHouse:
    demo = ProviderCard("demo", "demo", "demo", frozenset({Modality.CHAT}), is_demo=True)
    found = ProviderCard("ollama", "openai", "h", frozenset({Modality.CHAT}), is_discovered=True)
    house = FakeHouse(
        FakeForward(chat_card("llm"), [head()]),
        FakeForward(found, [head()]),
        FakeForward(demo, [head()]),
        FakeSpeech(speech_card("node"), lambda _: Utterance(pcm(1))),
        settings=settings,
    )
    house.report("demo", "demo")
    house.report("node", "espeak")
    house.sign("llm", ProviderSign.FAULT, "nothing listens")
    house.sign("ollama", ProviderSign.FAULT, "nothing listens")
    return house


def _said(house: FakeHouse, first_key: str | None = None) -> list[str]:
    return greeting(cast("Any", house), first_key).splitlines()


def _curls(lines: list[str]) -> list[list[str]]:
    return [shlex.split(line) for line in lines if line.startswith("  curl")]


def test_the_curl_lines_work_as_they_stand() -> None:
    """One for speech, one for chat; with no LLM, the demo answers."""
    speech, chat = _curls(_said(_house()))
    assert {"input": "Hello! Your house can speak now."} == json.loads(speech[speech.index("-d") + 1])
    body = json.loads(chat[chat.index("-d") + 1])
    assert ("demo", True) == (body["model"], body["stream"])
    assert ("http://127.0.0.1:8700/v1/audio/speech", "http://127.0.0.1:8700/v1/chat/completions") == (
        speech[2],
        chat[2],
    )


def test_what_is_up_and_what_is_not_is_shown() -> None:
    """But for servers nobody expects and the demo."""
    shown = [line.split()[:3] for line in _said(_house()) if line.startswith(("  ●", "  ○", "  ◐"))]
    assert [["○", "llm", "down"], ["●", "node", "up"], ["○", "No", "LLM"]] == shown


def test_an_llm_that_is_up_is_the_one_to_try() -> None:
    """Instead of the demo."""
    house = _house()
    house.report("ollama", "llama3")
    house.report("ollama", "llama3")
    lines = _said(house)
    chat = _curls(lines)[1]
    assert ("llama3", False) == (
        json.loads(chat[chat.index("-d") + 1])["model"],
        any("No LLM" in line for line in lines),
    )


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("0.0.0.0", "http://192.168.1.9:9000"),
        ("::", "http://192.168.1.9:9000"),
        ("::1", "http://[::1]:9000"),
        ("pc.lan", "http://pc.lan:9000"),
    ],
)
def test_the_address_can_be_clicked(host: str, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From another machine too when it binds them all."""
    monkeypatch.setattr(greeting_module, "lan_address", lambda: "192.168.1.9")
    said = _said(_house(server={"host": host, "port": 9000}))
    assert f"Local AI Router is up. Base URL for every client: {base}/v1" in said


def test_with_keys_the_lines_have_a_place_for_one() -> None:
    """No key is printed."""
    lines = _curls(_said(_house(clients={"me": {"key_sha256": SHA}})))
    assert [True, True] == ["Authorization: Bearer $ROUTER_KEY" in line for line in lines]


def test_a_first_key_is_shown_once_ready_to_be_copied() -> None:
    """The lines to try use the variable, so the key itself stands in one line only."""
    said = _said(_house(clients={"first": {"key_sha256": SHA}}), "lar-first")
    assert ["  export ROUTER_KEY=lar-first"] == [line for line in said if "lar-first" in line]


def test_this_machines_address_is_one() -> None:
    """Whatever the network; nothing is sent to find out."""
    assert "0.0.0.0" != str(ip_address(greeting_module.lan_address()))


def test_who_transcribes_is_to_be_tried_as_well() -> None:
    """With what the line for speech has made."""
    card = ProviderCard("stt", "openai", "stt-host", frozenset({Modality.TRANSCRIPTION}))
    house = FakeHouse(FakeForward(card, [head()]))
    house.sign("stt", ProviderSign.FAULT, "nothing listens")
    assert 2 == len(_curls(_said(house)))
    house.report("stt", "large")
    house.report("stt", "large")
    line = _curls(_said(house))[2]
    assert ("http://127.0.0.1:8700/v1/audio/transcriptions", "file=@hello.mp3") == (line[2], line[-1])
