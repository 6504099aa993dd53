"""What a tts-node tells when it is looked at or touched."""

import json

import pytest
from fakes import ManualClock, RecordingObserver, speech_card
from loopback import Peer, Script, answering, serving
from running import run
from scripted_node import TOLD, TOLD_MODELS, node_at, telling

from router.domain import Model, Voice
from router.health import HostSign, ProviderSign
from router.ports import Probe
from router.providers import tts_node
from router.providers.origin import Address, Origin
from router.providers.tts_node import TtsNode
from router.roster import Roster

pytestmark = pytest.mark.usefixtures("_patient")


async def _probes(count: int, script: Script) -> tuple[list[Probe], list[str]]:
    async with serving(script) as upstream:
        node = node_at(upstream)
        probes = [await node.probe() for _ in range(count)]
        await node.aclose()
        return probes, [request.line.split()[1] for request in upstream.requests]


@pytest.mark.parametrize(
    ("state", "sign"),
    [
        ("up", ProviderSign.READY),
        ("cold", ProviderSign.COLD),
        ("loading", ProviderSign.LOADING),
        ("yielded", ProviderSign.YIELDED),
        ("draining", ProviderSign.DRAINING),
    ],
)
def test_the_nodes_word_is_taken(state: str, sign: ProviderSign) -> None:
    """With its lists, the first time."""
    (probe,), _ = run(_probes(1, telling({"state": state, "voices_revision": "1"})))
    voices = (Voice("fable", "Fable", "en-GB", "male"), Voice("x", "x"))
    assert Probe(HostSign.ANSWERED, sign, "", (Model("turbo", "cold"), Model("espeak")), voices) == probe


@pytest.mark.parametrize("revision", [{}, {"voices_revision": "1"}])
def test_lists_are_fetched_only_when_they_changed(revision: dict[str, str]) -> None:
    """A probe a second must stay cheap."""
    probes, paths = run(_probes(3, telling({"state": "up", **revision})))
    assert ["/health", "/v1/models", "/v1/audio/voices", "/health", "/health"] == paths
    assert Probe(HostSign.ANSWERED, ProviderSign.READY) == probes[2]


def test_a_new_revision_fetches_them_again() -> None:
    """A voice was added."""
    healths = [{"state": "up", "voices_revision": revision} for revision in ("1", "1", "2")]
    probes, _ = run(_probes(3, telling(*healths)))
    assert [True, False, True] == [probe.voices is not None for probe in probes]


def test_after_a_fault_the_lists_are_fetched_again() -> None:
    """It may have come back as another node."""
    healths = [{"state": "up", "voices_revision": "1"}, b"broken", {"state": "up", "voices_revision": "1"}]
    probes, _ = run(_probes(3, telling(*healths)))
    assert [ProviderSign.READY, ProviderSign.FAULT, ProviderSign.READY] == [probe.provider for probe in probes]
    assert [True, False, True] == [probe.models is not None for probe in probes]


@pytest.mark.parametrize(
    "script",
    [
        telling({"state": "asleep"}),
        telling({"state": 5}),
        telling({}),
        telling([]),
        telling(b"<html>"),
        telling({"state": "up"}, models={"models": []}),
        telling({"state": "up"}, voices=["fable"]),
        answering(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"),
    ],
)
def test_whatever_is_no_node_is_a_fault(script: Script) -> None:
    """Told, never raised."""
    (probe,), _ = run(_probes(1, script))
    assert (HostSign.ANSWERED, ProviderSign.FAULT, True) == (probe.host, probe.provider, bool(probe.detail))


def test_each_models_own_state_is_told() -> None:
    """By newer nodes, with every look; the queue is that of all."""
    probes, _ = run(
        _probes(2, telling({"state": "loading", "eta_s": 4.5, "voices_revision": "1", "models": TOLD}))
    )
    assert [TOLD_MODELS] * 2 == [probe.models for probe in probes]
    assert [(True, 3)] * 2 == [(probe.tells_models, probe.queued) for probe in probes]


NONSENSE = ["9" * 400, "9" * 5000, "1e300", "1e999", "-5", "-1e999", "NaN", "Infinity", "-Infinity", "null"]


@pytest.mark.parametrize("figure", NONSENSE, ids=lambda figure: figure[:12])
def test_figures_that_cannot_be_are_as_if_they_were_not_said(figure: str) -> None:
    """The rest is believed, and the node stays usable."""
    said = {"state": "up", "queue": {"depth": 2, "busy": True, "eta_s": "@"}, "eta_s": "@", "rtf": "@"}
    queue = {"depth": "@", "busy": True, "eta_s": 3}
    document = {
        "state": "loading",
        "voices_revision": "1",
        "eta_s": "@",
        "models": {"turbo": said, "espeak": {"state": "up", "rtf": 0.5, "queue": queue}},
    }
    (probe,), _ = run(_probes(1, telling(json.dumps(document).replace('"@"', figure).encode())))
    assert (ProviderSign.LOADING, None, 4) == (probe.provider, probe.eta_s, probe.queued)
    assert (Model("turbo", "up"), Model("espeak", "up", rtf=0.5, wait_s=3)) == probe.models


def test_a_node_of_an_absurd_queue_serves_all_the_same() -> None:
    """What is predicted from its beat can be computed."""
    document = json.dumps({"state": "up", "queue": {"depth": 10**400}}).encode()
    (probe,), _ = run(_probes(1, telling(document, models={"data": []})))
    roster = Roster({"gpu": speech_card("gpu")}, RecordingObserver(), ManualClock())
    roster.note_beat("gpu", probe)
    assert (True, 0.0) == (roster.standing("gpu").is_idle, roster.standing("gpu").predicted_s)


async def _touched(script: Script) -> tuple[Probe | None, list[str]]:
    async with serving(script) as upstream:
        node = node_at(upstream)
        probe = await node.touch()
        await node.aclose()
        return probe, [request.line.split()[1] for request in upstream.requests]


async def _mute(peer: Peer) -> None:
    await peer.until_closed()


def test_a_touch_asks_for_health_alone_and_tells_load_and_queue() -> None:
    """Lists can wait while requests are in flight."""
    health = {"state": "loading", "eta_s": 4.5, "queue": {"depth": 2, "busy": True}, "voices_revision": "1"}
    expected = Probe(HostSign.ANSWERED, ProviderSign.LOADING, eta_s=4.5, queued=3)
    assert (expected, ["/health"]) == run(_touched(telling(health)))


def test_a_node_that_accepts_and_says_nothing_is_mute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its health route never waits for its model, so silence is a sign, of the server and not of the machine."""
    monkeypatch.setattr(tts_node, "TOUCH_DEADLINE_S", 1.0)
    probe, _ = run(_touched(_mute))
    assert probe is not None
    assert (HostSign.ANSWERED, ProviderSign.MUTE) == (probe.host, probe.provider)


def test_a_node_on_the_internet_is_not_touched() -> None:
    """A third of a second says nothing there."""
    origin = Origin(Address("https", "h", 1, ""), api_key="", connect_s=1, clock=ManualClock())
    assert None is run(TtsNode(speech_card("far"), origin).touch())
