"""Any OpenAI-compatible server."""

import json
from typing import Any

import pytest
from fakes import ManualClock, RecordingSink, chat_card, pcm, speech_card
from loopback import Loopback, Peer, Script, answering, ok, serving
from running import run

from router.domain import AudioFormat, Endpoint, Model, Rendition, Segment, Utterance
from router.errors import ConnectionLost, InvalidRequest, Malformed, Rejected, Silent, UpstreamFault
from router.health import HostSign, ProviderSign
from router.ports import Probe
from router.providers.openai import OpenAIServer, speech_body
from router.providers.origin import Address, Origin
from router.speech.encoding import AudioFile, encoder_of

pytestmark = pytest.mark.usefixtures("_patient")
SEGMENT = Segment("Hello there.", "nova", 1.5, None, 7, None, {"exaggeration": 0.3, "input": "no", "seed": 1})


def _server(upstream: Loopback, *known: str, patience_s: float = 60) -> OpenAIServer:
    origin = Origin(
        Address("http", "127.0.0.1", upstream.port, "/v1"), api_key="k", connect_s=1, clock=ManualClock()
    )
    return OpenAIServer(speech_card("s", first_byte_s=patience_s, stall_s=patience_s, known_models=known), origin)


async def _probe(answer: bytes, *known: str) -> Probe:
    async with serving(answering(answer)) as upstream:
        server = _server(upstream, *known)
        probe = await server.probe()
        await server.aclose()
        return probe


MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
LIST = ok(b'{"object":"list","data":[{"id":"a","object":"model"},{"id":"b"}]}')


@pytest.mark.parametrize(
    ("answer", "known", "sign", "models"),
    [
        (LIST, [], ProviderSign.READY, ["a", "b"]),
        (LIST, ["c"], ProviderSign.READY, ["a", "b", "c"]),
        (ok(b'{"data":[]}'), [], ProviderSign.READY, []),
        (MISSING, ["c"], ProviderSign.READY, ["c"]),
        (MISSING, [], ProviderSign.FAULT, None),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", ["c"], ProviderSign.FAULT, None),
        (ok(b"<html>a router's page</html>"), [], ProviderSign.FAULT, None),
        (ok(b'{"models":[]}'), [], ProviderSign.FAULT, None),
        (ok(b'{"data":[{"name":"a"}]}'), [], ProviderSign.FAULT, None),
        (ok(b"\xff"), [], ProviderSign.FAULT, None),
        (ok(b"[" * 100_000), [], ProviderSign.FAULT, None),
        (ok(b'{"data":[{"id":"a"}],"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), [], ProviderSign.FAULT, None),
    ],
    ids=[
        "list",
        "list and known",
        "none",
        "no list, known",
        "no list",
        "key",
        "html",
        "shape",
        "entry",
        "bytes",
        "deep",
        "deep aside",
    ],
)
def test_probe(answer: bytes, known: list[str], sign: ProviderSign, models: list[str] | None) -> None:
    """A list of models is life; whatever else is told as what it is, and nothing is raised."""
    probe = run(_probe(answer, *known))
    expected = None if models is None else tuple(Model(name) for name in models)
    assert (HostSign.ANSWERED, sign, expected) == (probe.host, probe.provider, probe.models)


def test_a_chat_goes_to_its_path_with_the_providers_key() -> None:
    """The headers are those that were given, and the key."""

    async def main() -> tuple[str, str | None, bytes, bytes]:
        async with serving(answering(ok(b"{}"))) as upstream:
            server = _server(upstream)
            sink = RecordingSink()
            await server.send(Endpoint.CHAT, [(b"accept", b"*/*")], b'{"x":1}', sink)
            await sink.over.wait()
            await server.aclose()
            request = upstream.requests[0]
            return request.line, request.get("authorization"), request.body, sink.body

    assert ("POST /v1/chat/completions HTTP/1.1", "Bearer k", b'{"x":1}', b"{}") == run(main())


def test_the_speech_body_says_what_was_asked_and_no_more() -> None:
    """What the client left out stays out; its options cannot replace what is the router's."""
    expected = {
        "model": "m",
        "input": "Hello there.",
        "voice": "nova",
        "response_format": "wav",
        "speed": 1.5,
        "seed": 7,
        "exaggeration": 0.3,
    }
    assert expected == speech_body(SEGMENT, "m", "wav")


async def _speak(
    script: Script, *, patience_s: float = 60
) -> tuple[Utterance | UpstreamFault | InvalidRequest, Any]:
    async with serving(script) as upstream:
        server = _server(upstream, patience_s=patience_s)
        try:
            result: Any = await server.speak(SEGMENT, "m", "id-1")
        except (UpstreamFault, InvalidRequest) as error:
            result = error
        await server.aclose()
        sent = json.loads(upstream.requests[0].body), upstream.requests[0].get("x-request-id")
        return result, sent


def _encoded(samples: bytes, audio_format: AudioFormat) -> bytes:
    encoder, file = encoder_of(Rendition(audio_format)), AudioFile(Rendition(audio_format))
    file.add(encoder.feed(samples) + encoder.close())
    return file.take()


@pytest.mark.proves(provider="openai", feature="speech", what="any of its formats becomes PCM")
@pytest.mark.parametrize("audio_format", [AudioFormat.WAV, AudioFormat.FLAC, AudioFormat.MP3])
def test_whatever_audio_comes_becomes_pcm(audio_format: AudioFormat) -> None:
    """Also when the server does not send what it was asked for."""
    audio = _encoded(pcm(1.0), audio_format)
    headers = ("X-Generation-Time: 0.5", "X-TTS-Engine: turbo", "X-TTS-Voice: fable")
    spoken, (body, request_id) = run(_speak(answering(ok(audio, *headers))))
    assert isinstance(spoken, Utterance)
    assert (0.5, "turbo", "fable") == (spoken.generation_s, spoken.engine, spoken.voice)
    assert abs(spoken.duration_s - 1.0) < 0.15
    assert ("wav", "id-1") == (body["response_format"], request_id)


def test_a_bomb_of_audio_is_stopped() -> None:
    """A minute and more for two words is not decoded to its end."""
    audio = _encoded(bytes(2 * 24_000 * 600), AudioFormat.FLAC)
    fault, _ = run(_speak(answering(ok(audio))))
    assert isinstance(fault, Malformed)
    assert "sent more than 50 s of audio: too long to be right" == fault.message


def test_what_is_odd_is_left_to_be_judged() -> None:
    """Too long to be right perhaps, and yet as long as others would say it: whoever compares them decides."""
    spoken, _ = run(_speak(answering(ok(_encoded(pcm(40.0), AudioFormat.FLAC)))))
    assert isinstance(spoken, Utterance)
    assert 40.0 == spoken.duration_s


def test_no_more_is_taken_in_than_the_text_can_be() -> None:
    """Some 50 s at the very most: so its audio has 20 MB, and not 64."""

    async def flooding(peer: Peer) -> None:
        await peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 60000000\r\n\r\n" + bytes(25_000_000))
        await peer.until_closed()

    fault, _ = run(_speak(flooding))
    assert isinstance(fault, Malformed)
    assert "the answer is longer than" in fault.message


@pytest.mark.parametrize("value", ["", "x", "-1", "nan", "inf", "1e9"])
def test_a_figure_that_is_none_is_left_out(value: str) -> None:
    """The router's clock serves instead; nothing is guessed."""
    audio = _encoded(pcm(0.5), AudioFormat.WAV)
    spoken, _ = run(_speak(answering(ok(audio, f"X-Generation-Time: {value}"))))
    assert isinstance(spoken, Utterance)
    assert None is spoken.generation_s


async def _mute(peer: Peer) -> None:
    await peer.request()
    await peer.until_closed()


async def _stalling(peer: Peer) -> None:
    await peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nRIFF")
    await peer.until_closed()


async def _cut(peer: Peer) -> None:
    await peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nRIFF")


def _status(status: int, body: bytes = b'{"error":{"message":"said so"}}', *more: bytes) -> Script:
    head = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n" % (status, len(body))
    return answering(head + b"".join(line + b"\r\n" for line in more) + b"\r\n" + body)


@pytest.mark.proves(provider="openai", feature="faults", what="errors, cut, silence, a 200 without sound")
@pytest.mark.parametrize(
    ("script", "kind", "message"),
    [
        (_mute, Silent, "no byte within 0.5 s"),
        (_stalling, Silent, "no byte within 0.5 s"),
        (_cut, ConnectionLost, "closed the connection in the middle of its answer"),
        (answering(ok(b"no audio")), Malformed, "sent 8 bytes that are no audio"),
        (_status(400), InvalidRequest, "s: said so"),
        (_status(413), InvalidRequest, "s: said so"),
        (_status(422, b""), InvalidRequest, "s: status 422"),
        (_status(404), Rejected, "answered with status 404: said so"),
        (_status(500, b"oops"), Rejected, "answered with status 500"),
    ],
    ids=["mute", "stalling", "cut", "no audio", "400", "413", "422", "404", "500"],
)
def test_faults_of_speech(script: Script, kind: type[Exception], message: str) -> None:
    """Whose fault it is decides who is asked next."""
    error, _ = run(_speak(script, patience_s=0.5 if kind is Silent else 60))
    assert kind is type(error)
    assert message in str(error)


def test_a_busy_server_says_when_to_come_back() -> None:
    """So that the 429 or 503 can say it too."""
    error, _ = run(_speak(_status(429, b"{}", b"Retry-After: 7")))
    assert isinstance(error, Rejected)
    assert (429, 7.0) == (error.upstream_status, error.retry_after_s)


def test_its_repr_tells_where_it_is() -> None:
    """For the log and the debugger; without the key."""
    origin = Origin(Address("http", "h", 1, "/v1"), api_key="secret", connect_s=1, clock=ManualClock())
    assert "<OpenAIServer c <Origin <Http1Transport h:1 open=0 idle=0>>>" == repr(
        OpenAIServer(chat_card("c"), origin)
    )
