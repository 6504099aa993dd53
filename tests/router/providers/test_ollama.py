"""Ollama, at a fake made of its published contract (tests/vendors/ollama.py)."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from fakes import ManualClock, RecordingSink, chat_card
from loopback import answering, ok
from loopback import serving as serving_bytes
from running import run, until
from vendors.ollama import OWN_KEEP_ALIVE_S, Runner, Said
from vendors.ollama import Ollama as Fake
from vendors.server import Asked, Mode, Running, serving

from router.domain import OLLAMA, Endpoint, Model
from router.errors import Malformed
from router.health import HostSign, ProviderSign
from router.ports import Probe
from router.providers.ollama import Ollama
from router.providers.ollama_models import LISTED_EVERY_S
from router.providers.origin import Address, Origin

pytestmark = pytest.mark.usefixtures("_patient")
NAME = "llama3.2:latest"


def ollama_at(
    running: Running, clock: ManualClock | None = None, *, keep_alive: str = "", first_byte_s: float = 20
) -> Ollama:
    clock = clock or ManualClock()
    origin = Origin(Address("http", "127.0.0.1", running.port, ""), api_key="", connect_s=10, clock=clock)
    card = replace(chat_card("o", first_byte_s=first_byte_s, stall_s=20), kind="ollama")
    return Ollama(card, origin, keep_alive=keep_alive, clock=clock)


@contextlib.asynccontextmanager
async def at(fake: Fake, **more: Any) -> AsyncIterator[Ollama]:
    async with serving(fake) as running:
        provider = ollama_at(running, **more)
        try:
            yield provider
        finally:
            await provider.aclose()


async def chatted(provider: Ollama, endpoint: Endpoint = Endpoint.CHAT, **fields: Any) -> RecordingSink:
    """An answer, to its end."""
    body = {"model": "llama3.2", "messages": [{"role": "user", "content": "Hi"}], **fields}
    sink = RecordingSink()
    await provider.send(endpoint, [(b"content-type", b"application/json")], json.dumps(body).encode(), sink)
    await sink.over.wait()
    assert sink.forbidden == []
    return sink


def asked(fake: Fake, path: str) -> list[Asked]:
    return [each for each in fake.asked if each.path == path]


def states(probe: Probe) -> dict[str, str | None]:
    return {model.id: model.state for model in probe.models or ()}


@pytest.mark.proves(provider="ollama", feature="model list", what="every model, warm or cold, and what it can do")
def test_a_probe_tells_which_models_are_loaded() -> None:
    """And what each can do, without loading any."""

    async def main() -> None:
        fake = Fake()
        async with at(fake) as provider:
            cold = await provider.probe()
            assert (HostSign.ANSWERED, ProviderSign.READY, True) == (cold.host, cold.provider, cold.tells_models)
            assert dict.fromkeys(fake.capabilities, "cold") == states(cold)
            told = {model.id: model.traits for model in cold.models or ()}
            assert ("completion", "tools") == told[NAME].capabilities
            assert (2019393189, "llama", 131072) == (
                told[NAME].size_bytes,
                told[NAME].family,
                told[NAME].context_tokens,
            )
            assert (True, False) == (told[NAME].can_chat, told["nomic-embed-text:latest"].can_chat)
            await chatted(provider)
            warm = await provider.probe()
            assert ("up", "cold") == (states(warm)[NAME], states(warm)["qwen3:4b"])
            assert [NAME] == fake.loads

    run(main())


def test_the_list_is_read_rarely() -> None:
    """What is loaded is asked each time."""

    async def main() -> None:
        fake, clock = Fake(), ManualClock()
        async with at(fake, clock=clock) as provider:
            for _ in range(3):
                await provider.probe()
            assert (3, 1) == (len(asked(fake, "/api/ps")), len(asked(fake, "/api/tags")))
            clock.advance(LISTED_EVERY_S)
            fake.capabilities["new:latest"] = ["completion"]
            assert "new:latest" in states(await provider.probe())

    run(main())


@pytest.mark.proves(
    provider="ollama", feature="a model that loads", what="is told as loading, and how long it takes"
)
def test_a_load_is_seen_and_learnt() -> None:
    """It is listed as running while it loads; how long the next will take is what this one took."""

    async def main() -> None:
        fake, clock = Fake(load_s=0.2), ManualClock()
        async with at(fake, clock=clock) as provider:
            await provider.probe()
            chat = asyncio.create_task(chatted(provider, stream=True))
            await until(lambda: bool(fake.loads))
            assert "loading" == states(await provider.probe())[NAME]
            clock.advance(9.0)
            await chat
            assert "up" == states(await provider.probe())[NAME]
            fake.loaded.clear()
            (model,) = [each for each in (await provider.probe()).models or () if each.id == NAME]
            assert ("cold", 9.0) == (model.state, model.eta_s)

    run(main())


def test_a_chat_goes_to_the_openai_route_with_ollamas_own_host() -> None:
    """A foreign name in Host is a 403 there."""

    async def main() -> None:
        fake = Fake()
        async with at(fake) as provider:
            sink = await chatted(provider)
            assert (200, True) == (sink.status, sink.is_ended)
            (seen,) = asked(fake, "/v1/chat/completions")
            assert seen.headers["host"].startswith("127.0.0.1:")

    run(main())


@pytest.mark.proves(
    provider="ollama", feature="max_completion_tokens", what="arrives under the name that it reads"
)
@pytest.mark.parametrize(
    ("given", "arrives"),
    [
        ({"max_completion_tokens": 5}, {"max_tokens": 5}),
        ({"max_completion_tokens": 5, "max_tokens": 7}, {"max_completion_tokens": 5, "max_tokens": 7}),
        ({"max_completion_tokens": None}, {"max_tokens": None}),
        ({"user": "max_completion_tokens"}, {"user": "max_completion_tokens"}),
        ({"metadata": {"max_completion_tokens": 5}}, {"metadata": {"max_completion_tokens": 5}}),
    ],
    ids=["alone", "both", "null", "a value", "deeper"],
)
def test_the_newer_name_of_a_bound(given: dict[str, Any], arrives: dict[str, Any]) -> None:
    """Is replaced where it is the body's own; everything else arrives as it was."""

    async def main() -> None:
        fake = Fake()
        async with at(fake) as provider:
            await chatted(provider, **given)
        (seen,) = asked(fake, "/v1/chat/completions")
        body = {name: value for name, value in seen.json.items() if name not in {"model", "messages"}}
        assert arrives == body

    run(main())


@pytest.mark.proves(
    provider="ollama",
    feature="failure in the middle of a stream",
    what="a fault, though the body ends as if whole",
)
@pytest.mark.parametrize("words", [0, 2])
def test_a_failure_that_it_swallows(words: int) -> None:
    """Before its first word nothing is passed on, so that another may answer."""

    async def main() -> RecordingSink:
        fake = Fake()
        fake.said = Said(dies_after=words)
        async with at(fake) as provider:
            return await chatted(provider, stream=True)

    sink = run(main())
    assert isinstance(sink.fault, Malformed)
    assert words == sink.body.count(b'"content":"')


@pytest.mark.proves(
    provider="ollama", feature="keep_alive", what="held to after each answer; nothing is loaded by it"
)
@pytest.mark.parametrize(
    ("setting", "said"), [("30m", "30m"), ("-1", -1), ("0", 0), ("1.5h", "1.5h"), ("-1m", "-1m")]
)
def test_keep_alive_is_said_behind_each_answer(setting: str, said: object) -> None:
    """A number without a unit is no text to Ollama."""

    async def main() -> None:
        fake = Fake()
        async with at(fake, keep_alive=setting) as provider:
            await chatted(provider)
            await until(lambda: bool(asked(fake, "/api/generate")))
            await until(lambda: not provider._keeper._tasks)
        (kept,) = asked(fake, "/api/generate")
        assert {"model": NAME, "keep_alive": said} == kept.json

    run(main())


def test_what_is_no_longer_loaded_is_not_loaded_again() -> None:
    """Whether it is, is asked before."""

    async def main() -> None:
        fake = Fake()
        async with at(fake, keep_alive="30m") as provider:
            provider._keeper.keep(NAME)
            await until(lambda: bool(asked(fake, "/api/ps")))
            await until(lambda: not provider._keeper._tasks)
        assert ([], []) == (asked(fake, "/api/generate"), fake.loads)

    run(main())


def test_answers_that_end_together_are_kept_by_one_task() -> None:
    """And by one more, for those that ended while it was under way."""

    async def main() -> None:
        fake = Fake()
        async with at(fake, keep_alive="30m") as provider:
            await chatted(provider)
            await until(lambda: not provider._keeper._tasks)
            before = len(asked(fake, "/api/generate"))
            for _ in range(20):
                provider._keeper.keep(NAME)
            assert 1 == len(provider._keeper._tasks)
            await until(lambda: len(asked(fake, "/api/generate")) > before)
            provider._keeper.keep(NAME)
            await until(lambda: not provider._keeper._tasks)
        assert before + 2 == len(asked(fake, "/api/generate"))

    run(main())


def test_closing_ends_what_keeps_models() -> None:
    """No task is left."""

    async def main() -> None:
        fake = Fake(Mode.SLOW)
        async with at(fake, keep_alive="30m") as provider:
            fake.loaded[NAME] = Runner(OWN_KEEP_ALIVE_S)
            provider._keeper.keep(NAME)
            await until(lambda: bool(asked(fake, "/api/generate")))
        assert {} == provider._keeper._tasks

    run(main())


@pytest.mark.proves(provider="ollama", feature="warming", what="a cold model is loaded before it is asked")
@pytest.mark.parametrize(("named", "loaded"), [("llama3.2", NAME), ("qwen3:4b", "qwen3:4b"), (None, NAME)])
def test_warming_loads(named: str | None, loaded: str) -> None:
    """The one that is meant, or the first that chats, for as long as models are to be kept."""

    async def main() -> None:
        fake = Fake()
        async with at(fake, keep_alive="24h") as provider:
            await provider.probe()
            await provider.warm(named)
            assert [loaded] == fake.loads
            assert "up" == states(await provider.probe())[loaded]
            (seen,) = asked(fake, "/api/generate")
            assert {"model": loaded, "keep_alive": "24h"} == seen.json

    run(main())


@pytest.mark.parametrize("mode", [Mode.UNAVAILABLE, Mode.RESET, Mode.SLOW])
def test_warming_that_fails_raises_nothing(mode: Mode) -> None:
    """It shows in the state of the model, and in the log."""

    async def main() -> None:
        fake = Fake(mode)
        async with at(fake, first_byte_s=0.2) as provider:
            await provider.warm(NAME)
            assert ProviderSign.READY is (await provider.probe()).provider
        assert [] == fake.loads

    run(main())


def test_what_only_embeds_is_not_warmed() -> None:
    """It would be a 400."""

    async def main() -> None:
        fake = Fake()
        async with at(fake) as provider:
            await provider.probe()
            await provider.warm("nomic-embed-text")
        assert [] == asked(fake, "/api/generate")

    run(main())


@pytest.mark.proves(provider="ollama", feature="its own dialect", what="a chat in Ollama's words, as it came")
def test_a_chat_in_its_own_words() -> None:
    """It tells of the model what a chat in OpenAI's words does, and is kept as long."""

    async def main() -> None:
        fake, clock = Fake(), ManualClock()
        async with at(fake, clock=clock, keep_alive="30m") as provider:
            assert OLLAMA == provider.dialect
            await provider.probe()
            sink = RecordingSink()
            body = json.dumps({"model": NAME, "messages": [{"role": "user", "content": "Hi"}]}).encode()
            await provider.send_native("/api/chat", [], body, sink)
            await sink.over.wait()
            assert (True, b"application/x-ndjson") == (sink.is_ended, sink.header(b"content-type"))
            assert json.loads(sink.body.splitlines()[-1])["done"]
            assert "up" == states(await provider.probe())[NAME]
            await until(lambda: bool(asked(fake, "/api/generate")))

    run(main())


def test_a_name_that_it_does_not_answer_to_is_told() -> None:
    """Its 403 has no body, and no key is wrong."""

    async def main() -> Probe:
        fake = Fake()
        fake.checks_host = True
        async with serving_bytes(answering(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")) as upstream:
            provider = ollama_at(Running(fake, upstream.port))
            probe = await provider.probe()
            await provider.aclose()
            return probe

    probe = run(main())
    assert ProviderSign.FAULT is probe.provider
    assert "OLLAMA_HOST" in probe.detail


def test_another_server_on_its_port_is_used_by_its_openai_routes() -> None:
    """It has no /api/ps, so nothing is known of what is loaded, and its answers end as they like."""
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    stream = b'data: {"model":"","choices":[]}\n\n'

    async def script(peer: Any) -> None:
        while True:
            request = await peer.request()
            if "/v1/models" in request.line:
                peer.send(ok(b'{"object":"list","data":[{"id":"qwen"}]}'))
            elif "/v1/chat" in request.line:
                peer.send(ok(stream, "Content-Type: text/event-stream"))
            else:
                peer.send(missing)

    async def main() -> tuple[Probe, RecordingSink]:
        async with serving_bytes(script) as upstream:
            provider = ollama_at(Running(Fake(), upstream.port), keep_alive="5m")
            probe = await provider.probe()
            sink = await chatted(provider)
            await provider.warm("qwen")
            await provider.aclose()
            assert not any("/api/generate" in request.line for request in upstream.requests)
            return probe, sink

    probe, sink = run(main())
    assert ((Model("qwen"),), False) == (probe.models, probe.tells_models)
    assert (stream, True) == (sink.body, sink.is_ended)


def test_a_server_that_goes_is_read_anew() -> None:
    """It may come back with other models."""

    async def main() -> None:
        fake = Fake()
        async with serving(fake) as running:
            provider = ollama_at(running)
            await provider.probe()
        assert ProviderSign.FAULT is (await provider.probe()).provider
        fake.capabilities = {"other:latest": ["completion"]}
        async with serving(fake, running.port):
            assert {"other:latest": "cold"} == states(await provider.probe())
            await provider.aclose()

    run(main())


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"models":3}', b'{"models":[{"name":7}]}', b"\xff", b"[" * 100_000]
)
def test_nonsense_for_a_list_is_a_fault(body: bytes) -> None:
    """Told as what it is; nothing is raised."""

    async def main() -> Probe:
        async with serving_bytes(answering(ok(body))) as upstream:
            provider = ollama_at(Running(Fake(), upstream.port))
            probe = await provider.probe()
            await provider.aclose()
            return probe

    assert ProviderSign.FAULT is run(main()).provider


def test_an_empty_server_has_no_models() -> None:
    """`null` is a list without entries to it."""

    async def main() -> Probe:
        async with serving_bytes(answering(ok(b'{"models":null}'))) as upstream:
            provider = ollama_at(Running(Fake(), upstream.port))
            probe = await provider.probe()
            await provider.aclose()
            return probe

    assert () == run(main()).models
