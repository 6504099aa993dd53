"""Who is served: names, yielding, draining. Fake children."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from fakes import FAKE, Nursery, Recorder
from tts_node.domain import Memory, ModelState, SpeechRequest
from tts_node.errors import EngineLoadFailed, NotFound, Unavailable
from tts_node.life import wire
from tts_node.life.limits import SlotLimits
from tts_node.life.slot import Slot
from tts_node.node import Model, Node

pytestmark = pytest.mark.anyio


@pytest.fixture
async def changes() -> list[str]:
    """One entry for every change the node tells."""
    return []


@pytest.fixture
async def nursery() -> Nursery:
    """Where the model's children come from."""
    return Nursery()


@pytest.fixture
async def node(changes: list[str], nursery: Nursery) -> AsyncIterator[Node]:
    """With one model, `fake`."""
    slot = Slot(FAKE, SlotLimits(), nursery, Recorder())
    made = Node(
        {"fake": Model(FAKE, FAKE.catalogue(), slot)}, "fake", on_change=lambda: changes.append(made.state)
    )
    yield made
    await made.close()


@pytest.mark.parametrize("name", [None, "", "tts-1", "TTS-1-HD", "gpt-4o-mini-tts", "fake", "Fake"])
async def test_names_of_the_default_model(node: Node, name: str | None) -> None:
    """OpenAI's names and none mean what this node speaks with."""
    assert FAKE is node.model(name).descriptor


async def test_an_unknown_model_lists_close_ones(node: Node) -> None:
    """The 404 says what was probably meant."""
    with pytest.raises(NotFound, match="Close: fake") as caught:
        node.model("fakey")
    assert "model" == caught.value.param


async def test_an_order_resolves_everything(node: Node) -> None:
    """Voice and language are resolved before any queue; ids are unique."""
    one, other = (node.order(SpeechRequest("Hi", voice="NOVA", language="de-AT", seed=3)) for _ in range(2))
    assert ("nova", "de", 3, "Hi") == (one.job.voice, one.job.language, one.job.seed, one.job.text)
    assert one.job.id != other.job.id


async def test_yield_and_resume(node: Node, changes: list[str]) -> None:
    """Yielded: the child is gone and nobody is served; resumed: the next request loads."""
    await node.models["fake"].slot.resident.ensure_up()
    assert node.make_room()
    assert (ModelState.YIELDED, ModelState.COLD) == (node.state, node.models["fake"].slot.state)
    with pytest.raises(Unavailable) as caught:
        node.warm()
    assert ("yielded", 30) == (caught.value.code, caught.value.retry_after_s)
    assert ModelState.COLD is node.resume()
    assert ModelState.LOADING is node.warm()
    assert ["yielded", "cold"] == changes


async def test_yield_sends_the_queue_away(node: Node) -> None:
    """Who is being spoken to is not cut; who waits goes elsewhere at once."""
    order = node.order(SpeechRequest("Hi"))
    async with node.speaking(order):
        waiting = node.speaking(node.order(SpeechRequest("Hi")))
        turns = node.models["fake"].slot.turns

        async def wait() -> None:
            async with waiting:
                raise AssertionError("served while yielded")

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)  # its first step takes it into the line
        assert 1 == turns.depth
        assert not node.make_room()
        with pytest.raises(Unavailable, match="yielded"):
            await task
        assert turns.is_busy


async def test_resume_takes_back_what_yield_has_yet_to_do(node: Node, nursery: Nursery) -> None:
    """Yielded and resumed while it speaks: the model is still there afterwards."""

    async def listen() -> None:
        async with node.speaking(node.order(SpeechRequest("Hi"))) as utterance:
            async for _ in utterance.pieces():
                pass

    task = asyncio.create_task(listen())
    child = await nursery.child()
    job = await child.next_job()
    assert not node.make_room()
    node.resume()
    child.give(wire.Done(job.id, 0.1))
    await task
    assert (False, ModelState.UP) == (child.was_ended, node.state)


async def test_yield_calls_off_a_load(node: Node, nursery: Nursery) -> None:
    """A game that wants the device does not wait for a model to come up; who waited for it goes elsewhere."""
    slot = node.models["fake"].slot

    async def listen() -> None:
        async with node.speaking(node.order(SpeechRequest("Hi"))) as utterance:
            async for _ in utterance.pieces():
                pass

    nursery.comes_up = False
    task = asyncio.create_task(listen())
    child = await nursery.child()
    node.make_room()
    with pytest.raises(Unavailable, match="yielded"):
        await task
    await node.gone()
    assert (True, ModelState.COLD) == (child.was_ended, slot.state)


async def test_the_device_is_told(node: Node) -> None:
    """Null without one; else as the last child saw it, by model too."""
    assert node.status().vram is None
    await node.models["fake"].slot.resident.ensure_up()
    node.models["fake"].slot.resident.take_note(Memory(1, 2, 3))
    status = node.status()
    assert (Memory(1, 2, 3), Memory(1, 2, 3)) == (status.vram, status.models["fake"].memory)
    assert node.unload()
    assert node.status().vram is None


async def test_a_failed_load_is_told(node: Node, nursery: Nursery) -> None:
    """Why, and how long it is not tried again."""
    nursery.comes_up = False
    node.warm()
    (await nursery.child()).give(wire.LoadFailed("no weights"))
    with pytest.raises(EngineLoadFailed):
        await node.models["fake"].slot.resident.ensure_up()
    told = node.status().models["fake"]
    assert ("fake cannot be loaded: no weights", 2.0) == (told.error, told.retry_in_s)
    with pytest.raises(EngineLoadFailed, match="no weights"):
        node.warm()


async def test_closing_sends_the_queue_away(node: Node) -> None:
    """Who waits in line is told that the node leaves."""
    async with node.speaking(node.order(SpeechRequest("Hi"))):
        turns = node.models["fake"].slot.turns
        waiting = asyncio.create_task(turns.take(60))
        await asyncio.sleep(0)
        assert 1 == turns.depth
        await node.close()
        with pytest.raises(Unavailable, match="shutting down"):
            await waiting


async def test_draining_serves_nobody_new(node: Node) -> None:
    """And says so."""
    node.drain()
    with pytest.raises(Unavailable) as caught:
        async with node.speaking(node.order(SpeechRequest("Hi"))):
            raise AssertionError("served while draining")
    assert ("draining", "draining") == (caught.value.code, node.status().state)


async def test_status_of_a_fresh_node(node: Node) -> None:
    """Nothing measured, nothing guessed."""
    status = node.status()
    assert ("healthy", "cold", "fake", ["fake"]) == (status.status, status.state, status.engine, status.engines)
    assert (None, None, 0, 8, False) == (
        status.eta_s,
        status.rtf,
        status.queue.depth,
        status.queue.limit,
        status.queue.busy,
    )


async def test_pieces_share_one_seed_where_takes_vary(node: Node) -> None:
    """A text cut in pieces must not change its speaker's mood at each; what never varies gets none."""
    steady = node.order(SpeechRequest(text="x"))
    model = steady.model
    varied = Node({"fake": replace(model, descriptor=replace(model.descriptor, varies=True))}, "fake")
    assert (None, True) == (steady.job.seed, isinstance(varied.order(SpeechRequest(text="x")).job.seed, int))
