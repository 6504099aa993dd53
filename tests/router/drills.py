"""Answers, trials and ledgers made up for tests, times in seconds from the fault."""

import base64
import json
import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

from loopback import ok

from router.domain import BYTES_PER_S
from router.drill.answer import Answer, Kind, Question, Told
from router.drill.hearing import Arrival
from router.drill.ledger import Judged, Ledger, Outcome, Trial, judged
from router.drill.load import Scene
from router.drill.reading import Reading
from router.drill.router_log import Notice

PCM = random.Random(1).randbytes(153_600)  # 3.2 s, nowhere like itself
LENGTHS_S: Final = (1.0, 1.0, 1.2)
WORDS: Final = "One. Two. Three."
_SENTENCES: Final = (PCM[:48_000], PCM[48_000:96_000], PCM[96_000:])


def question(kind: Kind, name: str = "text") -> Question:
    return Question(kind, "/v1/audio/speech", {}, name)


def event(document: object) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def chunk(delta: Mapping[str, Any], finish: str | None = None) -> bytes:
    """An event of a streamed chat."""
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def segment(number: int, provider: str = "gpu-tts") -> dict[str, Any]:
    return {"index": number, "provider": provider, "audio_duration": LENGTHS_S[number]}


def spoken_chunks(number: int, provider: str = "gpu-tts") -> bytes:
    """A sentence of a chat aloud, in two pieces."""
    pcm = _SENTENCES[number]
    pieces = [base64.b64encode(piece).decode() for piece in (pcm[:20_000], pcm[20_000:])]
    first = chunk({"audio": {"data": pieces[0], "segment": segment(number, provider)}})
    return first + chunk({"audio": {"data": pieces[1]}})


def aloud_stream(numbers: Sequence[int] = (0, 1, 2), words: str = WORDS, **end: Any) -> bytes:
    """A chat aloud, streamed: its words, those of its sentences, its end, in which `end` is told, too."""
    segments = [segment(number) for number in range(3)]
    written = b"".join(chunk({"audio": {"transcript": word}}) for word in (words[:7], words[7:]))
    told = {"expires_at": 1, "audio_duration": 3.2, "segments": segments, **end}
    end_of_all = chunk({"audio": told}) + chunk({}, "stop") + b"data: [DONE]\n\n"
    head = chunk({"role": "assistant", "content": ""})
    return head + written + b"".join(spoken_chunks(number) for number in numbers) + end_of_all


def chunked(*pieces: bytes, is_whole: bool = True) -> bytes:
    """An answer of events; unless it `is_whole`, without the end of its framing."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head + body + (b"0\r\n\r\n" if is_whole else b"")


def aloud_document(sound: bytes = PCM, words: str = WORDS) -> bytes:
    """A chat aloud, whole."""
    audio = {"id": "a", "data": base64.b64encode(sound).decode(), "expires_at": 1, "transcript": words}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": None, "audio": audio},
        "finish_reason": "stop",
    }
    return json.dumps({"choices": [choice]}).encode()


def document(body: bytes, *headers: str) -> bytes:
    """An answer that is JSON."""
    return ok(body, "Content-Type: application/json", *headers)


def read(response: bytes, kind: Kind) -> Answer:
    """What a client of the drill makes of it, which looks segments up where they are not told."""
    made = Answer(question(kind), 0.0)
    Reading(made).feed(response)
    return made


def answer(
    kind: Kind,
    asked_s: float,
    first_s: float | None,
    ended_s: float,
    provider: str = "gpu-tts",
    *,
    status: int = 200,
    sound: bytes = b"",
    is_complete: bool = True,
    headers: Mapping[str, str] | None = None,
    told: Sequence[Told] = (),
) -> Answer:
    """An answer whose sound came in one piece."""
    made = Answer(question(kind), asked_s, ended_s, status)
    made.headers = {"x-router-provider": provider, **(headers or {})} if provider else dict(headers or {})
    made.sound = bytearray(sound)
    made.arrivals = [] if first_s is None else [Arrival(first_s, len(sound) or BYTES_PER_S)]
    made.is_complete = is_complete
    made.segments = list(told)
    return made


def fine(*answers: Answer) -> tuple[Judged, ...]:
    return tuple(Judged(one, Outcome.OK) for one in answers)


def by_form(*answers: Answer) -> tuple[Judged, ...]:
    """Judged by their form alone."""
    return tuple(judged(one, {}) for one in answers)


def trial(
    answers: Sequence[Judged] = (),
    *,
    fault: str = "unplugged",
    scene: Scene = Scene.QUIET,
    providers: Mapping[str, float | None] | None = None,
    notices: Sequence[Notice] = (),
    asked: Mapping[str, Sequence[float]] | None = None,
    struck: Mapping[str, Sequence[float]] | None = None,
    ready_s: float | None = 105.0,
    has_fallback: bool = True,
    is_sudden: bool = True,
) -> Trial:
    """The fault came at 100 s and went at 105 s."""
    return Trial(
        fault,
        scene,
        {"gpu-tts": 100.0} if providers is None else providers,
        90.0,
        100.0,
        105.0,
        ready_s,
        110.0,
        tuple(answers),
        tuple(notices),
        asked or {},
        struck or {},
        is_sudden,
        has_fallback,
    )


def ledger(*trials: Trial) -> Ledger:
    return Ledger("espeak-ng", "a veth pair", trials, (0.0,), (0.6,), (0.7,), ("Simulated.",))


def good_trial() -> Trial:
    """One in which every promise holds: noticed in 0.5 s, first audio after 0.9 s, no gap, back after 0.3 s; but a
    chat aloud has a gap of 0.2 s."""
    aloud = answer(
        Kind.ALOUD_SSE, 98.0, 99.0, 102.0, "cpu-writer", told=[Told("gpu-tts", 1.5), Told("cpu-tts", 1.0)]
    )
    aloud.arrivals = [Arrival(99.0, 3 * BYTES_PER_S // 2), Arrival(100.7, 5 * BYTES_PER_S // 2)]
    long = answer(Kind.LONG_AUDIO, 95.0, 96.0, 104.0, told=[Told("gpu-tts", 2.0), Told("cpu-tts", 2.0)])
    long.arrivals = [Arrival(96.0, 10 * BYTES_PER_S), Arrival(103.0, 12 * BYTES_PER_S)]
    return trial(
        fine(
            long,
            answer(Kind.SHORT, 99.9, 100.9, 100.9, "cpu-tts"),
            answer(Kind.SHORT, 101.0, 101.7, 101.7, "cpu-tts"),
            answer(Kind.SHORT, 105.3, 105.9, 105.9),
            aloud,
        ),
        notices=[Notice(100.5, "gpu-tts", "down")],
    )
