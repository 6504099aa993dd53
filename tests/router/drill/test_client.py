"""What a client of the drill makes of an answer, on real sockets."""

import base64
import json

from drills import aloud_document, chunked, event, question
from loopback import Peer, Received, answering, nobody, ok, serving
from running import run

from router.drill.answer import Answer, Kind, Told
from router.drill.client import Client

SEGMENTS = [{"provider": "gpu-tts", "audio_duration": 1.5}, {"provider": "cpu-tts", "audio_duration": 0.5}]
TOLD = [Told("gpu-tts", 1.5), Told("cpu-tts", 0.5)]


def asked(response: bytes, kind: Kind, *, stays: bool = True) -> Answer:
    """What a client has of it; unless it `stays`, the server then hangs up."""

    async def script(peer: Peer) -> None:
        await peer.request()
        peer.send(response)
        if stays:
            await peer.until_closed()

    async def main() -> Answer:
        async with serving(script) as upstream:
            return await Client("127.0.0.1", upstream.port).ask(question(kind))

    return run(main())


def test_events_are_sound_and_their_end_tells_of_segments() -> None:
    """However they are cut into pieces."""
    pcm = bytes(range(200))
    first = event({"type": "speech.audio.delta", "audio": base64.b64encode(pcm[:100]).decode()})
    second = event({"type": "speech.audio.delta", "audio": base64.b64encode(pcm[100:]).decode()})
    done = event({"type": "speech.audio.done", "segments": SEGMENTS})
    stream = first + second + done
    answer = asked(chunked(stream[:37], stream[37:150], stream[150:]), Kind.LONG_SSE)
    assert bytes(answer.sound) == pcm
    assert [arrival.pcm_bytes for arrival in answer.arrivals] == [100, 200]
    assert answer.segments == TOLD
    assert answer.providers == ["gpu-tts", "cpu-tts"]
    assert answer.is_whole


def test_stream_that_is_cut_is_not_whole() -> None:
    """Though nothing was wrong with what came."""
    answer = asked(chunked(b"data: hel\n\n", is_whole=False), Kind.CHAT_SSE, stays=False)
    assert (answer.has_begun, answer.is_whole, bytes(answer.sound)) == (True, False, b"data: hel\n\n")


def test_error_is_told_and_is_no_sound() -> None:
    """With its headers."""
    body = b'{"error":{"message":"nobody is there"}}'
    answer = asked(ok(body, "Retry-After: 1").replace(b"200 OK", b"503 No"), Kind.SHORT)
    assert (answer.status, answer.has_begun, answer.arrivals) == (503, False, [])
    assert answer.error == {"message": "nobody is there"}
    assert answer.headers["retry-after"] == "1"
    assert "status 503 nobody is there" in str(answer)


def test_nobody_there_is_an_answer_too() -> None:
    """Which says what happened."""
    with nobody() as port:
        answer = run(Client("127.0.0.1", port).ask(question(Kind.SHORT)))
    assert (answer.status, answer.has_begun) == (0, False)
    assert "ConnectionRefusedError" in answer.failure


def test_segments_of_plain_audio_are_looked_up_by_its_id() -> None:
    """An answer without events cannot tell."""

    async def main() -> tuple[Answer, list[Received]]:
        async def script(peer: Peer) -> None:
            request = await peer.request()
            is_question = request.line.startswith("POST")
            told = json.dumps({"segments": SEGMENTS}).encode()
            peer.send(ok(b"\0" * 100, "X-Request-Id: req-1") if is_question else ok(told))
            await peer.until_closed()

        async with serving(script) as upstream:
            answer = await Client("127.0.0.1", upstream.port).ask(question(Kind.LONG_AUDIO))
            return answer, upstream.requests

    answer, requests = run(main())
    assert answer.segments == TOLD
    assert requests[1].line == "GET /v1/audio/speech/req-1 HTTP/1.1"


def test_segments_of_a_chat_that_is_answered_whole_are_looked_up_too() -> None:
    """Its document tells only how long it is."""

    async def main() -> Answer:
        async def script(peer: Peer) -> None:
            is_question = (await peer.request()).line.startswith("POST")
            told = json.dumps({"segments": SEGMENTS}).encode()
            peer.send(ok(aloud_document(), "X-Request-Id: req-1") if is_question else ok(told))
            await peer.until_closed()

        async with serving(script) as upstream:
            return await Client("127.0.0.1", upstream.port).ask(question(Kind.ALOUD_JSON))

    answer = run(main())
    assert answer.segments == TOLD
    assert answer.is_finished


def test_orders_and_documents() -> None:
    """Whether an order was taken; what a document says, if it is one."""

    async def main(response: bytes) -> tuple[bool, object]:
        async with serving(answering(response)) as upstream:
            client = Client("127.0.0.1", upstream.port)
            return await client.post("/yield"), await client.get("/health")

    assert run(main(ok(b'{"state":"up"}'))) == (True, {"state": "up"})
    assert run(main(ok(b"not JSON"))) == (True, None)
    assert run(main(ok(b"{}").replace(b"200 OK", b"404 No"))) == (False, None)
