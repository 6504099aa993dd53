"""Copies of the library's voices on the nodes: who judges, who gets one, who is brought one."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from running import run

from router.domain import LibraryVoice
from router.errors import InvalidRequest, Malformed, NotFound, NothingCanServe, RouterError, Silent
from router.speech.copies import Copies
from router.speech.library import VoiceLibrary, content_id

ID, HASH = content_id(b"anna")
ANNA = LibraryVoice(id=ID, hash=HASH, name="Anna", created_at=1)


@dataclass
class Keeper:
    """A `VoiceKeeper` that writes down what it is asked; `fault` is what it raises on a PUT."""

    fault: RouterError | None = None
    deletion_fault: RouterError | None = None
    heard: list[str] = field(default_factory=list)
    held: dict[str, bytes] = field(default_factory=dict)
    gate: asyncio.Event | None = None
    is_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def put_voice(self, voice: LibraryVoice, recording: bytes, *, is_checked: bool) -> tuple[str, ...]:
        """Keeps it."""
        self.heard.append("check" if is_checked else "put")
        self.is_asked.set()
        if self.gate:
            await self.gate.wait()
        if self.fault:
            raise self.fault
        self.held[voice.id] = recording
        return ("Noisy.",)

    async def prepare_voice(self, voice_id: str, model: str, *, may_load: bool) -> bool:
        """Notes which model."""
        self.heard.append(f"prepare {model}" + (", load" if may_load else ""))
        return True

    async def preview_voice(self, voice_id: str) -> bytes:
        """A header is enough."""
        return b"RIFF"

    async def delete_voice(self, voice_id: str) -> None:
        """Forgets it, as late as it can."""
        if self.deletion_fault:
            self.heard.append("refused")
            raise self.deletion_fault
        for _ in range(20):
            await asyncio.sleep(0)
        self.heard.append("delete")
        self.held.pop(voice_id, None)


def copies_of(
    folder: Path,
    keepers: Mapping[str, Keeper],
    *,
    is_live: Callable[[str], bool] = lambda _: True,
    cloners: Mapping[str, list[str]] | None = None,
    clock: Callable[[], float] = time.time,
) -> Copies:
    """Over a fresh library; every keeper has the engine `turbo` unless told otherwise."""
    return Copies(
        VoiceLibrary(folder),
        keepers,
        is_live=is_live,
        cloners=lambda name: ["turbo"] if cloners is None else cloners.get(name, []),
        reported=lambda name: list(keepers[name].held),
        clock=clock,
    )


def added(copies: Copies) -> LibraryVoice:
    """Anna in the library, and everything after it done."""

    async def add() -> LibraryVoice:
        kept = await copies.add(ANNA, b"anna")
        await copies.settled()
        return kept

    return run(add())


async def under_way(copies: Copies, keeper: Keeper) -> tuple[asyncio.Task[bool], asyncio.Event]:
    """Anna in the library and on her way to `node`, which takes her when the event is set."""
    await copies.library.add(ANNA, b"anna", b"")
    gate = keeper.gate = asyncio.Event()
    bringing = asyncio.create_task(copies.bring("node", ANNA))
    await keeper.is_asked.wait()
    return bringing, gate


def test_the_first_live_node_judges_and_all_get_a_copy(tmp_path: Path) -> None:
    """Its warnings are kept; every cloning node is given the voice and prepares it."""
    one, two = Keeper(), Keeper()
    copies = copies_of(tmp_path, {"one": one, "two": two})
    assert ("Noisy.",) == added(copies).warnings
    assert ["check", "prepare turbo, load"] == one.heard
    assert ["put", "prepare turbo, load"] == two.heard
    assert {ID: b"anna"} == one.held == two.held
    assert b"RIFF" == run(copies.library.preview(ANNA))


def test_a_node_that_will_speak_with_it_judges_first(tmp_path: Path) -> None:
    """One that copies no voices may judge too, but is given none ahead."""
    espeak, gpu = Keeper(), Keeper()
    added(copies_of(tmp_path, {"espeak": espeak, "gpu": gpu}, cloners={"gpu": ["turbo", "nano"]}))
    assert [] == espeak.heard
    assert ["check", "prepare turbo, load", "prepare nano"] == gpu.heard


def test_a_node_that_fails_is_followed_by_the_next(tmp_path: Path) -> None:
    """Silence is no judgement, and a failed copy ahead of need is only logged."""
    broken, good = Keeper(Silent("no answer")), Keeper()
    kept = added(copies_of(tmp_path, {"broken": broken, "good": good}))
    assert ID == kept.id
    assert "check" == good.heard[0]


def test_a_judgement_is_the_clients_to_hear(tmp_path: Path) -> None:
    """400 as it is; nothing is kept, nobody else is asked."""
    refusing, other = Keeper(InvalidRequest("1.8 s", param="audio_sample")), Keeper()
    copies = copies_of(tmp_path, {"refusing": refusing, "other": other})
    with pytest.raises(InvalidRequest, match=r"1\.8 s"):
        added(copies)
    assert ([], []) == (copies.library.voices, other.heard)


def test_with_nobody_live_nothing_is_taken(tmp_path: Path) -> None:
    """503 with a line for each."""
    copies = copies_of(tmp_path, {"gone": Keeper()}, is_live=lambda _: False)
    with pytest.raises(NothingCanServe, match="gone: cannot be reached"):
        added(copies)


def test_a_missing_voice_is_brought_once_for_all_who_wait(tmp_path: Path) -> None:
    """Ten requests at once, one recording over the wire."""
    keeper = Keeper()
    copies = copies_of(tmp_path, {"node": keeper})

    async def ten() -> list[bool]:
        await copies.library.add(ANNA, b"anna", b"")
        keeper.gate = asyncio.Event()
        waiting = [asyncio.create_task(copies.bring("node", ANNA)) for _ in range(10)]
        await keeper.is_asked.wait()
        waiting.pop().cancel()
        keeper.gate.set()
        return await asyncio.gather(*waiting)

    assert [True] * 9 == run(ten())
    assert ["put"] == keeper.heard


def test_who_keeps_none_is_not_brought_one(tmp_path: Path) -> None:
    """An OpenAI server has its own voices only."""
    assert False is run(copies_of(tmp_path, {}).bring("openai", ANNA))


def test_a_node_that_refuses_a_good_voice_is_at_fault(tmp_path: Path) -> None:
    """Another has taken it; so the next candidate is tried, and the client is not blamed."""
    copies = copies_of(tmp_path, {"odd": Keeper(InvalidRequest("unreadable"))})

    async def bring() -> None:
        await copies.library.add(ANNA, b"anna", b"")
        await copies.bring("odd", ANNA)

    with pytest.raises(Malformed, match="unreadable"):
        run(bring())


def test_removal_reaches_the_nodes(tmp_path: Path) -> None:
    """The library at once, those that live soon."""
    one, gone = Keeper(), Keeper()
    copies = copies_of(tmp_path, {"one": one, "gone": gone}, is_live=lambda name: name == "one")

    async def remove() -> None:
        await copies.add(ANNA, b"anna")
        await copies.settled()
        await copies.remove(ANNA)
        await copies.settled()

    run(remove())
    assert ({}, [], []) == (one.held, gone.heard, copies.library.voices)


def test_who_was_away_deletes_it_when_it_is_back(tmp_path: Path) -> None:
    """Once; one that refuses is asked again after a while; and the deletion is forgotten when it is old."""
    away, now = Keeper(deletion_fault=Silent("busy")), [1_000.0]
    live: set[str] = set()
    copies = copies_of(tmp_path, {"away": away}, is_live=live.__contains__, clock=lambda: now[0])
    copies.library._clock = lambda: now[0]

    async def come_and_go() -> None:
        live.add("away")
        await copies.add(ANNA, b"anna")
        await copies.settled()
        live.clear()
        await copies.remove(ANNA)
        copies.sweep("away")
        live.add("away")
        for _ in range(2):
            copies.sweep("away")
            copies.sweep("away")
            await copies.settled()
        assert 1 == away.heard.count("refused")
        away.deletion_fault = None
        now[0] += 11
        copies.sweep("away")
        await copies.settled()
        assert (1, {}, [ID]) == (away.heard.count("delete"), away.held, list(copies.library.deleted))
        now[0] += 31 * 86_400
        away.held[ID] = b"it was off"
        copies.sweep("away")
        await copies.settled()
        copies.sweep("away")
        await copies.settled()

    run(come_and_go())
    assert (2, {}, {}) == (away.heard.count("delete"), away.held, copies.library.deleted)


def test_what_is_being_uploaded_is_not_swept(tmp_path: Path) -> None:
    """The judge has it before the library has."""
    keeper = Keeper()
    copies = copies_of(tmp_path, {"node": keeper})

    async def again() -> None:
        await copies.add(ANNA, b"anna")
        await copies.settled()
        await copies.remove(ANNA)
        await copies.settled()
        keeper.gate = asyncio.Event()
        keeper.is_asked.clear()
        adding = asyncio.create_task(copies.add(ANNA, b"anna"))
        await keeper.is_asked.wait()
        keeper.held[ID] = b"anna"
        copies.sweep("node")
        keeper.gate.set()
        await adding
        await copies.settled()

    run(again())
    assert ({ID: b"anna"}, {}) == (keeper.held, copies.library.deleted)


def test_what_is_uploaded_again_at_once_stays(tmp_path: Path) -> None:
    """A deletion that is still on its way to the nodes does not overtake the next upload."""
    keeper = Keeper()
    copies = copies_of(tmp_path, {"node": keeper})

    async def again() -> None:
        await copies.add(ANNA, b"anna")
        await copies.settled()
        await copies.remove(ANNA)
        await copies.add(ANNA, b"anna")
        await copies.settled()

    run(again())
    assert {ID: b"anna"} == keeper.held


def test_a_copy_on_its_way_does_not_outlive_a_deletion(tmp_path: Path) -> None:
    """The deletion waits for the recording that is under way to the node; later ones find nothing to send."""
    keeper = Keeper()
    copies = copies_of(tmp_path, {"node": keeper})

    async def overtaken() -> None:
        bringing, gate = await under_way(copies, keeper)
        await copies.remove(ANNA)
        gate.set()
        await bringing
        await copies.settled()
        with pytest.raises(NotFound):
            await copies.bring("node", ANNA)

    run(overtaken())
    assert (["put", "delete"], {}) == (keeper.heard, keeper.held)


def test_closing_ends_what_is_under_way(tmp_path: Path) -> None:
    """A node that never answers does not hold the router's end."""
    keeper = Keeper()
    copies = copies_of(tmp_path, {"node": keeper})

    async def close() -> None:
        bringing, _ = await under_way(copies, keeper)
        await copies.aclose()
        with pytest.raises(asyncio.CancelledError):
            await bringing

    run(close())
