"""Home Assistant's end of a voice: what is said to the router by Wyoming, and what is heard."""

import asyncio
import time
from typing import Any

import pytest
from fakes import FakeSpeech, speech_card
from houses import FakeHouse
from narrating import TEXT, cut, sound_of
from running import LOOPS, run, until
from wyoming_clients import client_of, house_with, pcm_in, serving, types

from router.domain import Segment, Utterance
from router.errors import Malformed
from router.spoken import NOTHING
from router.wyoming import Event
from router.wyoming_server import session
from router.wyoming_server.sound import LEAST_SAMPLES

SHAPE = {"rate": 24_000, "width": 2, "channels": 1, "timestamp": None}
both_loops = pytest.mark.parametrize("loop", LOOPS)


def one_shot(text: str, **more: Any) -> list[tuple[str, dict[str, Any]]]:
    return [("synthesize", {"text": text, **more})]


def streamed(*pieces: str, **voice: Any) -> list[tuple[str, dict[str, Any]]]:
    """As Home Assistant sends it: with a copy of the whole text for services that cannot stream."""
    return [
        ("synthesize-start", {"voice": voice} if voice else {}),
        *(("synthesize-chunk", {"text": piece}) for piece in pieces),
        ("synthesize", {"text": "".join(pieces), **({"voice": voice} if voice else {})}),
        ("synthesize-stop", {}),
    ]


async def _heard(
    house: FakeHouse, events: list[tuple[str, dict[str, Any]]], last: str, **settings: Any
) -> list[Event]:
    async with serving(house, **settings) as served, client_of(served.port) as client:
        for kind, data in events:
            client.say(kind, **data)
        return await client.until(last)


async def _refused(
    house: FakeHouse, *events: tuple[str, dict[str, Any]], raw: bytes = b"", **settings: Any
) -> Event:
    """The error, after which the connection ends."""
    async with serving(house, **settings) as served, client_of(served.port) as client:
        for kind, data in events:
            client.say(kind, **data)
        client.writer.write(raw)
        heard = await client.rest()
        assert "error" == heard[-1].type
        return heard[-1]


def seeded(segment: Segment) -> Utterance:
    """Sounds of its words whatever the seed."""
    return Utterance(sound_of(segment.text), 0.01, "engine", segment.voice)


def sound(text: str) -> bytes:
    return b"".join(sound_of(each.text) + bytes(round(each.pause_s * 24_000) * 2) for each in cut(text))


@both_loops
def test_a_text_is_spoken(loop: str) -> None:
    """audio-start, chunks, audio-stop; all of it, in one format, in chunks that are not small."""
    events = run(_heard(house_with(seeded), one_shot(TEXT, voice={"name": "otto"}), "audio-stop"), loop)
    assert ["audio-start", "audio-chunk", "audio-stop"] == types(events)
    assert all(event.data == SHAPE for event in events[:-1])
    assert sound(TEXT) == pcm_in(events)
    assert all(len(event.payload) >= 2 * LEAST_SAMPLES for event in events[1:-1])


@both_loops
def test_a_text_is_spoken_while_it_is_written(loop: str) -> None:
    """Token by token, empty ones too; the copy of the whole text is not spoken again; one audio-start for all."""
    pieces = [TEXT[at : at + 3] for at in range(0, len(TEXT), 3)]
    house = house_with(seeded)
    events = run(_heard(house, streamed(*pieces, "", name="anna"), "synthesize-stopped"), loop)
    assert ["audio-start", "audio-chunk", "audio-stop", "synthesize-stopped"] == types(events)
    assert "".join(TEXT.split()) == "".join("".join(s.text.split()) for s, _, _ in house.speech["gpu"].heard)
    assert len(pcm_in(events)) >= len(TEXT) * 1200 // 2
    assert {"anna"} == {segment.voice for segment, _, _ in house.speech["gpu"].heard}


def test_the_first_sentence_is_heard_before_the_last_is_written() -> None:
    """That is what streaming is for."""

    async def main() -> list[str]:
        async with serving(house_with()) as served, client_of(served.port) as client:
            client.say("synthesize-start")
            client.say("synthesize-chunk", text="The first sentence is here, all of it. And the next")
            begun = await client.until("audio-chunk")
            client.say("synthesize-chunk", text=" follows after a while.")
            client.say("synthesize-stop")
            return types(begun) + types(await client.until("synthesize-stopped"))

    assert ["audio-start", "audio-chunk"] == run(main())[:2]


def test_one_text_after_the_other_on_one_connection() -> None:
    """In order, and a stream among them."""
    events = [*one_shot("One."), *streamed("Two."), *one_shot("Three.")]

    async def main() -> list[bytes]:
        async with serving(house_with(seeded)) as served, client_of(served.port) as client:
            for kind, data in events:
                client.say(kind, **data)
            return [pcm_in(await client.until("audio-stop")) for _ in range(3)]

    assert [sound_of(text) for text in ("One.", "Two.", "Three.")] == run(main())


@pytest.mark.parametrize("events", [one_shot(""), one_shot("🙂"), streamed("", ""), streamed("🙂")])
def test_where_nothing_can_be_said_it_is_silent_for_a_moment(events: list[tuple[str, dict[str, Any]]]) -> None:
    """Home Assistant takes an answer without a chunk for a failure."""
    last = "synthesize-stopped" if len(events) > 1 else "audio-stop"
    heard = run(_heard(house_with(), events, last))
    assert ["audio-start", "audio-chunk", "audio-stop"] == types(heard)[:3]
    assert NOTHING == pcm_in(heard)


def test_describe_is_answered_while_it_speaks() -> None:
    """At once, and whole: its bytes never get between those of a chunk."""

    async def main() -> tuple[list[str], bool]:
        house = house_with()
        house.speech["gpu"].blocks_on = asyncio.Event()
        async with serving(house) as served, client_of(served.port) as client:
            client.say("synthesize", text="Wait for it.")
            await until(lambda: bool(house.speech["gpu"].heard))
            client.say("describe")
            client.say("ping", text="still there?")
            first = [await client.hear(), await client.hear()]
            house.speech["gpu"].blocks_on.set()
            heard = await client.until("audio-stop")
            assert first[1] == Event("pong", {"text": "still there?"})
            return [each.type for each in first if each is not None], bool(pcm_in(heard))

    assert (["info", "pong"], True) == run(main())


def test_what_nobody_knows_means_nothing() -> None:
    """By the protocol's rule; so newer clients may say more."""
    chosen: dict[str, Any] = {"name": "another"}
    events = [("select-program", chosen), ("audio-chunk", SHAPE), ("hum", {"a": [1]}), ("ping", {})]
    assert ["pong"] == types(run(_heard(house_with(), events, "pong")))


@pytest.mark.parametrize(
    ("events", "raw", "code", "why"),
    [
        (one_shot("Hello.", voice={"name": "anne"}), b"", "voice_not_found", "Did you mean anna"),
        (streamed("Hello.", name="anne"), b"", "voice_not_found", "Did you mean anna"),
        (one_shot("<speak/>", text_format="ssml"), b"", "unknown_format", "plain text"),
        (one_shot("x" * 201), b"", "input_too_long", "200 characters"),
        (streamed("x" * 150, "x" * 51), b"", "input_too_long", "200 characters"),
        ([("synthesize", {"text": 5})], b"", "malformed", "The client sent 'synthesize' that is none"),
        ([("synthesize-chunk", {"text": "x"})], b"", "out_of_order", "comes after synthesize-start"),
        ([("synthesize-stop", {})], b"", "out_of_order", "comes after synthesize-start"),
        ([("synthesize-start", {})] * 2, b"", "out_of_order", "not finished"),
        ([], b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "malformed", "no event"),
        ([], b'{"type":"ping","payload_length":99999999}\n', "malformed", "payload"),
    ],
)
def test_what_cannot_be_served_is_told_and_the_connection_ends(
    events: list[tuple[str, dict[str, Any]]], raw: bytes, code: str, why: str
) -> None:
    """Home Assistant ignores the event and would wait for ever."""
    error = run(_refused(house_with(speech={"max_input_chars": 200}), *events, raw=raw))
    assert code == error.data["code"]
    assert why in error.data["text"]


def test_a_fault_is_another_providers_turn() -> None:
    """The same failover as for every other client, noted in the record of the request."""

    async def main() -> tuple[bytes, list[Any]]:
        def fails(_: Segment) -> Utterance:
            raise Malformed("sent noise")

        house = FakeHouse(
            FakeSpeech(speech_card("gpu", tier=1), fails),
            FakeSpeech(speech_card("cpu", tier=2), seeded),
            settings={
                "models": {
                    "speech": {
                        "serves": "speech",
                        "routes": [{"provider": "gpu", "model": "m"}, {"provider": "cpu", "model": "m"}],
                    }
                }
            },
        )
        for name in ("gpu", "cpu"):
            house.report(name, "m")
        heard = await _heard(house, one_shot("Hello there."), "audio-stop")
        return pcm_in(heard), house.observer.finished

    pcm, (record,) = run(main())
    assert sound_of("Hello there.") == pcm
    told = (record.endpoint, record.client, record.model, record.provider, record.outcome, record.status)
    assert ("speech", "wyoming", "m", "cpu", "ok", 200) == told
    assert {"cpu": 1} == record.voiced
    assert record.audio_s == pytest.approx(len(pcm) / 48_000)
    assert record.first_byte is not None
    assert record.request_id.startswith("req-")


def test_nobody_can_speak() -> None:
    """What every other client gets as a 503."""

    async def main() -> tuple[Event, str]:
        def fails(_: Segment) -> Utterance:
            raise Malformed("sent noise")

        house = house_with(fails)
        return await _refused(house, *one_shot("Hello.")), house.observer.finished[0].outcome

    error, outcome = run(main())
    assert ("provider_none", True) == (outcome, "speech" in error.data["text"])


@both_loops
@pytest.mark.parametrize("events", [one_shot("Hello there."), streamed("Hello there. And on")])
def test_who_leaves_is_not_spoken_to_any_more(loop: str, events: list[tuple[str, dict[str, Any]]]) -> None:
    """The work ends, and is put down as the client's leaving."""

    async def main() -> tuple[float, str]:
        house = house_with()
        node = house.speech["gpu"]
        node.blocks_on = asyncio.Event()
        async with serving(house) as served:
            async with client_of(served.port) as client:
                for kind, data in events:
                    client.say(kind, **data)
                await until(lambda: bool(node.heard))
                began = time.monotonic()
            await until(lambda: node.was_cancelled and bool(house.observer.finished))
            took_s = time.monotonic() - began
        return took_s, house.observer.finished[0].outcome

    took_s, outcome = run(main(), loop)
    assert "caller_gone" == outcome
    assert took_s < 5  # a guard: it is a few milliseconds


def test_who_is_idle_is_hung_up_on() -> None:
    """Without a word; half an event, or a text that is never finished, keeps nobody."""

    async def main() -> list[list[str]]:
        found = []
        async with serving(house_with(), idle_s=0.1) as served:
            for raw in (b"", b'{"type":'):
                async with client_of(served.port) as client:
                    client.writer.write(raw)
                    found.append(types(await client.rest()))
            async with client_of(served.port) as client:
                client.say("synthesize-start")
                found.append(types(await client.rest()))
        return found

    assert [[], [], []] == run(main())


def test_who_listens_is_not_idle() -> None:
    """However long a segment takes."""

    async def main() -> list[str]:
        house = house_with()
        node = house.speech["gpu"]
        node.blocks_on = asyncio.Event()
        async with serving(house, idle_s=0.05) as served, client_of(served.port) as client:
            client.say("synthesize", text="Hello.")
            asyncio.get_running_loop().call_later(0.3, node.blocks_on.set)
            return types(await client.until("audio-stop"))

    assert ["audio-start", "audio-chunk", "audio-stop"] == run(main())


def test_texts_that_wait_are_bounded() -> None:
    """So many behind the one that is spoken; one more is refused."""

    async def main() -> Event:
        house = house_with()
        house.speech["gpu"].blocks_on = asyncio.Event()
        async with serving(house) as served, client_of(served.port) as client:
            client.say("synthesize", text="Hello.")
            await until(lambda: bool(house.speech["gpu"].heard))
            for _ in range(session.MAX_WAITING + 1):
                client.say("synthesize", text="Hello.")
            return (await client.rest())[-1]

    assert ("error", "too_many_texts") == ((error := run(main())).type, error.data["code"])


def test_a_client_that_takes_nothing_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does not take is not made for ever."""
    monkeypatch.setattr(session, "CLIENT_STALL_S", 0.2)

    async def main() -> str:
        house = house_with(lambda segment: Utterance(bytes(48_000 * 20), 0.1))
        async with serving(house) as served, client_of(served.port) as client:
            for _ in range(session.MAX_WAITING):
                client.say("synthesize", text="It goes on and on, for much longer than one would think. " * 8)
            await until(lambda: bool(house.observer.finished) and house.observer.finished[-1].outcome != "ok")
            return house.observer.finished[-1].outcome

    assert "caller_gone" == run(main())


def test_who_asks_and_does_not_read_is_soon_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Meanwhile nobody would notice that it leaves, and its place would be taken."""
    monkeypatch.setattr(session, "ANSWER_WITHIN_S", 0.2)

    async def main() -> None:
        async with serving(house_with()) as served, client_of(served.port) as client:
            for _ in range(32):
                client.say("ping", text="x" * 1_000_000)
            await until(lambda: "1 inside" in repr(served.server))
            await until(lambda: "0 inside" in repr(served.server))

    run(main())


def test_what_fails_inside_is_told_and_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug is no silence: the client learns that it is over, the log has the rest."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("router.wyoming_server.studio.Sound", broken)
    error = run(_refused(house_with(), *one_shot("Hello.")))
    assert "The router failed; its log tells more." == error.data["text"]
    assert ["a Wyoming session failed inside the router"] == caplog.messages


def test_what_was_said_before_comes_from_the_cache() -> None:
    """The whole answer, as for every other client."""

    async def main() -> tuple[list[str], int]:
        house = house_with(seeded, cache={"disk_mb": 0})
        async with serving(house) as served:
            for _ in range(2):
                async with client_of(served.port) as client:
                    client.say("synthesize", text="Hello there.")
                    assert sound_of("Hello there.") == pcm_in(await client.until("audio-stop"))
        await house.cache.aclose()
        return [record.cache for record in house.observer.finished], len(house.speech["gpu"].heard)

    assert (["miss", "hit"], 1) == run(main())
