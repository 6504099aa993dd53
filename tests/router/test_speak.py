"""The dispatch of speech: who speaks, what is told of it, and that nothing half-spoken leaves."""

import asyncio
import base64
import json
from collections.abc import Callable

import pytest
from fakes import FakeSpeech, pcm, speech_card
from houses import FakeHouse
from running import run, until

from router.circuits import Verdict
from router.domain import Segment, Utterance
from router.errors import (
    ConnectionLost,
    DialRefused,
    DialTimeout,
    InvalidRequest,
    Malformed,
    Rejected,
    RouterError,
    Silent,
)
from router.health import HostSign, ProviderSign, ProviderState
from router.ports import Probe

SECOND = pcm(1.0)


def _says(utterance: Utterance) -> Callable[[Segment], Utterance]:
    return lambda _: utterance


def _fails(error: RouterError) -> Callable[[Segment], Utterance]:
    def voice(_: Segment) -> Utterance:
        raise error

    return voice


def _house(one: Callable[[Segment], Utterance], **speech: object) -> FakeHouse:
    """Two nodes: `gpu` is preferred and speaks by `one`, `cpu` always manages."""
    house = FakeHouse(
        FakeSpeech(speech_card("gpu", tier=1, first_byte_s=0.03, stall_s=0.02), one),
        FakeSpeech(speech_card("cpu", tier=2), _says(Utterance(SECOND, 0.125, "espeak", "en"))),
        settings={
            "speech": speech,
            "models": {"speech": {"serves": "speech", "routes": [{"provider": "gpu", "model": "turbo"}]}},
        },
    )
    house.report("gpu", "turbo", "chatterbox")
    house.report("cpu", "espeak")
    return house


def _node(house: FakeHouse, name: str) -> FakeSpeech:
    provider = house.speaker._providers[name]
    assert isinstance(provider, FakeSpeech)
    return provider


GOOD = _says(Utterance(SECOND, 0.25, "chatterbox-turbo", "fable"))


def test_an_answer_tells_what_it_is() -> None:
    """Audio, its length, how long it took, who spoke."""
    house = _house(GOOD)
    answer = run(house.say(b'{"input":"Hello there.","response_format":"pcm"}'))
    assert (200, SECOND, "audio/pcm", str(len(SECOND))) == (
        answer.status,
        answer.body,
        answer.get("content-type"),
        answer.get("content-length"),
    )
    expected = {
        "x-audio-duration": "1.000",
        "x-generation-time": "0.250",
        "x-router-cache": "bypass",
        "x-tts-engine": "chatterbox-turbo",
        "x-tts-voice": "fable",
        "x-router-provider": "gpu",
        "x-router-model": "turbo",
        "x-router-attempts": "1",
        "x-router-substitution": None,
    }
    assert expected == {name: answer.get(name) for name in expected}


@pytest.mark.parametrize(
    ("name", "media_type", "magic"),
    [
        ("mp3", "audio/mpeg", b"\xff"),
        ("opus", "audio/ogg", b"OggS"),
        ("aac", "audio/aac", b"\xff"),
        ("flac", "audio/flac", b"fLaC"),
        ("wav", "audio/wav", b"RIFF"),
        ("pcm", "audio/pcm", SECOND[:8]),
    ],
)
def test_every_format_has_its_type_and_bytes(name: str, media_type: str, magic: bytes) -> None:
    """The label is that of what is inside."""
    answer = run(_house(GOOD).say(json.dumps({"input": "Hello there.", "response_format": name}).encode()))
    assert (media_type, True) == (answer.get("content-type"), answer.body.startswith(magic))


def test_the_provider_gets_the_segment_as_asked() -> None:
    """Text, voice, speed, language, seed, instructions and options."""
    house = _house(GOOD)
    body = {
        "input": "Hello there.",
        "voice": "nova",
        "speed": 1.5,
        "language": "en",
        "seed": 7,
        "instructions": "calm",
        "exaggeration": 0.3,
    }
    run(house.say(json.dumps(body).encode(), (b"x-request-id", b"id-1")))
    expected = Segment("Hello there.", "nova", 1.5, "en", 7, "calm", {"exaggeration": 0.3})
    assert [(expected, "turbo", "id-1")] == _node(house, "gpu").heard


def test_a_seed_is_made_when_none_is_given_and_kept_over_a_failover() -> None:
    """Whoever speaks in the end speaks with the same seed."""
    house = _house(_fails(ConnectionLost("gone")))
    run(house.say())
    seeds = {_node(house, name).heard[0][0].seed for name in ("gpu", "cpu")}
    assert 1 == len(seeds)


@pytest.mark.parametrize(
    ("voice", "reason", "gpu_is"),
    [
        (_fails(DialRefused("refused")), "provider_refused", ProviderState.DOWN),
        (_fails(DialTimeout("silent")), "provider_dial_timeout", ProviderState.DOWN),
        (_fails(ConnectionLost("gone")), "provider_connection_lost", ProviderState.DOWN),
        (_fails(Silent("slow")), "provider_timeout", ProviderState.UP),
        (_fails(Rejected("busy", upstream_status=429)), "provider_rejected", ProviderState.UP),
        (_fails(Malformed("half a sample")), "provider_malformed", ProviderState.UP),
        (_says(Utterance(b"")), "provider_malformed", ProviderState.UP),
        (_says(Utterance(pcm(0.02))), "provider_malformed", ProviderState.UP),
        (_says(Utterance(bytes(48_000 * 60))), "provider_malformed", ProviderState.UP),
    ],
    ids=["refused", "dial timeout", "lost", "silent", "busy", "malformed", "nothing", "too short", "too long"],
)
def test_a_fault_in_a_segment_is_spoken_whole_by_the_next(
    voice: Callable[[Segment], Utterance], reason: str, gpu_is: ProviderState
) -> None:
    """The client hears one whole answer, and is told that another engine spoke."""
    house = _house(voice)
    answer = run(house.say(b'{"input":"Hello there.","response_format":"pcm"}'))
    assert (200, SECOND, "cpu", "2", "model=espeak") == (
        answer.status,
        answer.body,
        answer.get("x-router-provider"),
        answer.get("x-router-attempts"),
        answer.get("x-router-substitution"),
    )
    assert [("speech", "gpu", "cpu", reason)] == house.observer.failovers
    assert [("gpu", reason), ("cpu", "ok")] == house.observer.attempts
    assert (gpu_is, 0) == (house.roster.standing("gpu").state, house.roster.standing("gpu").in_flight)


def test_a_segment_that_takes_for_ever_goes_to_the_next() -> None:
    """The deadline is for the whole segment, however busily bytes drip."""

    async def main() -> tuple[str | None, bool]:
        house = _house(GOOD)
        gpu = _node(house, "gpu")
        gpu.blocks_on = asyncio.Event()
        answer = await house.say()
        return answer.get("x-router-provider"), gpu.was_cancelled

    assert ("cpu", True) == run(main())


def test_a_client_that_leaves_stops_the_speaking() -> None:
    """The node's slot is freed, nobody else starts."""

    async def main() -> tuple[bool, int, str]:
        house = FakeHouse(
            FakeSpeech(speech_card("gpu"), GOOD, asyncio.Event()), FakeSpeech(speech_card("cpu", tier=2), GOOD)
        )
        house.report("gpu", "speech")
        gpu = _node(house, "gpu")
        task = asyncio.ensure_future(house.say(leaves=lambda _: bool(gpu.heard)))
        await until(lambda: gpu.was_cancelled)
        await task
        return gpu.was_cancelled, len(_node(house, "cpu").heard), house.observer.finished[0].outcome

    assert (True, 0, "caller_gone") == run(main())


def test_the_clients_fault_found_by_a_provider_is_not_repeated() -> None:
    """A 400 of the node's is the client's; the next node would say the same."""
    house = _house(_fails(InvalidRequest("gpu: no such option", code="rejected_by_provider")))
    answer = run(house.say())
    assert (400, "rejected_by_provider", []) == (
        answer.status,
        answer.json["error"]["code"],
        _node(house, "cpu").heard,
    )


def test_nobody_can_speak_has_one_line_each() -> None:
    """A 503 with reasons."""
    house = _house(_fails(ConnectionLost("the GPU node closed the connection")))
    house.sign("cpu", ProviderSign.DRAINING, "draining")
    answer = run(house.say())
    assert 503 == answer.status
    assert [
        "No provider can serve speech right now.",
        "- gpu: the GPU node closed the connection",
        "- cpu: draining (draining)",
    ] == answer.json["error"]["message"].splitlines()


def test_an_unknown_voice_is_a_404_that_names_close_ones() -> None:
    """When every provider has said which voices it has."""
    house = _house(GOOD)
    house.report("gpu", "turbo", voices=["fable", "alloy"])
    house.report("cpu", "espeak", voices=["alloy"])
    answer = run(house.say(b'{"input":"hi","voice":"fabel"}'))
    assert (404, "voice", "voice_not_found") == (
        answer.status,
        answer.json["error"]["param"],
        answer.json["error"]["code"],
    )
    assert "Did you mean fable?" in answer.json["error"]["message"]


def test_a_provider_without_the_voice_is_passed_over() -> None:
    """The voice counts for more than the tier, and for more than the engine."""
    house = _house(GOOD)
    house.report("gpu", "turbo", voices=["fable"])
    house.report("cpu", "espeak", voices=["en-gb"])
    answer = run(house.say(b'{"input":"hi there","voice":"en-gb"}'))
    assert (200, "cpu", []) == (answer.status, answer.get("x-router-provider"), _node(house, "gpu").heard)
    assert "model=espeak" == answer.get("x-router-substitution")


@pytest.mark.parametrize(
    ("voice", "told", "spoken_as"),
    [
        ("nova", "voice=fable", None),
        ("fable", None, "fable"),
        ("narrator", None, "fable"),
    ],
)
def test_a_voice_that_nobody_has_is_substituted_and_told(
    voice: str, told: str | None, spoken_as: str | None
) -> None:
    """OpenAI's names are asked for by habit; the provider speaks with its default and says which that was."""
    house = FakeHouse(
        FakeSpeech(speech_card("gpu"), GOOD), settings={"voices": {"narrator": {"use": {"gpu": "fable"}}}}
    )
    house.report("gpu", "turbo", voices=["fable"])
    answer = run(house.say(json.dumps({"input": "Hello there.", "voice": voice}).encode()))
    assert (200, told) == (answer.status, answer.get("x-router-substitution"))
    assert [spoken_as] == [segment.voice for segment, _, _ in _node(house, "gpu").heard]


def test_a_voice_of_the_house_goes_out_by_the_providers_own_name() -> None:
    """And the client is told the name it used, unless the provider says otherwise."""
    house = FakeHouse(
        FakeSpeech(speech_card("gpu"), _says(Utterance(SECOND))),
        settings={"voices": {"narrator": {"use": {"gpu": "fable"}}}},
    )
    house.report("gpu", "turbo")
    answer = run(house.say(b'{"input":"Hello there.","voice":"narrator"}'))
    assert ("fable", "narrator", "narrator") == (
        _node(house, "gpu").heard[0][0].voice,
        answer.get("x-tts-voice"),
        house.observer.finished[0].voice,
    )


def test_without_substitution_another_engine_does_not_speak_for_a_named_one() -> None:
    """`substitution: none`: a 503 rather than another voice."""
    house = _house(_fails(ConnectionLost("gone")), substitution="none")
    answer = run(house.say(b'{"input":"Hello there.","model":"gpu/turbo"}'))
    assert (503, []) == (answer.status, _node(house, "cpu").heard)


def test_the_default_voice_is_used_and_recorded() -> None:
    """When the client names none."""
    house = _house(GOOD, default_voice="sage")
    run(house.say())
    assert ("sage", "sage") == (_node(house, "gpu").heard[0][0].voice, house.observer.finished[0].voice)


def test_without_a_figure_of_the_providers_the_clock_counts() -> None:
    """Generation time is derived, never guessed."""
    house = FakeHouse()

    def slowly(_: Segment) -> Utterance:
        house.clock.advance(1.5)
        return Utterance(SECOND)

    house.__init__(FakeSpeech(speech_card("gpu"), slowly))  # type: ignore[misc]
    house.report("gpu", "turbo")
    answer = run(house.say())
    assert ("1.500", "turbo", "alloy") == tuple(
        answer.get(name) for name in ("x-generation-time", "x-tts-engine", "x-tts-voice")
    )


def test_events_carry_the_audio_and_its_figures() -> None:
    """OpenAI's speech events; both headers stand in the last one as well."""
    answer = run(_house(GOOD).say(b'{"input":"Hello there.","response_format":"pcm","stream_format":"sse"}'))
    events = [json.loads(event.removeprefix(b"data: ")) for event in answer.body.split(b"\n\n")[:-1]]
    *deltas, done = events
    assert {"speech.audio.delta"} == {event["type"] for event in deltas}
    assert SECOND == b"".join(base64.b64decode(event["audio"]) for event in deltas)
    assert {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 3, "output_tokens": 25, "total_tokens": 28},
        "audio_duration": 1.0,
        "generation_time": 0.25,
    } == done
    assert ("text/event-stream; charset=utf-8", "1.000", True) == (
        answer.get("content-type"),
        answer.get("x-audio-duration"),
        answer.is_complete,
    )


def test_what_became_of_an_answer_is_known_to_its_client_for_an_hour() -> None:
    """GET /v1/audio/speech/{request id}."""

    async def main() -> list[int]:
        house = _house(GOOD)
        house.__init__(  # type: ignore[misc]
            FakeSpeech(speech_card("gpu"), GOOD), has_rest=True
        )
        house.report("gpu", "turbo")
        await house.say(b'{"input":"Hello there."}', (b"x-request-id", b"id-1"))
        found = await house.ask("GET", "/v1/audio/speech/id-1")
        assert {
            "id": "id-1",
            "object": "audio.speech",
            "status": "completed",
            "audio_duration": 1.0,
            "generation_time": 0.25,
            "engine": "chatterbox-turbo",
            "voice": "fable",
            "provider": "gpu",
            "substitution": None,
        } == found.json
        other = await house.ask("GET", "/v1/audio/speech/id-2")
        house.clock.advance(3601)
        later = await house.ask("GET", "/v1/audio/speech/id-1")
        return [found.status, other.status, later.status]

    assert [200, 404, 404] == run(main())


@pytest.mark.parametrize(
    ("header", "voice", "expected"),
    [
        (None, None, "cpu"),
        (b"any", None, "cpu"),
        (b" Same_Voice ", None, "cpu"),
        (b"mapped", None, "cpu"),
        (b"none", None, None),
        (None, "strict", None),
        (b"any", "strict", "cpu"),
        (b"none", "easy", None),
        (b"same_voice", "easy", None),
        (b"mapped", "easy", "cpu"),
    ],
)
def test_the_clients_word_on_substitution_counts_first(
    header: bytes | None, voice: str | None, expected: str | None
) -> None:
    """Then the voice's, then the house's."""
    house = FakeHouse(
        FakeSpeech(speech_card("gpu"), _fails(ConnectionLost("gone"))),
        FakeSpeech(speech_card("cpu", tier=2), GOOD),
        settings={
            "models": {"speech": {"serves": "speech", "routes": [{"provider": "gpu", "model": "turbo"}]}},
            "voices": {
                "strict": {"use": {"gpu": "s", "cpu": "s"}, "substitution": "none"},
                "easy": {"use": {"gpu": "e", "cpu": "f"}},
            },
        },
    )
    house.report("gpu", "turbo")
    house.report("cpu", "espeak")
    body = {"input": "Hello there."} | ({"voice": voice} if voice else {})
    headers = [(b"x-router-fallback", header)] if header is not None else []
    answer = run(house.say(json.dumps(body).encode(), *headers))
    spoke = answer.get("x-router-provider") if answer.status == 200 else None
    assert (200 if expected else 503, expected) == (answer.status, spoke)


def test_a_word_on_substitution_that_is_none_is_a_400() -> None:
    """Named, with those that are."""
    answer = run(_house(GOOD).say(b'{"input":"hi"}', (b"x-router-fallback", b"perhaps")))
    error = answer.json["error"]
    assert (400, "X-Router-Fallback", "out_of_range") == (answer.status, error["param"], error["code"])
    assert "none, same_voice, mapped, any" in error["message"]


@pytest.mark.parametrize("sign", ["machine", "node"])
def test_a_node_that_is_lost_is_left_at_once(sign: str) -> None:
    """The segment is spoken whole by the next; the model of the lost one is not to blame."""

    async def main() -> FakeHouse:
        house = FakeHouse(
            FakeSpeech(speech_card("gpu", first_byte_s=60, stall_s=60), GOOD, asyncio.Event()),
            FakeSpeech(speech_card("cpu", tier=2), _says(Utterance(SECOND, 0.125, "espeak", "en"))),
        )
        house.report("gpu", "turbo")
        house.report("cpu", "espeak")
        gpu = _node(house, "gpu")
        task = asyncio.ensure_future(house.say(b'{"input":"Hello there.","response_format":"pcm"}'))
        await until(lambda: bool(gpu.heard))
        probe = {
            "machine": Probe(HostSign.SILENT, ProviderSign.FAULT, "no answer to a dial"),
            "node": Probe(HostSign.ANSWERED, ProviderSign.MUTE, "accepts connections, answers nothing"),
        }[sign]
        for _ in range(2):
            house.roster.note_probe("gpu", probe)
        answer = await task
        assert (200, SECOND, "cpu", True) == (
            answer.status,
            answer.body,
            answer.get("x-router-provider"),
            gpu.was_cancelled,
        )
        return house

    house = run(main())
    assert [("gpu", "provider_host_lost"), ("cpu", "ok")] == house.observer.attempts
    assert (0, Verdict.CLOSED) == (
        house.roster.standing("gpu").in_flight,
        house.roster.standing("gpu", "turbo").verdict,
    )


@pytest.mark.parametrize(
    ("voice", "expected"),
    [
        (_fails(DialRefused("refused")), "cpu"),
        (_fails(ConnectionLost("reset")), "cpu"),
        (_fails(Rejected("busy", upstream_status=429)), "cpu"),
        (_fails(Silent("slow")), None),
        (_says(Utterance(b"")), None),
    ],
    ids=["refused", "reset", "busy", "silent", "too short"],
)
def test_what_may_have_been_paid_for_is_not_spoken_twice(
    voice: Callable[[Segment], Utterance], expected: str | None
) -> None:
    """A provider that bills."""
    house = FakeHouse(
        FakeSpeech(speech_card("gpu", is_billed=True), voice), FakeSpeech(speech_card("cpu", tier=2), GOOD)
    )
    house.report("gpu", "turbo")
    house.report("cpu", "espeak")
    answer = run(house.say())
    assert (200 if expected else 503, bool(expected)) == (answer.status, bool(_node(house, "cpu").heard))


@pytest.mark.parametrize(
    ("model", "eta_s", "provider", "warmings"),
    [("speech", 1.9, "gpu", 0), ("speech", 2.1, "cpu", 1), ("patient", 2.1, "gpu", 0), ("patient", 9.1, "cpu", 1)],
)
def test_who_loads_too_long_is_warmed_while_the_next_speaks(
    model: str, eta_s: float, provider: str, warmings: int
) -> None:
    """So that it speaks the next text."""
    routes = [{"provider": "gpu", "model": "turbo"}]

    async def main() -> tuple[str | None, int]:
        house = FakeHouse(
            FakeSpeech(speech_card("gpu"), GOOD),
            FakeSpeech(speech_card("cpu", tier=2), GOOD),
            settings={
                "models": {
                    "speech": {"serves": "speech", "routes": routes},
                    "patient": {"serves": "speech", "routes": routes, "max_wait_s": 9},
                }
            },
        )
        house.sign("gpu", ProviderSign.COLD, eta_s=eta_s)
        house.report("cpu", "espeak")
        answer = await house.say(json.dumps({"input": "Hello there.", "model": model}).encode())
        await house.warmer.aclose()
        return answer.get("x-router-provider"), _node(house, "gpu").warmings

    assert (provider, warmings) == run(main())


def test_a_substitute_that_is_late_is_not_warmed() -> None:
    """Nobody asked for it."""

    async def main() -> int:
        house = _house(GOOD)
        house.sign("cpu", ProviderSign.COLD, eta_s=60)
        await house.say()
        await house.warmer.aclose()
        return _node(house, "cpu").warmings

    assert 0 == run(main())


@pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_text_without_a_word_is_whatever_the_engine_makes_of_it(name: str) -> None:
    """An ellipsis may well be silence of no length; that is an answer, not a failure."""
    house = _house(_says(Utterance(b"")))
    answer = run(house.say(json.dumps({"input": "…", "response_format": name}).encode()))
    assert (200, "0.000") == (answer.status, answer.get("x-audio-duration"))


def test_metrics_of_speech_are_recorded() -> None:
    """Both figures, for the histograms."""
    house = _house(GOOD)
    run(house.say())
    record = house.observer.finished[0]
    assert (1.0, 0.25, "ok") == (record.audio_s, record.generation_s, record.outcome)
